// LoftQ (arXiv 2310.08659) and PiSSA (arXiv 2404.02948): LoRA that begins from W.
namespace LowRank;

public static partial class Presets
{
    private static IReadOnlyList<Preset> Starts =>
    [
        new()
        {
            Method = "LoftQ", Task = "LLaMA2-7B, GSM8K", Paper = "2310.08659", Where = "scripts/train_gsm8k.sh and quantize_save.py (defaults) of yxli2123/LoftQ",
            Adapter = (Adapter.Lora(64, alpha: 16, dropout: 0.1) with { Targets = AllSeven }).WithLoftQ(new Nf4 { DoubleQuantization = false }, iterations: 1),
            Storage = new Nf4 { DoubleQuantization = false },
            LearningRate = 3e-4, BatchSize = 64, Epochs = 6, WarmupRatio = 0.03, Schedule = LearningRateSchedule.Cosine, WeightDecay = 0.1,
            Notes = "four bits at the quantiles of the normal distribution; the scale is counted in at the start, which PEFT's LoftQ leaves out",
        },
        new()
        {
            Method = "PiSSA", Task = "LLaMA2-7B, MetaMath", Paper = "2404.02948", Where = "scripts/metamath_llama2_7b/run_pissa.sh of GraphPKU/PiSSA",
            Adapter = Adapter.Lora(128, alpha: 128, init: LoraInit.Pissa) with { Targets = AllSeven },
            LearningRate = 2e-5, BatchSize = 128, Epochs = 1, WarmupRatio = 0.03, Schedule = LearningRateSchedule.Cosine, WeightDecay = 0,
            Notes = "the exact SVD here, 16 rounds of a fast one there",
        },
    ];
}
