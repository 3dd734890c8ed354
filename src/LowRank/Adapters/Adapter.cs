// The methods by the names of their papers. Each call gives a configuration, a small immutable record that Adapt puts on a model.
namespace LowRank;

/// <summary>Configurations of adapters: <c>model.Adapt(Adapter.Dora(rank: 8, alpha: 16), "q_proj|v_proj")</c>.</summary>
public static class Adapter
{
    /// <summary>The name of an adapter that was not given one.</summary>
    public const string DefaultName = "default";

    /// <summary>LoRA (arXiv 2106.09685): ΔW = (α/r)·BA.</summary>
    /// <param name="rank">r.</param>
    /// <param name="alpha">α; 2r if it is not given.</param>
    /// <param name="rsLora">Scale by α/√r instead (arXiv 2312.03732).</param>
    /// <param name="dropout">Share of the adapter's input that is dropped in training.</param>
    /// <param name="bias">Also train a bias on B.</param>
    /// <param name="init">How A starts.</param>
    public static LoraConfig Lora(long rank = 8, double? alpha = null, bool rsLora = false, double dropout = 0, bool bias = false,
        LoraInit init = LoraInit.Kaiming) =>
        new() { Rank = rank, Alpha = alpha ?? 2 * rank, RsLora = rsLora, Dropout = dropout, Bias = bias, Init = init };

    /// <summary>DoRA (arXiv 2402.09353): LoRA's ΔW inside W' = m ⊙ (W + ΔW)/‖W + ΔW‖, one magnitude for each output
    /// row.</summary>
    /// <inheritdoc cref="Lora"/>
    public static LoraConfig Dora(long rank = 8, double? alpha = null, bool rsLora = false, double dropout = 0,
        LoraInit init = LoraInit.Kaiming) =>
        Lora(rank, alpha, rsLora, dropout, bias: false, init).WithMagnitude();

    /// <summary>Splits the adapted weight of any additive method into magnitude and direction.</summary>
    public static T WithMagnitude<T>(this T configuration) where T : AdapterConfig =>
        (T)((AdapterConfig)configuration with { Decomposed = true });
}
