// How LoRA's A [r, in] and B [out, r] start. Three draw them so that BA = 0. Two read W and take its leading part, so that training
// begins in W's own directions; the update then stands for s·BA − s·B₀A₀ (LowRankUpdate), and the layer's output is W's at first. One takes
// the leading part of what quantizing W loses (LoftQ.cs).
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>How A and B start.</summary>
public enum LoraInit
{
    /// <summary>A uniform in ±1/√in (kaiming with a = √5, as PEFT and loralib do), B = 0.</summary>
    Kaiming,

    /// <summary>A normal with standard deviation 1/r, B = 0.</summary>
    Gaussian,

    /// <summary>Neither is 0 and BA is: A and B are normal in two orthogonal halves of r (even), over 10, as PEFT's.</summary>
    Orthogonal,

    /// <summary>PiSSA (arXiv 2404.02948): with W = U S Vᵀ, B = U √(S/s) and A = √(S/s) Vᵀ, the first r of each.</summary>
    Pissa,

    /// <summary>OLoRA (arXiv 2406.01775): with W = Q R, the first r columns of Q and rows of R, unscaled.</summary>
    Olora,

    /// <summary>LoftQ (arXiv 2310.08659): W becomes codes, and A and B begin at what those lost of it, as <see cref="LoraConfig.LoftQ"/> says.</summary>
    LoftQ,
}

internal static class LoraStart
{
    /// <summary>Does it take A and B from W?</summary>
    public static bool ReadsWeight(this LoraInit init) => init.IsPartOfWeight() || init == LoraInit.LoftQ;

    /// <summary>Are A and B at first a part of W, which ΔW then leaves out?</summary>
    public static bool IsPartOfWeight(this LoraInit init) => init is LoraInit.Pissa or LoraInit.Olora;

    /// <summary>Draws A [r, in] and B [out, r]; call it with gradients off. What reads W is drawn as kaiming until it does.</summary>
    public static void Draw(LoraInit init, Parameter a, Parameter b)
    {
        if (init == LoraInit.Orthogonal)
        {
            Orthogonal(a, b);
            return;
        }
        var bound = 1 / Math.Sqrt(a.shape[1]);
        if (init == LoraInit.Gaussian) a.normal_(0, 1.0 / a.shape[0]);
        else a.uniform_(-bound, bound);
        b.zero_();
    }

    /// <summary>Random orthonormal rows [r, in] (AsyLoRA); r must not exceed in.</summary>
    public static void OrthonormalRows(Parameter a)
    {
        using var scope = NewDisposeScope();
        var drawn = randn(a.shape[1], a.shape[0], ScalarType.Float32);
        a.copy_(linalg.qr(drawn).Q.t());                                        // [in, r] = Q [in, r] R
    }

    /// <summary>A [r, in] and B [out, r] of PiSSA or OLoRA from W [out, in], by float64, in W's type; s is the adapter's scale.</summary>
    public static (Tensor A, Tensor B) Leading(LoraInit init, Tensor weight, long rank, double scale)
    {
        using var scope = NewDisposeScope();
        var exact = weight.to(ScalarType.Float64);
        Tensor a, b;
        if (init == LoraInit.Pissa)
        {
            var (u, s, vt) = linalg.svd(exact, fullMatrices: false);
            var root = s.narrow(0, 0, rank).div(scale).sqrt();                  // √(S/s) [r]
            (a, b) = (root.unsqueeze(1).mul(vt.narrow(0, 0, rank)), u.narrow(1, 0, rank).mul(root));
        }
        else
        {
            var (q, r) = linalg.qr(exact);
            (a, b) = (r.narrow(0, 0, rank), q.narrow(1, 0, rank));
        }
        return (a.to(weight.dtype, copy: true).MoveToOuterDisposeScope(), b.to(weight.dtype, copy: true).MoveToOuterDisposeScope());
    }

    /// <summary>Two halves of a random orthogonal matrix [r, r]: what A reads with one, B does not see.</summary>
    private static void Orthogonal(Parameter a, Parameter b)
    {
        using var scope = NewDisposeScope();
        var (rank, half, wide) = (a.shape[0], a.shape[0] / 2, FrozenWeight.Wide(a.dtype));
        var q = linalg.qr(randn(rank, rank, wide)).Q;
        a.copy_(randn(a.shape[1], half, wide).mm(q.narrow(0, 0, half)).t().div(10));        // [in, r/2] x [r/2, r]
        b.copy_(randn(b.shape[0], half, wide).mm(q.narrow(0, half, half)).div(10));         // [out, r/2] x [r/2, r]
    }
}
