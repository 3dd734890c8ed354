// The keys and values that attention has made of the places already read, so that a new token costs one place and not the whole text
// again. Rows of a batch may be of different lengths: each has its own count of places, and what lies behind them is masked.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>What a decoder remembers of some rows of text. It belongs to the weights and adapters that filled it.</summary>
internal sealed class KeyValueCache : IDisposable
{
    private readonly LayerCache[] layers;
    private readonly Device device;
    private readonly long[] lengths;
    private readonly long before;
    private readonly Dictionary<long, Tensor?> masks = [];                      // by window; 0: none
    private Tensor? positions;

    /// <param name="model">Whose layers, prefix and types; the prefix of prefix tuning takes the first places.</param>
    /// <param name="rows">Texts side by side.</param>
    /// <param name="capacity">The most places a row can take, virtual tokens included.</param>
    public KeyValueCache(CausalLm model, long rows, long capacity)
    {
        var (config, dtype) = (model.Config, model.Embedding.DataType);
        (device, Capacity, lengths) = (model.Embedding.Device, capacity, new long[rows]);
        layers = [.. Enumerable.Range(0, config.Layers).Select(_ => new LayerCache(this, rows, config.KeyValueHeads, capacity, config.HeadSize, dtype, device))];
        foreach (var (layer, prefix) in layers.Zip(model.Prefixes)) before = layer.Begin(prefix);
        Clear();
    }

    public long Capacity { get; }

    public LayerCache Layer(int index) => layers[index];

    /// <summary>Has nothing been read yet?</summary>
    public bool IsEmpty => lengths.All(length => length == before);

    /// <summary>How many places each row has taken.</summary>
    public IReadOnlyList<long> Lengths => lengths;

    /// <summary>The places that the tokens of this forward take, [rows, tokens] int64.</summary>
    public Tensor Positions => positions ?? throw new InvalidOperationException("no forward has begun");

    /// <summary>Tokens of this forward.</summary>
    public long Tokens { get; private set; }

    /// <summary>Places in use once this forward is done, of the longest row.</summary>
    public long Used => lengths.Max() + Tokens;

    /// <summary>Forgets all but the prefix.</summary>
    public void Clear() => Array.Fill(lengths, before);

    /// <summary>A forward of so many tokens a row begins.</summary>
    public void Begin(long tokens)
    {
        using var scope = NewDisposeScope();
        End();
        var firsts = tensor(lengths, [lengths.Length, 1], device: device);
        (Tokens, positions) = (tokens, firsts.add(arange(0, tokens, 1, ScalarType.Int64, device)).DetachFromDisposeScope());
    }

    /// <summary>The forward is done: row r keeps counts[r] more places; what it filled behind them is written over by the next.</summary>
    public void Keep(IReadOnlyList<long> counts)
    {
        for (var r = 0; r < lengths.Length; r++) lengths[r] += counts[r];
    }

    /// <summary>What a place may not look at: later places, and those that have left its window. [rows, 1, tokens, used] bool; null where
    /// there is none of these.</summary>
    public Tensor? Hidden(long? window)
    {
        if (masks.TryGetValue(window ?? 0, out var mask)) return mask;
        using var scope = NewDisposeScope();                                    // the mask serves all layers of this forward
        if (Tokens > 1 || lengths.Any(length => length != lengths[0]) || window <= Used - 1)
        {
            var (own, others) = (Positions.unsqueeze(1).unsqueeze(3), arange(0, Used, 1, ScalarType.Int64, device));   // [rows, 1, tokens, 1], [used]
            mask = others.gt(own);
            if (window is { } seen) mask = mask.logical_or(others.le(own.sub(seen)));
        }
        return masks[window ?? 0] = mask?.DetachFromDisposeScope();
    }

    private void End()
    {
        positions?.Dispose();
        foreach (var mask in masks.Values) mask?.Dispose();
        masks.Clear();
    }

    public void Dispose()
    {
        End();
        foreach (var layer in layers) layer.Dispose();
    }
}

/// <summary>The part of one layer.</summary>
internal sealed class LayerCache : IDisposable
{
    private readonly KeyValueCache whole;

    internal LayerCache(KeyValueCache whole, long rows, long heads, long capacity, long headSize, ScalarType dtype, Device device)
    {
        this.whole = whole;
        // Zeros: what is behind a row's end is masked, and 0 times a number that was never set could be NaN.
        Keys = zeros(rows, heads, capacity, headSize, dtype, device).DetachFromDisposeScope();
        Values = zeros_like(Keys).DetachFromDisposeScope();
    }

    /// <summary>Turned by their places' angles, [rows, key heads, capacity, d].</summary>
    public Tensor Keys { get; }

    /// <summary>[rows, key heads, capacity, d]</summary>
    public Tensor Values { get; }

    public KeyValueCache Whole => whole;

    /// <summary>Puts the keys and values of prefix tuning in the first places of every row, and says how many there are.</summary>
    public long Begin(LayerPrefix? prefix)
    {
        if (prefix is null) return 0;
        Tensor Heads(Tensor x) => x.view(x.shape[0], Keys.shape[1], -1).transpose(0, 1);        // [p, key heads · d] -> [key heads, p, d]
        Keys.narrow(2, 0, prefix.Tokens).copy_(Heads(prefix.Keys));
        Values.narrow(2, 0, prefix.Tokens).copy_(Heads(prefix.Values));
        return prefix.Tokens;
    }

    /// <summary>Takes in the keys and values of a forward, and gives all that are there.</summary>
    /// <param name="keys">[rows, key heads, tokens, d]</param>
    /// <param name="values">[rows, key heads, tokens, d]</param>
    /// <returns>[rows, key heads, used, d] each, views.</returns>
    public (Tensor Keys, Tensor Values) Add(Tensor keys, Tensor values)
    {
        var lengths = whole.Lengths;
        foreach (var (mine, theirs) in new[] { (Keys, keys), (Values, values) })
            if (lengths.All(length => length == lengths[0]))
                mine.narrow(2, lengths[0], whole.Tokens).copy_(theirs);
            else
                for (var r = 0; r < lengths.Count; r++) mine[r].narrow(1, lengths[r], whole.Tokens).copy_(theirs[r]);
        return (Keys.narrow(2, 0, whole.Used), Values.narrow(2, 0, whole.Used));
    }

    public void Dispose()
    {
        Keys.Dispose();
        Values.Dispose();
    }
}
