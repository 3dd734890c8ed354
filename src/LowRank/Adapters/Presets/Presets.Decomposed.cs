// DoRA (arXiv 2402.09353, appendix A.3) and QDoRA (its section 6.1: answer.ai's runs).
namespace LowRank;

public static partial class Presets
{
    private static Preset Commonsense(string model, long rank, double learningRate) => new()
    {
        Method = "DoRA", Task = $"{model}, commonsense, r {rank}", Paper = "2402.09353", Where = "Table 8",
        Adapter = Adapter.Dora(rank, alpha: 2 * rank, dropout: 0.05) with { Targets = "q_proj|k_proj|v_proj|up_proj|down_proj" },
        LearningRate = learningRate, BatchSize = 16, Epochs = 3, WarmupSteps = 100, Schedule = LearningRateSchedule.Linear,
    };

    private static IReadOnlyList<Preset> Decomposed =>
    [
        Commonsense("LLaMA-7B", 16, 2e-4),
        Commonsense("LLaMA-7B", 32, 1e-4),
        Commonsense("LLaMA-13B", 32, 2e-4),
        Commonsense("LLaMA2-7B", 32, 2e-4),
        Commonsense("LLaMA3-8B", 32, 1e-4),
        new()
        {
            Method = "DoRA", Task = "LLaMA-7B, cleaned Alpaca", Paper = "2402.09353", Where = "Table 11",
            Adapter = Adapter.Dora(64) with { Targets = AllSeven }, GivesAlpha = false,
            LearningRate = 4e-4, BatchSize = 16, Epochs = 1, WarmupRatio = 0.1, Schedule = LearningRateSchedule.Cosine,
            Notes = "LLaMA2-7B has the same; the table gives no α",
        },
        new()
        {
            Method = "QDoRA", Task = "LLaMA2-7B, Orca-Math", Paper = "2402.09353", Where = "QDoRA/README.md of NVlabs/DoRA; train.py (defaults) of AnswerDotAI/fsdp_qlora",
            Adapter = Adapter.Dora(64, alpha: 16, dropout: 0.1) with { Targets = "q_proj|k_proj|v_proj|gate_proj|up_proj|down_proj" }, Storage = Nf4.WithDoubleQuantization,
            LearningRate = 1e-5, Epochs = 1, Schedule = LearningRateSchedule.Cosine, FinalLearningRatePart = 1, WeightDecay = 0.1, MaxGradientNorm = double.PositiveInfinity,
            Notes = "8 sequences a GPU and step; the number of GPUs is not said",
        },
    ];
}
