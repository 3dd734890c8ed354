// Ten steps on one batch of data/tiny's vocabulary: enough to see a loss fall, whatever trains.
using static TorchSharp.torch;

namespace LowRank.Tests.Gpus;

internal static class Training
{
    /// <summary>The losses of ten steps.</summary>
    public static List<double> TenSteps(CausalLm model, TrainingPolicy? policy = null)
    {
        using var generator = new Generator(5);
        using var ids = randint(0, model.Config.VocabularySize, [2, 48], dtype: ScalarType.Int64, generator: generator).to(Gpu.Device);
        var losses = new List<double>();
        Trainer.Fit(model, _ => new Batch(ids), new()
        {
            Steps = 10, LearningRate = 5e-3, WarmupSteps = 0, Log = null, Policies = policy is null ? [] : [policy], OnStep = step => losses.Add(step.Loss),
        });
        return losses;
    }
}
