// DyLoRA (arXiv 2210.07558), QDyLoRA (arXiv 2402.10462) and AdaLoRA (arXiv 2303.10512): ranks that are drawn, or bought from a budget.
namespace LowRank;

public static partial class Presets
{
    private static Preset DyLoraOf(string task, double learningRate, int batchSize, int epochs) => new()
    {
        Method = "DyLoRA", Task = $"RoBERTa base, {task}", Paper = "2210.07558",
        Where = $"DyLoRA/examples/NLU/roberta_base_{task.ToLowerInvariant()}.sh and run_glue.py of huawei-noah/Efficient-NLP",
        Adapter = Adapter.DyLora(8, alpha: 16) with { Targets = QueryValue }, Policies = _ => [new DyLoraPolicy(frozen: true)],
        LearningRate = learningRate, BatchSize = batchSize, Epochs = epochs, WarmupRatio = 0.06, WeightDecay = 0.1,
        Notes = "query and value are q_proj and v_proj here; ranks are drawn uniformly, and only the last of them trains (frozen)",
    };

    // The budget's times are steps of the paper's run: epochs × examples / 32.
    private static Preset AdaLoraOf(string task, double learningRate, int epochs, double alpha, double orthogonality, long initial, long final, long every, long of, string notes) => new()
    {
        Method = "AdaLoRA", Task = $"DeBERTaV3 base, {task}", Paper = "2303.10512",
        Where = $"Table 8 and section C.1; α and warm-up: NLU/scripts/run_debertav3_{task.ToLowerInvariant()}.sh of QingruZhang/AdaLoRA",
        Adapter = Adapter.AdaLora(targetRank: 2, initialRank: 4, alpha: alpha) with { Targets = Attention + "|up_proj|down_proj" },
        LearningRate = learningRate, BatchSize = 32, Epochs = epochs,
        Policies = steps => [new AdaLoraPolicy(Share(initial, of, steps), Share(final, of, steps), Share(every, of, steps, least: 1), orthogonality)],
        Notes = "both feed-forward matrices of DeBERTa are up_proj and down_proj here; " + notes,
    };

    private static IReadOnlyList<Preset> AnyRank =>
    [
        DyLoraOf("MNLI", 5e-4, 16, 30),
        DyLoraOf("CoLA", 4e-4, 32, 80),
        new()
        {
            Method = "QDyLoRA", Task = "LLaMA-7B, ranks 1 to 64", Paper = "2402.10462", Where = "sections 2 and 3",
            Adapter = Adapter.DyLora(64) with { Targets = AllSeven }, Storage = Nf4.WithDoubleQuantization, GivesAlpha = false, Policies = _ => [new DyLoraPolicy()],
            Notes = "its Table 4 of hyperparameters was not at hand; targets as QLoRA's",
        },
        AdaLoraOf("MNLI", 5e-4, 7, alpha: 16, orthogonality: 0.1, initial: 8000, final: 50_000, every: 100, of: 85_900, "t_i 8,000, t_f 50,000 and ΔT 100 of about 85,900 steps")
            with { WarmupSteps = 1000, WeightDecay = 0 },
        AdaLoraOf("RTE", 1.2e-3, 50, alpha: 32, orthogonality: 0.3, initial: 600, final: 1800, every: 1, of: 3900, "t_i 600, t_f 1,800 and ΔT 1 of about 3,900 steps")
            with { WarmupSteps = 200, WeightDecay = 0.01 },
    ];
}
