// What the tests of policies train: a model of two layers on three batches, and PEFT's one-layer trajectories.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Training;

internal static class TinyTraining
{
    public static CausalLm Model(ScalarType type = ScalarType.Float32) => new(new LlamaConfig
    {
        VocabularySize = 30, HiddenSize = 16, IntermediateSize = 24, Layers = 2, Heads = 2, KeyValueHeads = 1,
    }, seed: 3, type);

    public static Batch BatchAt(long step)
    {
        using var generator = new Generator((ulong)step % 3 + 1);
        return new(randint(0, 30, [4, 8], dtype: ScalarType.Int64, generator: generator));
    }

    /// <summary>Trains a LoRA layer as a fixture of golden/optim did, and compares losses, A and B after every step.</summary>
    public static void Follow(Fixture fixture, double weightDecay, TrainingPolicy policy)
    {
        var t = fixture.Load();
        var layer = new AdaptedLinear(t["base.weight"].shape[1], t["base.weight"].shape[0], hasBias: true);
        layer.load_state_dict(new() { ["weight"] = t["base.weight"], ["bias"] = t["base.bias"] });
        layer.Adapt(Adapter.Lora(fixture.Hyper("r", 0L), fixture.Hyper("lora_alpha", 0.0)));
        var update = (LowRankUpdate)layer.Find("default")!.Update;
        using (no_grad())
        {
            update.A.copy_(t["start.lora_A"]);
            update.B.copy_(t["start.lora_B"]);
        }
        var losses = fixture.Entry["losses"]!.AsArray().Select(l => l!.GetValue<double>()).ToList();
        var betas = fixture.Entry["hyper"]!["betas"]!.AsArray();
        Trainer.Fit(layer, _ => (layer.forward(t["x"]) - t["target"]).square().mean(), _ => new(zeros(1, 1, ScalarType.Int64)), new()
        {
            Steps = losses.Count, LearningRate = fixture.Hyper("lr", 0.0), FinalLearningRatePart = 1, WarmupSteps = 0, Log = null, WeightDecay = weightDecay,
            Beta1 = betas[0]!.GetValue<double>(), Beta2 = betas[1]!.GetValue<double>(), Epsilon = fixture.Hyper("eps", 0.0),
            MaxGradientNorm = double.PositiveInfinity, Policies = [policy],
            OnStep = step =>
            {
                Assert.Equal(losses[(int)step.Step - 1], step.Loss, 1e-5 * losses[0]);
                Golden.Close(t.GetValueOrDefault($"step{step.Step - 1}.lora_A", t["start.lora_A"]), update.A, 1e-5, $"A after step {step.Step}");
                Golden.Close(t[$"step{step.Step - 1}.lora_B"], update.B, 1e-5, $"B after step {step.Step}");
            },
        });
    }
}
