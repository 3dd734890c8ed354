// Adapters over quantized weights: PEFT's numbers, every method beside its dense twin, merging, files.
using LowRank.Tests.Methods;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Quantization;

public sealed class QuantizedLayers : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public QuantizedLayers() => manual_seed(29);

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    public static TheoryData<string> Fixtures => Golden.Where(f => f.Method is "qlora_nf4" or "qlora_nf4_double" or "qlora_fp4" or "qdora_nf4");

    private static StorageFormat FormatOf(Fixture fixture)
    {
        var (block, twice) = (fixture.Hyper("blocksize", 64), fixture.Hyper("double", false));
        return fixture.Hyper("quant_type", "") == "fp4" ? new Fp4 { BlockSize = block, DoubleQuantization = twice }
            : new Nf4 { BlockSize = block, DoubleQuantization = twice };
    }

    [Theory, MemberData(nameof(Fixtures))]
    public void EqualsPeftOverBitsAndBytes(string id)
    {
        var fixture = Golden.Fixture(id);
        var t = fixture.Load();
        var layer = new AdaptedLinear(t["base.weight"].shape[1], t["base.weight"].shape[0], hasBias: true);
        layer.load_state_dict(new() { ["weight"] = t["base.weight"], ["bias"] = t["base.bias"] });
        layer.Quantize(FormatOf(fixture));
        var stored = ((QuantizedWeight)layer.Weight).Stored;
        if (fixture.Hyper("quant_type", "") == "nf4") Assert.True(stored.Codes.flatten().eq(t["base.packed"].flatten()).all().item<bool>());
        Golden.Close(t["base.dequantized"], layer.Weight.Dequantize(), 2e-7, "dequantized");

        var config = new LoraConfig { Rank = fixture.Hyper("r", 0L), Alpha = fixture.Hyper("lora_alpha", 0.0), Decomposed = fixture.Hyper("use_dora", false) };
        layer.Adapt(config);
        var adapter = layer.Adapters[0];
        using (no_grad())
            foreach (var (name, value) in adapter.Tensors) value.copy_(t["adapter." + (name == LinearAdapter.MagnitudeName ? name + ".weight" : name)]);
        var x = t["x"].clone().requires_grad_();
        var y = layer.forward(x);
        (y * t["probe"]).sum().backward();
        Golden.Close(t["out"], y, Golden.LayerTolerance, "out");
        Golden.Close(t["grad.x"], x.grad!, Golden.LayerTolerance, "grad.x");
        foreach (var (name, value) in adapter.Tensors)
            Golden.Close(t["grad." + (name == LinearAdapter.MagnitudeName ? name + ".weight" : name)], value.grad!, Golden.LayerTolerance, name);
        layer.Merge();
        if (t.TryGetValue("merged.requantized.dequantized", out var merged)) Golden.Close(merged, layer.Weight.Dequantize(), 1e-6, "merged and quantized again");
        Assert.InRange(layer.MergeError, 0.02, 0.3);
        layer.Unmerge();
        Golden.Close(t["base.dequantized"], layer.Weight.Dequantize(), 2e-7, "unmerged");
    }

    public static TheoryData<string> Names => MethodData.Names;

    private static readonly (string Name, StorageFormat Format)[] Formats =
    [
        ("NF4, double", Nf4.WithDoubleQuantization), ("FP4", new Fp4 { BlockSize = 32, DoubleQuantization = false }), ("int8 rows", new Int8Rows()),
        ("int8 blocks", new Int8Dynamic()), ("NF3, double", Nf3.WithDoubleQuantization), ("int4 groups", new GroupInt4 { GroupSize = 8 }),
    ];

    private static void Move(nn.Module model)
    {
        using var grad = no_grad();
        foreach (var adapter in model.LinearLayers().SelectMany(l => l.Layer.Adapters))
            foreach (var (_, tensor) in adapter.Tensors) tensor.add_(randn_like(tensor).mul_(0.1));
    }

    /// <summary>A quantized layer computes what a dense one of its dequantized weight does, gradients too, whatever is on it.</summary>
    [Theory, MemberData(nameof(Names))]
    public void EveryMethodIsTheOneOverTheDequantizedWeight(string method)
    {
        foreach (var (name, format) in Formats)
        {
            var quantized = new AdaptedLinear(24, 40, hasBias: true);
            quantized.Quantize(format);
            var dense = new AdaptedLinear(24, 40, hasBias: true);
            using (no_grad())
            {
                dense.get_parameter("weight")!.copy_(quantized.Weight.Dequantize());
                dense.Bias!.copy_(quantized.Bias!);
            }
            var config = MethodList.All[method].Config with { Dropout = 0 };
            quantized.Adapt(config);
            dense.Adapt(config);
            Move(quantized);
            using (no_grad())
                foreach (var (to, from) in dense.Adapters[0].Tensors.Zip(quantized.Adapters[0].Tensors)) to.Value.copy_(from.Value);
            foreach (var tokens in new[] { 3, 60 })
            {
                var (x, twin) = (randn(tokens, 24).requires_grad_(), zeros(1));
                twin = x.detach().clone().requires_grad_();
                var (y, expected) = (quantized.forward(x), dense.forward(twin));
                Golden.Close(expected, y, 1e-5, $"{method} over {name}");
                y.square().sum().backward();
                expected.square().sum().backward();
                Golden.Close(twin.grad!, x.grad!, 1e-5, $"{method} over {name}: x");
                foreach (var (a, b) in quantized.Adapters[0].Tensors.Zip(dense.Adapters[0].Tensors))
                {
                    Golden.Close(b.Value.grad!, a.Value.grad!, 2e-5, $"{method} over {name}: {a.Name}");
                    (a.Value.grad, b.Value.grad) = (null!, null!);
                }
            }
            var codes = ((QuantizedWeight)quantized.Weight).Stored.Codes.clone();
            quantized.Merge();
            quantized.Unmerge();
            Assert.True(((QuantizedWeight)quantized.Weight).Stored.Codes.eq(codes).all().item<bool>(), "unmerge restores every code");
        }
    }

    /// <summary>QA-LoRA into the zero points, QA-DoRA into scales and zeros: the codes stay, and so does the output.</summary>
    [Theory, InlineData(false, 32), InlineData(true, 32), InlineData(false, 36), InlineData(true, 36), InlineData(true, 5)]
    public void QaLoraAndQaDoraMergeIntoInt4Exactly(bool decomposed, long inFeatures)
    {
        var layer = new AdaptedLinear(inFeatures, 24, hasBias: true);
        layer.Quantize(new GroupInt4 { GroupSize = 8 });                        // the last group may be shorter
        var config = Adapter.QaLora(rank: 3, groupSize: 8);
        layer.Adapt(decomposed ? config.WithMagnitude() : config);
        Move(layer);
        var stored = (GroupInt4Tensor)((QuantizedWeight)layer.Weight).Stored;
        var (codes, zeros, scales) = (stored.Codes.clone(), stored.Zeros.clone(), stored.Scales.clone());
        using var grad = no_grad();
        var x = randn(50, inFeatures);
        var expected = layer.forward(x);
        layer.Merge();
        Golden.Close(expected, layer.forward(x), 2e-6, "merged");
        Assert.InRange(layer.MergeError, 0, 1e-6);
        var now = (GroupInt4Tensor)((QuantizedWeight)layer.Weight).Stored;
        Assert.True(now.Codes.eq(codes).all().item<bool>());
        Assert.False(now.Zeros.eq(zeros).all().item<bool>());
        Assert.Equal(decomposed, !now.Scales.eq(scales).all().item<bool>());
        layer.Unmerge();
        now = (GroupInt4Tensor)((QuantizedWeight)layer.Weight).Stored;
        Assert.True(now.Zeros.eq(zeros).all().item<bool>() && now.Scales.eq(scales).all().item<bool>());

        layer.RemoveAdapter("default");
        layer.Adapt(Adapter.QaLora(rank: 3, groupSize: 4));                     // of other groups: codes must move, and the error says how much
        Move(layer);
        layer.Merge();
        Assert.True(layer.MergeError > 1e-3);
    }

#if LIBTORCH
    [Fact]
    public void BetweenForwardAndBackwardNothingOfTheWeightsSizeIsAlive()
    {
        var layer = new AdaptedLinear(512, 512);
        layer.Quantize(Nf4.WithDoubleQuantization);
        layer.Adapt(Adapter.Dora(rank: 4));
        var x = randn(8, 512).requires_grad_();
        layer.forward(x).sum().backward();                                      // makes what stays
        var before = LibTorch.Memory.LiveBytes;
        var loss = layer.forward(x).sum();
        Assert.InRange(LibTorch.Memory.LiveBytes - before, 1, 512 * 512 * 4 / 8);
        loss.backward();
    }
#endif

    private static CausalLm Base() => CausalLm.Load(Path.GetFullPath("../data/tiny", Golden.TestsFolder));

    [Theory, InlineData(false, 0.5158, 0.52), InlineData(true, 0.3908, 0.395)]
    public void AModelTakesAsManyBytesAsItsCodesAndComesBackFromItsFileTheSame(bool three, double least, double most)
    {
        using var model = Base();
        StorageFormat format = three ? Nf3.WithDoubleQuantization : Nf4.WithDoubleQuantization;
        var summary = model.Quantize(format);
        Assert.Equal(7 * model.Config.Layers, summary.Layers);
        Assert.Equal(4 * summary.Parameters, summary.BytesBefore);
        Assert.InRange(summary.BytesPerParameter, least, most);
        Assert.Contains("bytes a parameter", summary.ToString());
        Assert.Equal(model.Config.ParameterCount, TrainableParameters.Of(model).Total);
        Assert.Contains("make the classifier of the dense model", Assert.Throws<ArgumentException>(() => new SequenceClassifier(model, ["a", "b"])).Message);
        using var grad = no_grad();
        var ids = arange(0, 12, 1, ScalarType.Int64).view(2, 6).add(100);
        var expected = model.forward(ids);
        model.Save(folder.File("saved"));
        // Codes and scales; beside each weight bitsandbytes' tables (1.1 KB) and state, and 7 names in the header.
        var bytes = new FileInfo(Path.Combine(folder.File("saved"), "model.safetensors")).Length;
        Assert.InRange(bytes - 2 * (model.Config.ParameterCount - summary.Parameters) - summary.BytesAfter, 0, 2500 * summary.Layers + 4000);
        using var read = CausalLm.Load(folder.File("saved"));
        Assert.All(read.LinearLayers().Where(l => l.Path.Contains("layers.", StringComparison.Ordinal)), l => Assert.IsType<QuantizedWeight>(l.Layer.Weight));
        Assert.True(expected.eq(read.forward(ids)).all().item<bool>());
        Assert.Contains($"is stored as {format.GetType().Name} already", Assert.Throws<InvalidOperationException>(() => read.Quantize(Nf4.WithDoubleQuantization)).Message);
    }

    [Fact]
    public void WhatCannotBeQuantizedIsRefusedBeforeAnythingChanges()
    {
        using var model = Base();
        using (no_grad()) model.LinearLayers()[^1].Layer.get_parameter("weight")!.select(0, 1).fill_(double.NaN);
        Assert.Contains("down_proj.weight has a NaN", Assert.Throws<ArgumentException>(() => model.Quantize(Nf4.WithDoubleQuantization)).Message);
        Assert.Contains("nearest: q_proj", Assert.Throws<ArgumentException>(() => model.Quantize(Nf4.WithDoubleQuantization, "q_porj")).Message);
        Assert.Contains("is an embedding", Assert.Throws<InvalidOperationException>(() => model.Quantize(Nf4.WithDoubleQuantization, "embed_tokens")).Message);
        Assert.All(model.LinearLayers(), l => Assert.IsType<DenseWeight>(l.Layer.Weight));
    }
}
