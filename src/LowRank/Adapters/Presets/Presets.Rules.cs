// LoRA+ (arXiv 2402.12354) and AsyLoRA (arXiv 2402.16842): the commands of their repositories.
namespace LowRank;

public static partial class Presets
{
    private static Preset LoraPlus(string model, string file, double learningRate, double ratio, string targets, string notes) => new()
    {
        Method = "LoRA+", Task = $"{model}, MNLI", Paper = "2402.12354", Where = $"glue/scripts/{file} of nikhil-ghosh-berkeley/loraplus",
        Adapter = Adapter.Lora(8, alpha: 8) with { Targets = targets }, Policies = _ => [new LoraPlusPolicy(ratio)],
        LearningRate = learningRate, BatchSize = 32, Epochs = 3, Schedule = LearningRateSchedule.Linear,
        Notes = $"B learns {ratio:0} times as fast as A; β₂ 0.99 there; {notes}",
    };

    private static IReadOnlyList<Preset> Rules =>
    [
        LoraPlus("RoBERTa base", "run_roberta_lora.sh", 5e-5, 80, QueryValue, "query and value are q_proj and v_proj here"),
        LoraPlus("GPT-2", "run_gpt2_lora.sh", 2e-4, 10, Attention + "|up_proj|down_proj", "c_attn, c_proj and c_fc are attention's four, up_proj and down_proj here"),
        new()
        {
            Method = "AsyLoRA", Task = "RoBERTa large, RTE", Paper = "2402.16842", Where = "README.md and local_lora_configs.py of Jiacheng-Zhu-AIML/AsymmetryLoRA",
            Adapter = Adapter.Lora(8, alpha: 16, dropout: 0.05) with { Targets = QueryValue }, Policies = _ => [new AsyLoraPolicy()],
            LearningRate = 4e-4, Epochs = 20,
            Notes = "targets are PEFT's for RoBERTa, query and value, which are q_proj and v_proj here; A is orthonormal and stays",
        },
    ];
}
