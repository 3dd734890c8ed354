// LoRA (arXiv 2106.09685, appendix D).
namespace LowRank;

public static partial class Presets
{
    private static Preset LoraOf(string task, string where, AdapterConfig adapter) => new()
    {
        Method = "LoRA", Task = task, Paper = "2106.09685", Where = where, Adapter = adapter with { Targets = QueryValue }, Schedule = LearningRateSchedule.Linear,
        Notes = "query and value of the paper's model are q_proj and v_proj here",
    };

    private static IReadOnlyList<Preset> Lora =>
    [
        LoraOf("RoBERTa base, MNLI", "Table 9; weight decay: examples/NLU/roberta_base_mnli.sh of microsoft/LoRA", Adapter.Lora(8, alpha: 8)) with
        {
            LearningRate = 5e-4, BatchSize = 16, Epochs = 30, WarmupRatio = 0.06, WeightDecay = 0.1,
            Notes = "query and value are q_proj and v_proj here; the authors' script has α = 16 where the table has 8",
        },
        LoraOf("RoBERTa large, MNLI", "Table 9", Adapter.Lora(8, alpha: 16)) with { LearningRate = 3e-4, BatchSize = 4, Epochs = 10, WarmupRatio = 0.06 },
        LoraOf("GPT-2 medium and large, E2E", "Table 11; examples/NLG/README.md of microsoft/LoRA", Adapter.Lora(4, alpha: 32, dropout: 0.1)) with
        {
            LearningRate = 2e-4, BatchSize = 8, Epochs = 5, WarmupSteps = 500, WeightDecay = 0.01, MaxGradientNorm = double.PositiveInfinity,
            Notes = "the query and value parts of GPT-2's c_attn are q_proj and v_proj here; without the paper's label smoothing of 0.1",
        },
        LoraOf("GPT-3 175B, 4.7M parameters", "sections 5.5 and D.4, Table 12", Adapter.Lora(1)) with
        {
            LearningRate = 2e-4, BatchSize = 128, Epochs = 2, WeightDecay = 0.1, GivesAlpha = false,
            Notes = "warm-up over 250,000 tokens, which is not a number of steps; the paper gives no α",
        },
        LoraOf("GPT-3 175B, 37.7M parameters", "sections 5.5 and D.4, Table 12", Adapter.Lora(8)) with
        {
            LearningRate = 2e-4, BatchSize = 128, Epochs = 2, WeightDecay = 0.1, GivesAlpha = false,
            Notes = "warm-up over 250,000 tokens, which is not a number of steps; the paper gives no α",
        },
        LoraOf("LLaMA-7B, cleaned Alpaca", "VeRA's Table 9 and section 4.3", Adapter.Lora(64)) with
        {
            Paper = "2310.11454", Adapter = Adapter.Lora(64) with { Targets = AllSeven }, Storage = Nf4.WithDoubleQuantization,
            LearningRate = 4e-4, BatchSize = 16, Epochs = 1, WarmupRatio = 0.1, Schedule = LearningRateSchedule.Cosine, GivesAlpha = false,
            Notes = "VeRA's rival there; quantized as QLoRA; the table gives no α",
        },
    ];
}
