using LowRank;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>
/// The products of a step and nothing else, one after the other in the order of their shapes: what the step would take if everything
/// but its matrix products were free.
/// </summary>
internal sealed class MatrixProducts : IDisposable
{
    private readonly List<(Tensor X, Tensor W, Tensor Y, Tensor Dx, Tensor Dw, int Times)> linears = [];
    private readonly Tensor heads, scores;
    private readonly int layers;

    public MatrixProducts(LlamaConfig shape, long n, long tokens)
    {
        var (h, f, v) = (shape.HiddenSize, shape.IntermediateSize, shape.VocabularySize);
        layers = shape.Layers;
        foreach (var (from, to, times) in new[] { (h, h, 4 * layers), (h, f, 2 * layers), (f, h, layers), (h, v, 1) })
            linears.Add((randn(n, from), randn(to, from), randn(n, to), empty(n, from), empty(to, from), times));
        heads = randn(n / tokens * shape.Heads, tokens, h / shape.Heads);
        scores = randn(n / tokens * shape.Heads, tokens, tokens);
    }

    /// <summary>x Wᵀ and dy W of every linear layer and the head; QKᵀ, PV and their four on the way back.</summary>
    public void ForwardAndInput()
    {
        using var guard = no_grad();
        foreach (var (x, w, y, dx, _, times) in linears)
        {
            using var transposed = w.t();
            for (var i = 0; i < times; i++)
            {
                y.addmm_(x, transposed, 0);             // [n, from] x [from, to]
                dx.addmm_(y, w, 0);                     // [n, to] x [to, from]
            }
        }
        using var turned = heads.transpose(1, 2);
        using var turnedScores = scores.transpose(1, 2);
        for (var i = 0; i < layers; i++)
        {
            for (var k = 0; k < 2; k++) heads.bmm(turned).Dispose();             // QKᵀ, dO Vᵀ
            for (var k = 0; k < 2; k++) scores.bmm(heads).Dispose();              // PV, dS K
            for (var k = 0; k < 2; k++) turnedScores.bmm(heads).Dispose();        // Pᵀ dO, dSᵀ Q
        }
    }

    /// <summary>dyᵀ x of every linear layer and the head.</summary>
    public void Weights()
    {
        using var guard = no_grad();
        foreach (var (x, _, y, _, dw, times) in linears)
        {
            using var transposed = y.t();
            for (var i = 0; i < times; i++) dw.addmm_(transposed, x, 0);                // [to, n] x [n, from]
        }
    }

    public void Dispose()
    {
        foreach (var (x, w, y, dx, dw, _) in linears)
            foreach (var tensor in new[] { x, w, y, dx, dw }) tensor.Dispose();
        foreach (var tensor in new[] { heads, scores }) tensor.Dispose();
    }
}
