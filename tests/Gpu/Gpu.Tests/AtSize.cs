// What training at size adds, on a GPU against the CPU: 16-bit weights stepped as float32 masters, packed rows, modules that train whole.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Gpus;

public sealed class AtSize : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    private static CausalLm Model(Device device, ScalarType type = ScalarType.Float32) =>
        new(new LlamaConfig { VocabularySize = 60, HiddenSize = 64, IntermediateSize = 96, Layers = 2, Heads = 4, KeyValueHeads = 2 }, seed: 5, dtype: type, device: device);

    private static Batch BatchAt(Device device, long step)
    {
        using var generator = new Generator((ulong)step + 1);
        using var ids = randint(0, 60, [2, 20], dtype: ScalarType.Int64, generator: generator);
        return new(ids.to(device, copy: true)) { Segments = new([[9, 8], [6, 7, 7]]) };
    }

    private static TrainingRun Fit(CausalLm model, Device device, TrainingOptimizer? optimizer = null) =>
        Trainer.Fit(model, step => BatchAt(device, step), new() { Steps = 8, LearningRate = 1e-2, WarmupSteps = 0, Log = null, Optimizer = optimizer ?? new FullAdamW(), Accumulation = 2 });

    private static void Near(TrainingRun expected, TrainingRun actual, double tolerance) =>
        Assert.All(expected.Steps.Zip(actual.Steps), pair => Assert.Equal(pair.First.Loss, pair.Second.Loss, tolerance));

    [Theory, InlineData(false), InlineData(true)]
    public void MastersStepAsOnTheCpu(bool eightBit)
    {
        TrainingOptimizer optimizer = eightBit ? new AdamW8Bit { SmallestTensor = 64 } : new FullAdamW();
        using var here = Model(CPU, ScalarType.BFloat16);
        using var there = Model(Gpu.Device, ScalarType.BFloat16);
        here.TrainOnly("*");
        there.TrainOnly("*");
        Near(Fit(here, CPU, optimizer), Fit(there, Gpu.Device, optimizer), 0.03);           // products in 16 bits are rounded otherwise
        Assert.All(there.parameters(), p => Assert.Equal(ScalarType.BFloat16, p.dtype));
    }

    [Fact]
    public void PackedRowsAndWholeModulesLearnAsOnTheCpu()
    {
        using var here = Model(CPU);
        using var there = Model(Gpu.Device);
        foreach (var model in new[] { here, there })
        {
            manual_seed(1);
            model.Adapt(Adapter.Lora(4) with { ModulesToSave = "norm|lm_head" }, "q_proj|v_proj");
        }
        using (no_grad())
            foreach (var (name, parameter) in there.named_parameters()) parameter.copy_(here.get_parameter(name)!);
        Near(Fit(here, CPU), Fit(there, Gpu.Device), 1e-3);
    }

    [Fact]
    public void ACopyMadeOnTheCpuFollowsTheModel()
    {
        using var model = Model(CPU);
        using var ids = randint(0, 60, [2, 12], ScalarType.Int64);
        using var own = model.forward(ids);
        model.Adapt(Adapter.Lora(4) with { ModulesToSave = "lm_head" }, "q_proj");
        using (no_grad()) model.get_parameter("lm_head.weight")!.add_(0.1);
        using var adapted = model.forward(ids);
        model.to(Gpu.Device);
        using var moved = ids.to(Gpu.Device);
        Golden.Close(adapted, model.forward(moved).cpu(), 1e-4, "with its own head");
        using (model.DisableAdapters()) Golden.Close(own, model.forward(moved).cpu(), 1e-4, "the model alone");
        model.SaveAdapter(folder.Path);
        using var other = Model(Gpu.Device);
        other.LoadAdapter(folder.Path);
        Golden.Close(adapted, other.forward(moved).cpu(), 1e-4, "from its file");
    }
}
