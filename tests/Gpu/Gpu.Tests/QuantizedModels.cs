// Quantized weights on the GPU: moved there, made there, trained over, merged into, saved from there.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Gpus;

public sealed class QuantizedModels : IDisposable
{
    private static readonly Dictionary<string, StorageFormat> Formats = new()
    {
        ["NF4"] = new Nf4 { DoubleQuantization = false }, ["NF4, double quantization"] = Nf4.WithDoubleQuantization, ["FP4"] = new Fp4(),
        ["NF3"] = new Nf3 { DoubleQuantization = false }, ["NF3, double quantization"] = Nf3.WithDoubleQuantization,
        ["int8, dynamic map"] = new Int8Dynamic(), ["int8, rows"] = new Int8Rows(), ["int4, groups"] = new GroupInt4(),
    };

    private readonly DisposeScope scope = NewDisposeScope();

    public QuantizedModels() => manual_seed(23);

    public void Dispose() => scope.Dispose();

    public static TheoryData<string> Names => [.. Formats.Keys.Select(name => new TheoryDataRow<string>(name))];

    private static CausalLm Tiny(Device? device = null) => CausalLm.Load(Path.Combine(Golden.TestsFolder, "../data/tiny"), device: device);

    private static Tensor Ids(CausalLm model)
    {
        using var generator = new Generator(29);
        return randint(0, model.Config.VocabularySize, [2, 20], dtype: ScalarType.Int64, generator: generator);
    }

    /// <summary>Codes and scales of every layer, on the CPU.</summary>
    private static List<Tensor> Stored(CausalLm model) =>
        [.. model.LinearLayers().Select(l => l.Layer.Weight).OfType<QuantizedWeight>().SelectMany(w => w.Stored.Tensors).Select(t => t.cpu().clone())];

    private static void Same(List<Tensor> expected, List<Tensor> actual)
    {
        Assert.NotEmpty(expected);
        Assert.Equal(expected.Count, actual.Count);
        foreach (var (a, b) in expected.Zip(actual)) Assert.True(a.eq(b).all().item<bool>());
    }

    [Theory, MemberData(nameof(Names))]
    public void A_quantized_model_moves_and_computes_what_it_did(string format)
    {
        using var model = Tiny();
        model.Quantize(Formats[format]);
        using var guard = no_grad();
        var (stored, ids) = (Stored(model), Ids(model));
        var expected = model.forward(ids);
        model.to(Gpu.Device);
        Assert.All(model.LinearLayers(), l => Assert.Equal(Gpu.Device.type, l.Layer.Weight.Device.type));
        Golden.Close(expected, model.forward(ids.to(Gpu.Device)), 2e-5, "logits");
        model.to(CPU);
        Same(stored, Stored(model));
    }

    [Theory, MemberData(nameof(Names))]
    public void Quantized_there_the_codes_are_the_CPUs(string format)
    {
        using var here = Tiny();
        using var there = Tiny(Gpu.Device);
        here.Quantize(Formats[format]);
        there.Quantize(Formats[format]);
        Same(Stored(here), Stored(there));
    }

    [Theory, MemberData(nameof(Names))]
    public void Its_weights_are_the_CPUs_in_every_type(string format)
    {
        using var model = Tiny();
        model.Quantize(Formats[format]);
        ScalarType[] types = [ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float16];
        List<Tensor> Weights() => [.. from layer in model.LinearLayers() from type in types select layer.Layer.Weight.Dequantize(type).cpu()];
        var expected = Weights();
        model.to(Gpu.Device);
        Same(expected, Weights());
    }

    [Theory, MemberData(nameof(Names))]
    public void One_token_and_a_few_multiply_as_on_the_CPU(string format)
    {
        var layer = new AdaptedLinear(160, 96);
        layer.Quantize(Formats[format]);
        using var guard = no_grad();
        foreach (var tokens in new[] { 1, 2, 5, 8, 33 })
        {
            layer.to(CPU);
            var x = randn(tokens, 160);
            var expected = layer.forward(x);
            layer.to(Gpu.Device);
            Golden.Close(expected, layer.forward(x.to(Gpu.Device)), 5e-6, $"{tokens} tokens");
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void Adapters_train_over_it(string format)
    {
        foreach (var (config, policy) in new (AdapterConfig, TrainingPolicy?)[]
                 { (Adapter.Lora(rank: 4, alpha: 8), null), (Adapter.Dora(rank: 4, alpha: 8), null), (Adapter.Vera(rank: 32), null), (Adapter.DyLora(maximumRank: 4), new DyLoraPolicy()) })
        {
            using var model = Tiny();
            model.Quantize(Formats[format]);
            model.to(Gpu.Device);
            model.Adapt(config, "all-linear");
            var before = Stored(model);
            var losses = Training.TenSteps(model, policy);
            Assert.True(losses[^1] < losses[0], $"{config}: {string.Join(" ", losses)}");
            Same(before, Stored(model));
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void A_merge_there_gives_the_CPUs_codes_but_for_roundings(string format)
    {
        List<Tensor> Merged(Device device)
        {
            manual_seed(31);
            var layer = new AdaptedLinear(96, 64);
            layer.Quantize(Formats[format]);
            layer.Adapt(Adapter.Lora(rank: 3, alpha: 6, init: LoraInit.Gaussian));
            using var guard = no_grad();
            foreach (var (_, tensor) in layer.Adapters[0].Tensors) tensor.add_(randn_like(tensor).mul_(0.05));
            layer.to(device);
            layer.Merge();
            return [layer.Weight.Dequantize().cpu()];
        }
        var (here, there) = (Merged(CPU)[0], Merged(Gpu.Device)[0]);
        var different = here.sub(there).abs().gt(1e-5).to(ScalarType.Float32).mean().item<float>();
        Assert.InRange(different, 0f, 0.01f);
    }

    /// <summary>Int8, NF4, NF3 and back while training: each level is built there from originals in host memory.</summary>
    [Fact]
    public void Storage_levels_change_there()
    {
        using var model = Tiny(Gpu.Device);
        using var plain = Tiny(Gpu.Device);
        plain.Quantize(new Int8Rows());
        model.Adapt(Adapter.DyLora(4));
        double[] losses = [3, 2.8, 2.7, 2.5, 3.1, 3.1, 2.4, 2.2];
        var (next, ids) = (0, Ids(model).to(Gpu.Device));
        var policy = new StorageLevelPolicy(gain: 0.1, tolerance: 0.2, rest: 0);
        var run = Trainer.Fit(model, _ => new(ids.clone()), new() { Steps = 8, Log = null, EvaluateEvery = 1, Evaluate = () => losses[next++], Policies = [policy, new DyLoraPolicy()] });
        Assert.Contains(policy.History, level => level.Level is Nf3);
        Assert.IsType<Int8Rows>(policy.Level);
        Assert.All(run.Steps, step => Assert.True(double.IsFinite(step.Loss)));
        Assert.Equal(Gpu.Device.type, model.LinearLayers()[0].Layer.Weight.Device.type);
        Same(Stored(plain), Stored(model));
    }

    [Fact]
    public void It_saves_from_there_what_it_saves_here()
    {
        using var folder = new TemporaryFolder();
        using var model = Tiny();
        model.Quantize(Nf4.WithDoubleQuantization);
        var stored = Stored(model);
        model.to(Gpu.Device);
        model.Save(folder.Path);
        using var loaded = CausalLm.Load(folder.Path, device: Gpu.Device);
        Same(stored, Stored(loaded));
    }
}
