// Storage levels that change while training: returns bit for bit, what is counted, and what is refused. (The rule: StorageLevelRuleTests.)
using LowRank.Tests.Cuda;
using TorchSharp;
using static LowRank.Tests.Training.TinyTraining;
using static TorchSharp.torch;

namespace LowRank.Tests.Training;

public sealed class StorageLevelTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public StorageLevelTests() => manual_seed(41);

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    private static readonly StorageFormat Int8 = new Int8Rows(), Four = Nf4.WithDoubleQuantization, Three = Nf3.WithDoubleQuantization;

    /// <summary>A run whose evaluations are a script; gives the levels at which each was made.</summary>
    private static (StorageLevelPolicy Policy, TrainingRun Run) Train(CausalLm model, double[] losses, StorageLevelPolicy policy, params TrainingPolicy[] more)
    {
        var next = 0;
        var run = Trainer.Fit(model, BatchAt, new()
        {
            Steps = 2 * losses.Length, LearningRate = 1e-2, Log = null, EvaluateEvery = 2, Evaluate = () => losses[next++], Policies = [policy, .. more],
        });
        return (policy, run);
    }

    private static readonly double[] DownAndUp = [3, 2.8, 2.7, 2.5, 3.1, 3.1, 2.4, 2.2];

    private static StorageLevelPolicy Policy(OriginalWeights? originals = null, StorageFormat? final = null) =>
        new(originals: originals, gain: 0.1, tolerance: 0.2, rest: 0, final: final);

    private static List<Tensor> Codes(nn.Module model) =>
        [.. model.LinearLayers().Select(l => l.Layer.Weight).OfType<QuantizedWeight>().SelectMany(w => w.Stored.Tensors).Select(t => t.clone())];

    private static bool Same(IReadOnlyList<Tensor> left, IReadOnlyList<Tensor> right) =>
        left.Count == right.Count && left.Zip(right).All(pair => pair.First.dtype == pair.Second.dtype && pair.First.eq(pair.Second).all().item<bool>());

    [Fact]
    public void TheLevelsOfARunAreTheRulesAndAreWrittenDown()
    {
        using var model = Model();
        model.Adapt(Adapter.DyLora(4));
        var (policy, run) = Train(model, DownAndUp, Policy(), new DyLoraPolicy());
        Assert.Equal([Int8, Int8, Four, Four, Three, Four, Int8, Int8], policy.History.Select(h => h.Level));
        Assert.Equal(DownAndUp, policy.History.Select(h => h.Loss));
        Assert.Equal([2, 4, 6, 8, 10, 12, 14, 16], policy.History.Select(h => h.Step));
        Assert.Equal(run.Evaluations.Select(e => e.Loss), policy.History.Select(h => h.Loss));
        Assert.True(policy.History[4].Bytes < policy.History[3].Bytes && policy.History[3].Bytes < policy.History[0].Bytes);
        Assert.Equal(policy.History.Average(h => h.Bytes), policy.AverageBytes, 6);      // two steps before each
        // The last evaluation changes nothing: the model is left as it was evaluated.
        Assert.Equal(Int8, policy.Level);
        Assert.All(model.LinearLayers().Where(l => l.Path.Contains("layers.", StringComparison.Ordinal)), l => Assert.Equal(Int8, ((QuantizedWeight)l.Layer.Weight).Stored.Format));
        Assert.Equal(policy.Bytes, policy.History[^1].Bytes);
    }

    public static TheoryData<string> Methods => new("LoRA", "DoRA", "DyDoRA", "VeRA", "MoRA, rotation", "QA-LoRA", "PiSSA", "LoHa", "AdaLoRA");

    /// <summary>Back at a level, the codes are those that quantizing the dense model gives, and so is the output; with every method.</summary>
    [Theory, MemberData(nameof(Methods))]
    public void AReturnIsBitForBit(string method)
    {
        using var model = Model();
        using var plain = Model();
        plain.Quantize(Int8);
        model.Adapt(LowRank.Tests.Methods.MethodList.All[method].Config);
        var (policy, run) = Train(model, DownAndUp, Policy());
        Assert.Contains(policy.History, h => h.Level == Three);
        Assert.True(Same(Codes(plain), Codes(model)));
        Assert.All(run.Steps, s => Assert.True(double.IsFinite(s.Loss)));
        using (no_grad())
        using (model.DisableAdapters())
        {
            var ids = BatchAt(0).Ids;
            Assert.True(plain.forward(ids).eq(model.forward(ids)).all().item<bool>());
        }
        // What was kept of a level (a magnitude's norm) is not used at another.
        using var again = Model();
        again.Quantize(Int8);
        again.Adapt(LowRank.Tests.Methods.MethodList.All[method].Config);
        using (no_grad())
        {
            foreach (var (to, from) in again.LayersOf("default").Zip(model.LayersOf("default")))
            {
                foreach (var (a, b) in to.Adapter.parameters().Zip(from.Adapter.parameters())) a.copy_(b);
            }
            Golden.Close(again.forward(BatchAt(0).Ids), model.forward(BatchAt(0).Ids), 1e-6, method);
        }
    }

    /// <summary>The whole run where weights lie on a device: every level made and read by kernels, the losses those of the CPU.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public void OnADevice(bool fromFile)
    {
        using var saved = Model();
        saved.Save(folder.File("base"));
        (List<Tensor> Codes, List<double> Losses, IEnumerable<StorageFormat> Levels) Run()
        {
            manual_seed(43);
            using var model = CausalLm.Load(folder.File("base"));
            using var originals = fromFile ? OriginalWeights.InFile(folder.File("base")) : null;
            if (fromFile) model.Quantize(Four);
            model.Adapt(Adapter.DyLora(4).WithMagnitude());
            var (policy, run) = Train(model, DownAndUp, Policy(originals, Three), new DyLoraPolicy());
            return (Codes(model), [.. run.Steps.Select(s => s.Loss)], policy.History.Select(h => h.Level));
        }
        var expected = Run();
        using var device = new EmulatedDevice();
        var there = Run();
        Assert.Equal([Int8, Int8, Four, Four, Three, Four, Int8, Int8], there.Levels);
        Assert.Equal(expected.Levels, there.Levels);
        Assert.All(expected.Losses.Zip(there.Losses), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
        Assert.Equal(expected.Codes.Count, there.Codes.Count);
        foreach (var kernel in new[] { "quantize_rows8_f32", "dequantize_rows8_f32", "quantize4_f32", "dequantize4_f32", "quantize3_f32", "dequantize3_f32", "quantize8_f32" })
            Assert.Contains(kernel, device.Launched);
    }

    /// <summary>Originals lie on the CPU and come to where a layer has its weight (here the meta device, a place without numbers).</summary>
    [Fact]
    public void OriginalsComeToTheLayersDevice()
    {
        using var model = Model();
        using var originals = OriginalWeights.InMemory(model);
        var (path, layer) = model.LinearLayers().First(l => l.Path.EndsWith("q_proj", StringComparison.Ordinal));
        Assert.Equal(DeviceType.CPU, originals.Read(path, layer.Weight).device_type);
        var moved = new QuantizedWeight(Three.Encode(layer.Weight.Dequantize()).To(META));
        using var read = originals.Read(path, moved);
        Assert.Equal((DeviceType.META, ScalarType.Float32), (read.device_type, read.dtype));
    }

    [Fact]
    public void TheModelIsLeftInTheLevelThatWasAskedForHoweverTheRunEnds()
    {
        foreach (var final in new[] { null, Four })
        {
            using var model = Model();
            model.Adapt(Adapter.Lora(2));
            var policy = Policy(final: final);
            var steps = 0;
            Assert.Throws<TimeoutException>(() => Trainer.Fit(model, step => ++steps == 7 ? throw new TimeoutException() : BatchAt(step), new()
            {
                Steps = 20, Log = null, EvaluateEvery = 2, Evaluate = new Queue<double>([3, 2.8, 2.8, 2]).Dequeue, Policies = [policy],
            }));
            Assert.Equal(final ?? Four, policy.Level);
            using var plain = Model();
            plain.Quantize(final ?? Four);
            Assert.True(Same(Codes(plain), Codes(model)));
            Assert.Equal(3, policy.History.Count);
        }
        using var stopped = Model();
        stopped.Adapt(Adapter.Lora(2));
        Assert.Equal(Three, Train(stopped, [3, 2.8, 2.7, 2.5, 2.4], Policy(final: Three)).Policy.Level);
        Assert.All(stopped.LayersOf("default"), l => Assert.Equal(Three, ((QuantizedWeight)l.Layer.Weight).Stored.Format));
    }

    [Fact]
    public void AChangeThatFailsHalfwayIsUndoneAtTheEnd()
    {
        using var model = Model();
        model.Save(folder.File("base"));
        using var file = CausalLm.Load(folder.File("base"));                    // as the file rounds them
        file.Adapt(Adapter.Lora(2));
        using var originals = OriginalWeights.InFile(folder.File("base"));
        var policy = Policy(originals);
        var layers = file.LayersOf("default");
        Trainer.Fit(file, BatchAt, new()
        {
            Steps = 6, Log = null, EvaluateEvery = 2, Policies = [policy],
            Evaluate = () =>
            {
                layers[0].Layer.Take(Three.Encode(originals.Read(layers[0].Path, ScalarType.Float32)));       // one layer is another level's
                return 3;
            },
        });
        Assert.Equal(Int8, policy.Level);
        Assert.All(layers, l => Assert.Equal(Int8, ((QuantizedWeight)l.Layer.Weight).Stored.Format));
    }

#if LIBTORCH
    /// <summary>Bytes of tensors, when what earlier tests have left is gone: modules hold others that only then can be collected.</summary>
    private static long Live()
    {
        for (var before = long.MaxValue; ; before = LibTorch.Memory.LiveBytes)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            if (LibTorch.Memory.LiveBytes >= before) return LibTorch.Memory.LiveBytes;
        }
    }

    /// <summary>Host memory: the codes and the originals, one set each; from a file, the codes alone.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public void OriginalsAreCounted(bool inFile)
    {
        var path = Path.GetFullPath("../data/tiny", Golden.TestsFolder);
        using var model = CausalLm.Load(path);
        var dense = model.LinearLayers().Where(l => l.Path.Contains("layers.", StringComparison.Ordinal)).Sum(l => l.Layer.Weight.Bytes);
        model.Adapt(Adapter.Lora(2));
        using var originals = inFile ? OriginalWeights.InFile(path) : null;
        var policy = Policy(originals);
        long during = 0;
        var before = Live();
        List<double> script = [3, 2.8, 2.8, 2.8];
        var at = 0;
        Trainer.Fit(model, step => new(randint(5, 900, [1, 4], ScalarType.Int64)), new()
        {
            Steps = 8, Log = null, EvaluateEvery = 2, Policies = [policy],
            Evaluate = () =>
            {
                if (at == 2) during = Live();
                return script[at++];
            },
        });
        Assert.Equal(inFile ? 0 : dense, policy.OriginalBytes);
        Assert.Equal(Four, policy.History[2].Level);
        var trained = model.LayersOf("default").Sum(l => l.Adapter.parameters().Sum(p => p.numel())) * 4;
        // Codes in place of the dense weights, and the originals; A and B have gradients and two moments by now.
        Assert.InRange(during - before, policy.History[2].Bytes - dense + policy.OriginalBytes, policy.History[2].Bytes - dense + policy.OriginalBytes + 3 * trained + dense / 20);
        Assert.InRange(Live() - before, policy.Bytes - dense - 1, policy.Bytes - dense + 3 * trained + dense / 20);   // and they are given back
    }
#endif

    [Fact]
    public void OriginalsFromAFileAreTheModelsOrRefused()
    {
        using var model = Model();
        model.Save(folder.File("base"));
        using var dense = CausalLm.Load(folder.File("base"));
        dense.Quantize(Four);
        dense.Adapt(Adapter.Lora(2));
        string Refused(CausalLm which, OriginalWeights? originals) => Assert.ThrowsAny<Exception>(() => Train(which, [3, 3, 3], Policy(originals))).Message;
        Assert.Contains("give OriginalWeights.InFile(folder of the dense model)", Refused(dense, null));
        using (var originals = OriginalWeights.InFile(folder.File("base")))
        {
            Assert.Equal(0, originals.Bytes);
            Train(dense, DownAndUp, Policy(originals));
            // A weight that is a little different, and a merge for good, make another base model.
            using var different = Model();
            using (no_grad()) different.LinearLayers()[^1].Layer.get_parameter("weight")!.mul_(1.0001);
            different.Adapt(Adapter.Lora(2));
            Assert.Contains("down_proj is not what the model's is", Refused(different, originals));
            using (no_grad()) foreach (var (_, _, a) in dense.LayersOf("default")) ((LowRankUpdate)a.Update).B.fill_(0.1);
            dense.Merge(keepOriginal: false);
            dense.Adapt(Adapter.Lora(2));
            Assert.Contains("is not what the model's codes were made from", Refused(dense, originals));
        }
        dense.Save(folder.File("codes"));
        using var codes = OriginalWeights.InFile(folder.File("codes"));
        Assert.Contains("holds codes", Refused(dense, codes));
        using var other = OriginalWeights.InFile(Path.GetFullPath("../data/tiny", Golden.TestsFolder));
        Assert.Contains("the model's [16, 16]", Refused(dense, other));
        Assert.Throws<FileNotFoundException>(() => OriginalWeights.InFile(folder.File("nowhere")));
        Assert.Contains("is quantized already", Assert.Throws<InvalidOperationException>(() => OriginalWeights.InMemory(dense)).Message);
    }

    [Fact]
    public void KeptInMemoryTheyServeSeveralRuns()
    {
        using var model = Model();
        using var originals = OriginalWeights.InMemory(model);
        Assert.Equal(model.LinearLayers().Where(l => l.Path.Contains("layers.", StringComparison.Ordinal)).Sum(l => l.Layer.Weight.Bytes), originals.Bytes);
        model.Quantize(Three);
        model.Adapt(Adapter.Lora(2));
        var policy = Policy(originals, final: Three);
        Train(model, DownAndUp, policy);
        var first = Codes(model);
        Train(model, DownAndUp, policy);                                        // the same policy again
        Assert.Equal(DownAndUp.Length, policy.History.Count);
        Assert.True(Same(first, Codes(model)));
        Assert.Contains("nearest:", Assert.Throws<KeyNotFoundException>(() => originals.Read("model.layers.0.self_attn.q_porj", ScalarType.Float32)).Message);
    }

    [Fact]
    public void WhatMakesNoSenseIsRefusedAndChangesNothing()
    {
        using var model = Model();
        string Refused(StorageLevelPolicy policy, Func<TrainingOptions, TrainingOptions>? change = null, params TrainingPolicy[] more)
        {
            var options = new TrainingOptions { Steps = 9, Log = null, EvaluateEvery = 3, Evaluate = () => 1, Policies = [policy, .. more] };
            return Assert.ThrowsAny<Exception>(() => Trainer.Fit(model, BatchAt, change?.Invoke(options) ?? options)) is var e && e is ArgumentException or InvalidOperationException
                ? e.Message : throw e;
        }
        Assert.Contains("is dense and trains", Refused(new()));
        model.Adapt(Adapter.Lora(2));
        Assert.Contains("give TrainingOptions.Evaluate", Refused(new(), o => o with { Evaluate = null }));
        Assert.Contains("evaluated for the first time at its end", Refused(new(), o => o with { EvaluateEvery = 9 }));
        Assert.Contains("patience", Refused(new(patience: 0)));
        Assert.Contains("rest", Refused(new(rest: -1)));
        Assert.Contains("gain", Refused(new(gain: double.NaN)));
        Assert.Contains("tolerance", Refused(new(tolerance: -1)));
        Assert.Contains("starts at level 3", Refused(new(start: 3)));
        Assert.Contains("none of the levels", Refused(new(final: new Fp4())));
        Assert.Contains("two or more", Refused(new([Four])));
        Assert.Contains("from the finest to the coarsest", Refused(new([Three, Four])));
        Assert.Contains("from the finest to the coarsest", Refused(new([Four, Four])));
        Assert.Contains("asked for 5", Refused(new([Int8, new Nf3 { BlockSize = 5 }])));
        Assert.Contains("nearest: q_proj", Refused(new(targets: "q_porj")));
        Assert.Contains("is an embedding", Refused(new(targets: "embed_tokens|q_proj")));
        Assert.Contains("ReLoRA puts ΔW into the stored weight", Refused(new(), null, new ReLoraPolicy(3, 1)));
        Assert.Contains("is not DyLoRA", Refused(new(), null, new DyLoraPolicy()));
        Assert.Contains("StorageLevelPolicy is there twice", Refused(new(), null, new StorageLevelPolicy()));
        Assert.All(model.LinearLayers(), l => Assert.IsType<DenseWeight>(l.Layer.Weight));
        model.Merge();
        Assert.Contains("call Unmerge first", Refused(new()));
        model.Unmerge();
        using (no_grad()) model.LinearLayers()[^1].Layer.get_parameter("weight")!.fill_(double.NaN);
        Assert.Contains("down_proj.weight has a NaN", Refused(new()));
        Assert.All(model.LinearLayers(), l => Assert.IsType<DenseWeight>(l.Layer.Weight));

        using var loftQ = Model();
        loftQ.Adapt(Adapter.Lora(2).WithLoftQ());
        Assert.Contains("began at what one storage loses", Assert.Throws<InvalidOperationException>(() => Train(loftQ, [3, 3], new())).Message);
    }
}
