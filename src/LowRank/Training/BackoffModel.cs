// An n-gram model with interpolated Kneser-Ney back-off (Kneser & Ney 1995; the interpolated form of Chen & Goodman 1998, eq. 27):
//
//   p(w | h) = max(c(h w) − D, 0) / c(h ·) + D · types(h ·) / c(h ·) · p(w | h'),      h' = h without its first token,
//
// down to the uniform distribution. c counts occurrences where the context is as long as it can be (n − 1 tokens, or back to the
// document's start) and, below, in how many different longer contexts the n-gram was seen. D = n₁ / (n₁ + 2 n₂) for each order.
// The yardstick beside which a neural model of the same tokens has to stand.
namespace LowRank;

/// <summary>An n-gram model with Kneser-Ney back-off over token ids.</summary>
public sealed class BackoffModel
{
    private sealed record Order(Dictionary<UInt128, int> Grams, Dictionary<UInt128, (int Total, int Types)> Contexts)
    {
        public double Discount { get; set; }
    }

    private readonly int order;
    private readonly int vocabularySize;
    private readonly Order[] orders;   // orders[k]: contexts of k tokens

    /// <param name="order">n: a token and the n − 1 before it. At most 6, so that an n-gram fits in 128 bits.</param>
    /// <param name="vocabularySize">Ids are below it; at most 2²⁰.</param>
    public BackoffModel(int order, int vocabularySize)
    {
        if (order is < 1 or > 6) throw new ArgumentException($"order is {order}; it must be 1 to 6");
        if (vocabularySize is < 1 or > 1 << 20) throw new ArgumentException($"vocabularySize is {vocabularySize}; it must be 1 to 2^20");
        (this.order, this.vocabularySize) = (order, vocabularySize);
        orders = [.. Enumerable.Range(0, order).Select(_ => new Order([], []))];
    }

    /// <summary>Counts documents, each beginning with the id that its first token is predicted from.</summary>
    public void Train(IEnumerable<int[]> documents)
    {
        foreach (var document in documents)
            for (var i = 1; i < document.Length; i++)
                Count(document.AsSpan(Math.Max(0, i - order + 1)..(i + 1)));
        foreach (var level in orders)
        {
            double once = level.Grams.Values.Count(c => c == 1), twice = level.Grams.Values.Count(c => c == 2);
            level.Discount = once == 0 ? 0.5 : once / (once + 2 * twice);
        }
    }

    /// <summary>Sums −ln p over documents' tokens, their first one (which is given) left out.</summary>
    public TextScore Score(IEnumerable<int[]> documents)
    {
        double nats = 0;
        long tokens = 0;
        foreach (var document in documents)
            for (var i = 1; i < document.Length; i++, tokens++)
                nats -= Math.Log(Probability(document.AsSpan(Math.Max(0, i - order + 1)..i), document[i]));
        return new(nats, tokens);
    }

    /// <summary>p(token | context); sums to 1 over the vocabulary.</summary>
    public double Probability(ReadOnlySpan<int> context, int token)
    {
        if (context.Length >= order) context = context[^(order - 1)..];
        var p = 1.0 / vocabularySize;
        for (var length = 0; length <= context.Length; length++)
        {
            var (level, key) = (orders[length], Key(context[^length..]));
            if (!level.Contexts.TryGetValue(key, out var seen)) continue;   // a context never seen gives all its weight to the shorter one
            level.Grams.TryGetValue(Append(key, token), out var count);
            p = (Math.Max(count - level.Discount, 0) + level.Discount * seen.Types * p) / seen.Total;
        }
        return p;
    }

    // An n-gram seen for the first time is one more context that its shorter form was seen in.
    private void Count(ReadOnlySpan<int> gram)
    {
        for (var isNew = true; isNew && gram.Length > 0; gram = gram[1..])
        {
            var level = orders[gram.Length - 1];
            var key = Key(gram[..^1]);
            var whole = Append(key, gram[^1]);
            level.Grams.TryGetValue(whole, out var count);
            level.Contexts.TryGetValue(key, out var seen);
            isNew = count == 0;
            level.Grams[whole] = count + 1;
            level.Contexts[key] = (seen.Total + 1, seen.Types + (isNew ? 1 : 0));
        }
    }

    private static UInt128 Key(ReadOnlySpan<int> ids)
    {
        UInt128 key = 0;
        foreach (var id in ids) key = Append(key, id);
        return key;
    }

    private static UInt128 Append(UInt128 key, int id) => key << 20 | (uint)id;
}
