// A run that is interrupted goes on on a GPU too, with its generator: dropout draws there. And layers that are computed again drop the same.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Gpus;

public sealed class Interrupted : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    private static CausalLm Model(StorageFormat? format)
    {
        manual_seed(3);
        var model = new CausalLm(new LlamaConfig { VocabularySize = 60, HiddenSize = 64, IntermediateSize = 96, Layers = 3, Heads = 4, KeyValueHeads = 2 }, seed: 5, device: Gpu.Device);
        if (format is not null) model.Quantize(format);
        model.Adapt(Adapter.Dora(4, dropout: 0.3));
        return model;
    }

    private static Batch BatchAt(long step)
    {
        using var generator = new Generator((ulong)step + 1);
        using var ids = randint(0, 60, [3, 17], dtype: ScalarType.Int64, generator: generator);
        return new(ids.to(Gpu.Device, copy: true));
    }

    private static TrainingOptions Options => new()
    {
        Steps = 10, LearningRate = 5e-3, WarmupSteps = 2, Log = null, Accumulation = 2, Optimizer = new AdamW8Bit { SmallestTensor = 64 },
    };

    private static void Close(TrainingRun expected, TrainingRun actual) =>
        Assert.All(expected.Steps.Zip(actual.Steps), pair => Assert.Equal(pair.First.Loss, pair.Second.Loss, 1e-4));

    [Theory, InlineData(false), InlineData(true)]
    public void ARunGoesOn(bool quantized)
    {
        var format = quantized ? Nf4.WithDoubleQuantization : null;
        using var straight = Model(format);
        var expected = Trainer.Fit(straight, BatchAt, Options);
        using var stop = new CancellationTokenSource();
        var where = new TrainingCheckpoints(folder.Path);
        using (var first = Model(format))
            Trainer.Fit(first, BatchAt, Options with { Checkpoints = where, Cancellation = stop.Token, OnStep = step => { if (step.Step == 4) stop.Cancel(); } });
        using var model = Model(format);
        var run = Trainer.Fit(model, BatchAt, Options with { Checkpoints = where });
        Assert.Equal(4, run.ResumedAfter);
        Close(expected, run);
    }

    [Fact]
    public void LayersComputedAgainDropTheSame()
    {
        using var straight = Model(null);
        using var model = Model(null);
        Close(Trainer.Fit(straight, BatchAt, Options), Trainer.Fit(model, BatchAt, Options with { GradientCheckpointing = true }));
    }
}
