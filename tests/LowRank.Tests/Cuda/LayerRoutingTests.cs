// Layers and models over quantized weights on a device: products, adapters, merging, files and training through the kernels; and moving.
using LowRank.Tests.Methods;
using LowRank.Tests.Quantization;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Cuda;

public sealed class LayerRoutingTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public LayerRoutingTests() => manual_seed(37);

    public void Dispose() => scope.Dispose();

    /// <summary>A test of quantized layers, on the device.</summary>
    private static void OnDevice(string kernel, Action<QuantizedLayers> test)
    {
        using var tests = new QuantizedLayers();
        using var device = new EmulatedDevice();
        test(tests);
        Assert.Contains(device.Launched, name => name.StartsWith(kernel, StringComparison.Ordinal));
    }

    [Theory, MemberData(nameof(QuantizedLayers.Fixtures), MemberType = typeof(QuantizedLayers))]
    public void EqualsPeftOverBitsAndBytes(string id) => OnDevice("matvec4", tests => tests.EqualsPeftOverBitsAndBytes(id));

    [Theory, MemberData(nameof(QuantizedLayers.Names), MemberType = typeof(QuantizedLayers))]
    public void EveryMethodIsTheOneOverTheDequantizedWeight(string method) =>
        OnDevice("dequantize_rows8", tests => tests.EveryMethodIsTheOneOverTheDequantizedWeight(method));

    [Theory, InlineData(false, 36), InlineData(true, 36), InlineData(true, 5)]
    public void QaLoraAndQaDoraMergeIntoInt4Exactly(bool decomposed, long inFeatures) =>
        OnDevice("dequantize_group4", tests => tests.QaLoraAndQaDoraMergeIntoInt4Exactly(decomposed, inFeatures));

    [Theory, InlineData(false, 0.5158, 0.52, "matvec4_f32_t8"), InlineData(true, 0.3908, 0.395, "dequantize3_f32")]
    public void AModelComesBackFromItsFileTheSame(bool three, double least, double most, string kernel) =>
        OnDevice(kernel, tests => tests.AModelTakesAsManyBytesAsItsCodesAndComesBackFromItsFileTheSame(three, least, most));

    /// <summary>Quantizing, forward, backward and DoRA's norm, three steps of a model: the same losses as on the CPU.</summary>
    [Fact]
    public void AModelTrainsTheSame()
    {
        static double[] Losses()
        {
            manual_seed(41);
            using var model = CausalLm.Load(Path.GetFullPath("../data/tiny", Golden.TestsFolder));
            model.Quantize(Nf4.WithDoubleQuantization);
            model.Adapt(MethodList.All["DoRA"].Measured!);
            var ids = randint(5, 900, [2, 10], ScalarType.Int64);
            return [.. Trainer.Fit(model, _ => new(ids.clone()), new() { Steps = 3, LearningRate = 5e-3, Log = null }).Steps.Select(step => (double)step.Loss)];
        }
        var expected = Losses();
        using var device = new EmulatedDevice();
        var losses = Losses();
        Assert.True(losses[2] < losses[0]);
        Assert.All(expected.Zip(losses), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
        Assert.Contains("dora_row_norm", device.Launched);
    }

    public static TheoryData<ScalarType, int, string[]> Products => new()
    {
        { ScalarType.Float32, 1, ["matvec4_f32_t1"] }, { ScalarType.BFloat16, 3, ["matvec4_bf16_t4"] }, { ScalarType.Float16, 8, ["matvec4_fp16_t8"] },
        { ScalarType.BFloat16, 11, ["matvec4_bf16_t8", "matvec4_bf16_t4"] }, { ScalarType.Float32, 16, ["matvec4_f32_t8", "matvec4_f32_t8"] },
        { ScalarType.BFloat16, 17, ["dequantize4_bf16"] }, { ScalarType.Float64, 2, ["dequantize4_f32"] },
    };

    /// <summary>A few rows read the codes, more of them the dense weight in x's own type.</summary>
    [Theory, MemberData(nameof(Products))]
    public void TheKernelThatFitsIsTaken(ScalarType type, int rows, string[] kernels)
    {
        using var device = new EmulatedDevice();
        foreach (var format in new[] { Nf4.WithDoubleQuantization, new Nf4 { BlockSize = 32, DoubleQuantization = false } })
        {
            var weight = new QuantizedWeight(format.Encode(randn(33, 64)));
            var (x, before) = (randn(rows, 64).to(type), randn(rows, 33).to(type));
            var exact = x.to(ScalarType.Float64).mm(weight.Dequantize(ScalarType.Float64).t());                    // [n, in] x [in, out] -> [n, out]
            device.Launched.Clear();
            var y = full([rows, 33], double.NaN, type);
            weight.Multiply(x, y);
            Assert.Equal(kernels, device.Launched);
            var tolerance = type switch { ScalarType.BFloat16 => 5e-3, ScalarType.Float16 => 6e-4, _ => 2e-6 };
            Golden.Close(exact, y, tolerance, "y = x Wᵀ");
            y.copy_(before);
            weight.Multiply(x, y, accumulate: true);
            Golden.Close(exact.add(before), y, tolerance, "y += x Wᵀ");

            if (type == ScalarType.Float16) continue;                   // libtorch 1.13 has no such product on the CPU
            // A y that is not contiguous goes the other way.
            var wide = zeros(rows, 40).to(type);
            weight.Multiply(x, wide.narrow(1, 3, 33));
            Golden.Close(exact, wide.narrow(1, 3, 33), tolerance, "into a part of a larger y");
        }
    }

    /// <summary>A 16-bit W is widened in pieces: each gets its own rows of everything.</summary>
    [Fact]
    public void DorasNormIsTheSameOverPieces()
    {
        const int Rows = 600, Cancels = 590;                            // of 2048: a piece of 512 and one of 88
        var layer = new AdaptedLinear(2048, Rows);
        layer.to(ScalarType.BFloat16);
        layer.Adapt(Adapter.Dora(rank: 2, alpha: 3));
        var update = (LowRankUpdate)layer.Adapters[0].Update;
        using var grad = no_grad();
        update.B.normal_();
        var rows = update.B.narrow(0, Cancels, 1).to(ScalarType.Float32).mm(update.A.to(ScalarType.Float32)).mul(-update.Scale);       // [1, r] x [r, in]
        layer.get_parameter("weight")!.narrow(0, Cancels, 1).copy_(rows);
        var expected = new DirectionNorm().Of(layer.Weight, update);
        using var device = new EmulatedDevice();
        layer.Weight.Invalidate();
        var norm = new DirectionNorm().Of(layer.Weight, update);
        Golden.Close(expected, norm, 2e-6, "C");
        Golden.Close(expected.narrow(0, Cancels, 1), norm.narrow(0, Cancels, 1), 1e-4, "C of the row that cancels");
        Assert.True(expected[Cancels].item<float>() < 0.01 * expected.mean().item<float>());
        Assert.Equal(["dora_row_norm", "dora_row_norm"], device.Launched);
    }

    /// <summary>DoRA's norm in one kernel, and the rows that nearly cancel from W itself.</summary>
    [Theory, InlineData(true), InlineData(false)]
    public void DorasNormIsTheSame(bool quantized)
    {
        var layer = new AdaptedLinear(40, 24);
        if (quantized) layer.Quantize(new Nf4 { DoubleQuantization = false });
        layer.Adapt(Adapter.Dora(rank: 4, alpha: 6));
        var update = (LowRankUpdate)layer.Adapters[0].Update;
        using var grad = no_grad();
        update.Tensors[1].Value.normal_();
        using (var dense = layer.Weight.Dequantize())
        {
            // B's rows 2 and 3 take W's rows off as far as A reaches; row 3's is then all that there is.
            var a = update.Tensors[0].Value;
            var onto = linalg.lstsq(a.t(), dense.narrow(0, 2, 2).t()).Solution.t().div(-update.Scale);             // [2, r]
            update.Tensors[1].Value.narrow(0, 2, 2).copy_(onto);
            if (!quantized) layer.get_parameter("weight")!.narrow(0, 3, 1).copy_(onto.narrow(0, 1, 1).mm(a).mul(-update.Scale * (1 + 1e-4)));
        }
        layer.Weight.Invalidate();
        var expected = new DirectionNorm().Of(layer.Weight, update);
        using var device = new EmulatedDevice();
        layer.Weight.Invalidate();
        Golden.Close(expected, new DirectionNorm().Of(layer.Weight, update), 2e-6, "C");
        Assert.Contains("dora_row_norm", device.Launched);
        device.Launched.Clear();
        device.Without.Add("rownorm.cu");                               // then torch's operators, as on the CPU
        Golden.Close(expected, new DirectionNorm().Of(layer.Weight, update), 1e-7, "C without the kernel");
        Assert.DoesNotContain("dora_row_norm", device.Launched);
        if (!quantized) Assert.True(expected[3].item<float>() < 1e-3 * expected[0].item<float>());
    }

    public static TheoryData<string> Formats => ["nf4", "nf3", "int8", "rows", "int4"];

    private static StorageFormat Format(string name) => name switch
    {
        "nf4" => Nf4.WithDoubleQuantization, "nf3" => Nf3.WithDoubleQuantization, "int8" => new Int8Dynamic(), "rows" => new Int8Rows(), _ => new GroupInt4 { GroupSize = 8 },
    };

    /// <summary>The meta device stands for another one: tensors without numbers, so that moving to it can be seen and reading cannot work. (A
    /// parameter can't be moved there, so the layer begins there and only its codes come later.)</summary>
    [Theory, MemberData(nameof(Formats))]
    public void ALayerMovesWithItsCodesAndScales(string format)
    {
        var layer = new AdaptedLinear(16, 12, device: META);
        layer.Take(Format(format).Encode(randn(12, 16)));
        var weight = (QuantizedWeight)layer.Weight;
        Assert.Equal(DeviceType.META, weight.Device.type);                                        // as codes that a file brings
        var stored = Format(format).Encode(randn(12, 16));
        weight.Replace(stored);
        var (stamp, bytes) = (weight.Stamp, weight.Bytes);
        weight.RowNormSquared();
        layer.to(ScalarType.BFloat16);
        Assert.Same(stored, weight.Stored);
        layer.to(META);
        Assert.Same(weight, layer.Weight);
        Assert.All(weight.Stored.Tensors, tensor => Assert.Equal(DeviceType.META, tensor.device_type));
        Assert.Equal((stored.Format, stored.SourceType, bytes), (weight.Stored.Format, weight.Stored.SourceType, weight.Bytes));
        Assert.False(stamp.Matches(weight.Stamp));
        Assert.ThrowsAny<Exception>(() => weight.Dequantize());                                   // nothing is there to read; no crash
        Assert.ThrowsAny<Exception>(() => layer.to(CPU));
        Assert.Equal(DeviceType.META, weight.Device.type);
    }

    [Fact]
    public void UnmergingAfterAMoveStaysThere()
    {
        var layer = new AdaptedLinear(16, 12);
        layer.Quantize(Nf4.WithDoubleQuantization);
        layer.Adapt(Adapter.Lora(rank: 2));
        layer.Merge();
        var weight = (QuantizedWeight)layer.Weight;
        weight.Take(weight.Stored.To(META));
        layer.Unmerge();
        Assert.Equal(DeviceType.META, weight.Device.type);
    }

    /// <summary>A move that fails leaves the layer where it was, codes too.</summary>
    [Fact]
    public void AMoveThatFailsChangesNothing()
    {
        var layer = new AdaptedLinear(16, 12);
        layer.Quantize(Nf4.WithDoubleQuantization);
        var x = randn(3, 16);
        using var grad = no_grad();
        var expected = layer.forward(x);
        Assert.ThrowsAny<Exception>(() => layer.to(META));                                        // libtorch refuses the parameter
        if (!cuda.is_available()) Assert.NotEmpty(Assert.ThrowsAny<Exception>(() => layer.to(CUDA)).Message);
        Assert.True(expected.eq(layer.forward(x)).all().item<bool>());
    }

    /// <summary>Kernels that can't be compiled: the compiler's words arrive, and layers stay as they were.</summary>
    [Fact]
    public void AKernelThatDoesNotCompileChangesNothing()
    {
        using var device = new EmulatedDevice();
        using var grad = no_grad();
        var (dense, layer, x) = (new AdaptedLinear(64, 12), new AdaptedLinear(64, 12), randn(3, 64));
        layer.Quantize(Nf4.WithDoubleQuantization);
        layer.Adapt(Adapter.Lora(rank: 2));
        layer.Adapters[0].Update.Tensors[1].Value.normal_();
        var (plain, expected, stored) = (dense.forward(x), layer.forward(x), ((QuantizedWeight)layer.Weight).Stored);
        device.Failure = new InvalidOperationException("quantize4.cu does not compile for sm_80");
        foreach (var action in (Action[])[() => dense.Quantize(Nf4.WithDoubleQuantization), () => layer.forward(x), () => layer.Merge(), () => layer.Weight.Dequantize()])
            Assert.Contains("does not compile", Assert.Throws<InvalidOperationException>(action).Message);
        device.Failure = null;
        Assert.IsType<DenseWeight>(dense.Weight);
        Assert.True(plain.eq(dense.forward(x)).all().item<bool>());
        Assert.Same(stored, ((QuantizedWeight)layer.Weight).Stored);
        Assert.Empty(layer.MergedAdapters);
        Assert.True(expected.eq(layer.forward(x)).all().item<bool>());
    }

    /// <summary>The norm of a dense W, too, is computed again after a move.</summary>
    [Fact]
    public void DorasNormIsForgottenWhenTheLayerMoves()
    {
        var layer = new AdaptedLinear(16, 12);
        layer.Adapt(Adapter.Dora(rank: 2));
        layer.forward(randn(3, 16));
        var adapter = layer.Adapters[0];
        layer.to(ScalarType.Float64);
        layer.forward(randn(3, 16).to(ScalarType.Float64));
        Assert.Equal(2, adapter.Norm.Computed);
        Assert.Equal(ScalarType.Float64, adapter.Norm.Of(layer.Weight, adapter.Update).dtype);
    }

    [Fact]
    public void TensorsOnTwoDevicesAreRefused()
    {
        var weight = new QuantizedWeight(Nf4.Quantize(randn(12, 16)));
        Assert.Contains("x is on meta, the layer's weight on cpu", Assert.Throws<ArgumentException>(() => weight.Multiply(zeros(2, 16, device: META), zeros(2, 12))).Message);
    }
}
