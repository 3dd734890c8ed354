// MoRA (arXiv 2405.12130) and ReLoRA (arXiv 2307.05695): the commands of their repositories.
namespace LowRank;

public static partial class Presets
{
    private static IReadOnlyList<Preset> HighRank =>
    [
        new()
        {
            Method = "MoRA", Task = "LLaMA2-7B, MetaMath, as LoRA r 8", Paper = "2405.12130", Where = "README.md and train.py (defaults) of kongds/MoRA",
            Adapter = Adapter.Mora(8, MoraOperator.Rotation, dropout: 0.05) with { Targets = AllSeven },
            LearningRate = 3e-4, BatchSize = 128, Epochs = 3, WarmupSteps = 100, Schedule = LearningRateSchedule.Linear,
            Notes = "the README names LLaMA-2 without its size",
        },
        new()
        {
            Method = "ReMoRA", Task = "pretraining 250M on C4, as LoRA r 128", Paper = "2405.12130", Where = "README.md and train.py (defaults) of kongds/MoRA",
            Adapter = Adapter.Mora(128, MoraOperator.Strided, dropout: 0.05) with { Targets = AllSeven },
            LearningRate = 5e-4, BatchSize = 1024, Steps = 10_000, WarmupSteps = 1000, Schedule = LearningRateSchedule.Cosine,
            Policies = steps => [new ReLoraPolicy(Share(2000, 10_000, steps, least: 2), Share(50, 10_000, steps))],
            Notes = "restarts every 2,000 steps, each with a warm-up of 50; there the embedding and the head train too",
        },
        new()
        {
            Method = "ReLoRA", Task = "pretraining 250M on C4", Paper = "2307.05695", Where = "README.md and torchrun_main.py (defaults) of Guitaricet/relora",
            Adapter = Adapter.Lora(128, alpha: 32, dropout: 0.1) with { Targets = AllSeven },
            LearningRate = 1e-3, BatchSize = 1152, Steps = 20_000, WarmupSteps = 500, Schedule = LearningRateSchedule.Cosine, FinalLearningRatePart = 0.1,
            WeightDecay = 0, MaxGradientNorm = 1, Policies = steps => [new ReLoraPolicy(Share(5000, 20_000, steps, least: 2), Share(100, 20_000, steps))],
            Notes = "restarts every 5,000 steps, each with a warm-up of 100; begins from 5,000 steps of full training, and embedding, norms and head train too",
        },
        new()
        {
            Method = "ReLoRA", Task = "pretraining Pythia 1B on the Pile", Paper = "2307.05695", Where = "training_configs/1B_v1.0.yaml and torchrun_main.py (defaults) of Guitaricet/relora",
            Adapter = Adapter.Lora(128, alpha: 32, dropout: 0.1) with { Targets = AllSeven },
            LearningRate = 4e-4, BatchSize = 1024, Steps = 130_000, WarmupSteps = 500, Schedule = LearningRateSchedule.Cosine, FinalLearningRatePart = 0.1,
            WeightDecay = 0.01, MaxGradientNorm = 1, Policies = steps => [new ReLoraPolicy(Share(1000, 130_000, steps, least: 2), Share(100, 130_000, steps), forget: 0.8)],
            Notes = "restarts every 1,000 steps, each with a warm-up of 100; all of the blocks' linear layers are Llama's seven here; embedding, norms and head train too, β₂ 0.95",
        },
    ];
}
