// The guide's method (src/LowRank/Updates/README.md), word for word, checked as any other.
using LowRank.Tests.Adapters;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Tests.Methods;

/// <summary>ΔW = u vᵀ with u [out, 1] and v [1, in]: the simplest change of all.</summary>
public sealed class OuterUpdate : MaterializedUpdate
{
    private readonly Parameter u, v;

    public OuterUpdate(long inFeatures, long outFeatures, ScalarType? dtype, Device? device)
        : base(nameof(OuterUpdate), inFeatures, outFeatures)
    {
        u = new Parameter(zeros(outFeatures, 1, dtype, device));    // ΔW = 0 at the start
        v = new Parameter(ones(1, inFeatures, dtype, device));
        RegisterComponents();
    }

    public override IReadOnlyList<UpdateTensor> Tensors => [new("outer_u", u), new("outer_v", v)];

    public override Tensor Delta(ScalarType dtype)
    {
        using var grad = no_grad();
        return u.to(dtype).mm(v.to(dtype));                         // [out, 1] x [1, in] -> [out, in]
    }

    protected override void DeltaBackward(Tensor delta, UpdateGradients gradients)
    {
        gradients.Set(0, delta.mm(v.detach().to(delta.dtype).t()).to(u.dtype));     // ∂u = G vᵀ
        gradients.Set(1, u.detach().to(delta.dtype).t().mm(delta).to(v.dtype));     // ∂v = uᵀ G
    }
}

public sealed class OwnMethod
{
    [Fact]
    public void TheGuidesCodeIsThisCode()
    {
        var guide = File.ReadAllText(Path.GetFullPath("../src/LowRank/Updates/README.md", Golden.TestsFolder)).Split("```csharp\n")[1].Split("```")[0];
        Assert.Contains(guide, File.ReadAllText(Path.GetFullPath("LowRank.Tests/Methods/OwnMethod.cs", Golden.TestsFolder)));
    }

    [Theory, InlineData(false), InlineData(true)]
    public void TheGuidesMethodHasRightGradientsAndMerges(bool decomposed)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var layer = new AdaptedLinear(5, 7, hasBias: true, ScalarType.Float64);
        layer.AddAdapter("mine", new OuterUpdate(5, 7, ScalarType.Float64, null), decomposed);
        foreach (var parameter in new Tensor[] { layer.get_parameter("weight")!, layer.Bias! }) parameter.requires_grad = false;
        using (no_grad())
            foreach (var (_, tensor) in layer.Find("mine")!.Tensors) tensor.add_(randn_like(tensor).mul_(0.3));
        foreach (var tokens in new[] { 2, 15 })
        {
            var x = randn(tokens, 5, dtype: ScalarType.Float64).requires_grad_();
            if (!decomposed)
                Adapters.Gradients.Check(() => layer.forward(x), [("x", x), .. layer.Find("mine")!.Tensors.Select(t => (t.Name, (Tensor)t.Value))]);
            var adapted = layer.forward(x);
            layer.Merge();
            Golden.Close(adapted, layer.forward(x), 1e-12, "merged");
            layer.Unmerge();
        }
    }
}
