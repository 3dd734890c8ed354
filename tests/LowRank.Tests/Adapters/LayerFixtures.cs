// Every method that PEFT has, on one layer: output, gradients, merged weight and bias, output after merging, in float32 and
// float64.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public class LayerFixtures
{
    /// <summary>The configuration that a fixture's hyperparameters describe.</summary>
    private static readonly Dictionary<string, Func<Fixture, AdapterConfig>> Methods = new()
    {
        ["lora"] = LowRank, ["lora_rslora"] = LowRank, ["lora_bias"] = LowRank, ["dora"] = LowRank, ["dora_rslora"] = LowRank,
        ["vera"] = Vera, ["dvora"] = f => Vera(f).WithMagnitude(),
        ["adalora"] = f => Adapter.AdaLora(f.Hyper("ranknum", 0L), f.Hyper("init_r", 0L), f.Hyper("lora_alpha", 0.0)),
        ["mora"] = f => Adapter.Mora(f.Hyper("r", 0L), f.Hyper("mora_type", 0) switch
        {
            1 => MoraOperator.Strided, 2 => MoraOperator.Contiguous, 3 => MoraOperator.ContiguousToStrided,
            4 => MoraOperator.StridedToContiguous, _ => MoraOperator.Rotation,
        }),
        ["loha"] = f => Adapter.Loha(f.Hyper("r", 0L), f.Hyper("alpha", 0.0)),
        ["lokr"] = Kronecker, ["lokr_decompose_both"] = Kronecker,
        ["ia3"] = f => Adapter.Ia3(), ["ia3_feedforward"] = f => Adapter.Ia3(feedForward: ".*"),
    };

    /// <summary>Fixtures of one layer alone.</summary>
    public static TheoryData<string> All => Golden.Where(f => Methods.ContainsKey(f.Method) && f.Entry["in_features"] is not null);

    private static LoraConfig LowRank(Fixture fixture)
    {
        var config = new LoraConfig
        {
            Rank = fixture.Hyper("r", 0L),
            Alpha = fixture.Hyper("lora_alpha", 0.0),
            RsLora = fixture.Hyper("use_rslora", false),
            Bias = fixture.Hyper("lora_bias", false),
            Decomposed = fixture.Hyper("use_dora", false),
        };
        Assert.Equal(fixture.Hyper("scaling", 0.0), config.ScaleOf(""));
        return config;
    }

    private static LokrConfig Kronecker(Fixture fixture) =>
        Adapter.Lokr(fixture.Hyper("r", 0L), fixture.Hyper("alpha", 0.0), fixture.Hyper("decompose_both", false));

    private static VeraConfig Vera(Fixture fixture) => new()
    {
        Rank = fixture.Hyper("r", 0L),
        InitialD = fixture.Hyper("d_initial", 0.1),
        Seed = fixture.Hyper("projection_prng_key", 0L),
        Generator = VeraGenerator.Torch,
    };

    [Theory, MemberData(nameof(All))]
    public void EqualsInFloat32(string id) => Compare(Golden.Fixture(id), ScalarType.Float32, "", Golden.LayerTolerance);

    [Theory, MemberData(nameof(All))]
    public void EqualsInFloat64(string id)
    {
        // The peer takes MoRA's angles in float32 in its float64 run too.
        var rotated = Golden.Fixture(id).Hyper("mora_type", 0) == 6;
        Compare(Golden.Fixture(id), ScalarType.Float64, ".f64", rotated ? 1e-7 : Golden.ExactTolerance);
    }

    private static void Compare(Fixture fixture, ScalarType dtype, string twin, double tolerance)
    {
        using var scope = NewDisposeScope();
        var tensors = fixture.Load();
        var (layer, adapter) = Build(fixture, tensors, dtype);
        var x = tensors["x"].to(dtype).requires_grad_();
        var y = layer.forward(x);
        (y * tensors["probe"].to(dtype)).sum().backward();

        Golden.Close(tensors["out" + twin], y, tolerance, "out");
        Golden.Close(tensors["grad.x" + twin], x.grad!, tolerance, "grad.x");
        foreach (var (name, parameter) in adapter.Tensors)
        {
            var key = "grad." + NameIn(tensors, name) + twin;
            Golden.Close(tensors[key], parameter.grad!, tolerance, key);
        }
        Assert.Null(layer.get_parameter("weight")!.grad);
        if (tensors.TryGetValue("weight_norm", out var norm))
            Golden.Close(norm, adapter.Norm.Of(layer.Weight, adapter.Update), Golden.LayerTolerance, "weight_norm");

        if (tensors.TryGetValue("delta", out var delta)) Golden.Close(delta, layer.Delta(Adapter.DefaultName), Golden.LayerTolerance, "delta");
        layer.Merge();
        if (tensors.ContainsKey("merged.weight")) Golden.Close(tensors["merged.weight" + twin], layer.get_parameter("weight")!, tolerance, "merged.weight");
        if (tensors.TryGetValue("merged.bias" + twin, out var bias)) Golden.Close(bias, layer.Bias!, tolerance, "merged.bias");
        using (no_grad())
            Golden.Close(tensors.GetValueOrDefault("out.merged" + twin, tensors["out" + twin]), layer.forward(x), 2 * tolerance, "out.merged");
    }

    /// <summary>The magnitude's name differs from file to file; everything else is named as here.</summary>
    internal static string NameIn(Dictionary<string, Tensor> tensors, string name) =>
        name == "mora_M" ? "M" : name != LinearAdapter.MagnitudeName ? name : tensors.ContainsKey("adapter.magnitude") ? "magnitude" : name + ".weight";

    /// <summary>The fixture's layer with its adapter on <see cref="Golden.Device"/>; tests of other precisions build on it.</summary>
    internal static (AdaptedLinear, LinearAdapter) Build(Fixture fixture, Dictionary<string, Tensor> tensors, ScalarType dtype)
    {
        var weight = tensors["base.weight"];
        var layer = new AdaptedLinear(weight.shape[1], weight.shape[0], tensors.ContainsKey("base.bias"), dtype, Golden.Device);
        layer.load_state_dict(tensors.Where(t => t.Key.StartsWith("base."))
            .ToDictionary(t => t.Key["base.".Length..], t => t.Value));
        foreach (var parameter in layer.parameters()) parameter.requires_grad = false;

        layer.Adapt(Methods[fixture.Method](fixture));
        var adapter = layer.Find(Adapter.DefaultName)!;
        using var grad = no_grad();
        if (adapter.Magnitude is not null)
            Golden.Close(linalg.vector_norm(weight, 2, [1]), adapter.Magnitude, dtype == ScalarType.BFloat16 ? 4e-3 : Golden.LayerTolerance,
                "the magnitude at the start");
        foreach (var (name, parameter) in adapter.Tensors)
            parameter.copy_(tensors["adapter." + NameIn(tensors, name)]);
        foreach (var (name, shared) in adapter.Update.SharedTensors)
            Assert.True(shared.eq(tensors["shared." + name]).all().item<bool>(), $"{name} is not what PEFT drew from that seed");
        return (layer, adapter);
    }
}
