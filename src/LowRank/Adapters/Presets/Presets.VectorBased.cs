// VeRA (arXiv 2310.11454, appendix A) and DVoRA (DoRA's Table 11).
namespace LowRank;

public static partial class Presets
{
    private static Preset VeraOf(string task, string where, long rank, string targets) => new()
    {
        Method = "VeRA", Task = task, Paper = "2310.11454", Where = where, Adapter = Adapter.Vera(rank, initialD: 0.1) with { Targets = targets },
        Schedule = LearningRateSchedule.Linear,
    };

    private static IReadOnlyList<Preset> VectorBased =>
    [
        VeraOf("RoBERTa base, RTE", "Table 8 and section 4.1", 1024, QueryValue) with
        {
            LearningRate = 4e-3, BatchSize = 64, Epochs = 160, WarmupRatio = 0.06, Notes = "query and value are q_proj and v_proj here; the head learns at 1e-2 there",
        },
        VeraOf("RoBERTa large, RTE", "Table 8 and section 4.1", 256, QueryValue) with
        {
            LearningRate = 2e-2, BatchSize = 32, Epochs = 40, WarmupRatio = 0.06,
            Notes = "query and value are q_proj and v_proj here; the head learns at 2e-3 there; the table has 32 for each of 4 GPUs, the text 32",
        },
        VeraOf("GPT-2 medium, E2E", "Table 10", 1024, QueryValue) with
        {
            LearningRate = 1e-1, BatchSize = 8, Epochs = 5, WarmupSteps = 500, WeightDecay = 0.01,
            Notes = "the query and value parts of GPT-2's c_attn are q_proj and v_proj here; without the label smoothing of 0.1; d's start is the one of Table 8",
        },
        VeraOf("GPT-2 large, E2E", "Table 10", 1024, QueryValue) with
        {
            LearningRate = 2e-2, BatchSize = 8, Epochs = 5, WarmupSteps = 500, WeightDecay = 0.01,
            Notes = "the query and value parts of GPT-2's c_attn are q_proj and v_proj here; without the label smoothing of 0.1; d's start is the one of Table 8",
        },
        VeraOf("LLaMA-7B, cleaned Alpaca", "Table 9 and section 4.3", 1024, AllSeven) with
        {
            Storage = Nf4.WithDoubleQuantization, LearningRate = 4e-3, BatchSize = 16, Epochs = 1, WarmupRatio = 0.1, Schedule = LearningRateSchedule.Cosine,
            Notes = "quantized as QLoRA; d's start is the one of Table 8",
        },
        new()
        {
            Method = "DVoRA", Task = "LLaMA-7B, cleaned Alpaca", Paper = "2402.09353", Where = "Table 11",
            Adapter = Adapter.Dvora(1024, initialD: 0.1) with { Targets = AllSeven },
            LearningRate = 4e-3, BatchSize = 16, Epochs = 1, WarmupRatio = 0.1, Schedule = LearningRateSchedule.Cosine,
            Notes = "LLaMA2-7B has the same; d's start is VeRA's",
        },
    ];
}
