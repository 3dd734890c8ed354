// One token from the logits of a place.
using static TorchSharp.torch;

namespace LowRank;

internal static class Sampler
{
    /// <summary>Most often the likeliest so many have all that top-p asks for; to sort a large vocabulary takes longer than to find them.</summary>
    private const int Likeliest = 512;

    /// <param name="logits">[vocabulary], float32; not changed.</param>
    /// <param name="text">The tokens so far, the prompt's included.</param>
    /// <param name="options">How to draw.</param>
    /// <param name="generator">Draws; a greedy choice leaves it alone.</param>
    public static long Draw(Tensor logits, IReadOnlyCollection<long> text, GenerationOptions options, Generator generator)
    {
        using var scope = NewDisposeScope();
        if (options.RepetitionPenalty != 1) logits = Penalized(logits, text, options.RepetitionPenalty);
        if (options.Temperature == 0) return logits.argmax().item<long>();
        logits = logits.div(options.Temperature);
        Tensor? tokens = null;                                                  // what the places of logits stand for; null: themselves
        if (options.TopK > 0 && options.TopK < logits.shape[0]) (logits, tokens) = logits.topk(options.TopK);
        var probabilities = logits.softmax(0);
        if (options.TopP < 1) (probabilities, tokens) = Nucleus(probabilities, tokens, options.TopP);
        var place = probabilities.multinomial(1, generator: generator);         // [1]; it need not sum to 1
        return (tokens?.index_select(0, place) ?? place).item<long>();
    }

    private static Tensor Penalized(Tensor logits, IReadOnlyCollection<long> text, double penalty)
    {
        var seen = tensor(text.Distinct().ToArray(), device: logits.device);
        var those = logits.index_select(0, seen);
        return logits.index_copy(0, seen, where(those.lt(0), those.mul(penalty), those.div(penalty)));
    }

    /// <summary>The likeliest until their sum reaches p, the one that reaches it included.</summary>
    private static (Tensor Probabilities, Tensor Tokens) Nucleus(Tensor probabilities, Tensor? tokens, double p)
    {
        var (sorted, order) = probabilities.shape[0] > 4 * Likeliest ? probabilities.topk(Likeliest) : probabilities.sort(0, descending: true);
        if (sorted.shape[0] < probabilities.shape[0] && sorted.sum().item<float>() < p) (sorted, order) = probabilities.sort(0, descending: true);
        var before = sorted.cumsum(0).sub(sorted);                              // what the likelier ones have
        var kept = Math.Max(1, before.lt(p).sum().item<long>());
        order = order.narrow(0, 0, kept);
        return (sorted.narrow(0, 0, kept), tokens?.index_select(0, order) ?? order);
    }
}
