// QLoRA (arXiv 2305.14314) and QA-LoRA (arXiv 2309.14717): the scripts that their authors released.
namespace LowRank;

public static partial class Presets
{
    private static Preset Guanaco(string size, double learningRate, double dropout) => new()
    {
        Method = "QLoRA", Task = $"LLaMA-{size}, Guanaco", Paper = "2305.14314", Where = $"scripts/finetune_guanaco_{size.ToLowerInvariant()}.sh of artidoro/qlora",
        Adapter = Adapter.Lora(64, alpha: 16, dropout: dropout) with { Targets = AllSeven }, Storage = Nf4.WithDoubleQuantization,
        LearningRate = learningRate, BatchSize = 16, Steps = 1875, Schedule = LearningRateSchedule.Cosine, FinalLearningRatePart = 1,
        WeightDecay = 0, MaxGradientNorm = 0.3,
        Notes = "the script's warm-up of 3 % is without effect on the constant schedule that it names",
    };

    private static IReadOnlyList<Preset> Quantized =>
    [
        Guanaco("7B", 2e-4, 0.1),
        Guanaco("13B", 2e-4, 0.05),
        Guanaco("33B", 1e-4, 0.05),
        Guanaco("65B", 1e-4, 0.05),
        new()
        {
            Method = "QA-LoRA", Task = "LLaMA-7B, Alpaca", Paper = "2309.14717", Where = "qalora.py (defaults) and README.md of yuhuixu1993/qa-lora",
            Adapter = Adapter.QaLora(64, alpha: 16, groupSize: 32) with { Targets = AllSeven }, Storage = new GroupInt4 { GroupSize = 32 },
            LearningRate = 2e-4, BatchSize = 16, Steps = 10_000, Schedule = LearningRateSchedule.Cosine, FinalLearningRatePart = 1,
            WeightDecay = 0, MaxGradientNorm = 0.3,
            Notes = "the script's warm-up of 3 % is without effect on its constant schedule; the codes are GPTQ's there, rounded to the nearest here; the paper's own table was not at hand",
        },
    ];
}
