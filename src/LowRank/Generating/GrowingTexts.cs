using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Texts that are continued side by side, a token a step.</summary>
internal sealed class GrowingTexts : IDisposable
{
    private readonly CausalLm model;
    private readonly GenerationOptions options;
    private readonly List<long>[] texts;
    private readonly bool[] ended;
    private readonly Generator[] generators;
    private readonly KeyValueCache cache;
    private readonly Device device;
    private readonly int longest;                       // tokens that the model can read at once

    public GrowingTexts(CausalLm model, IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions options)
    {
        (this.model, this.options, device) = (model, options, model.Embedding.Device);
        longest = (int)Math.Max(1, model.Config.MaxPositions - model.VirtualTokens);
        texts = [.. prompts.Select(prompt => prompt.Select(id => (long)id).ToList())];
        ended = new bool[texts.Length];
        generators = [.. texts.Select((_, row) => new Generator((ulong)(options.Seed + row), device))];
        using var _ = no_grad();
        var most = Math.Min(longest, texts.Max(text => text.Count) + (long)options.MaxNewTokens);
        cache = new(model, texts.Length, model.VirtualTokens + most);
    }

    /// <summary>Have all of them come to an end?</summary>
    public bool Ended => ended.All(e => e);

    /// <summary>Adds a token to each text that has not ended, and gives them; null for the others.</summary>
    public int?[] Next()
    {
        using var _ = no_grad();
        using var scope = NewDisposeScope();
        var logits = NextLogits().to(ScalarType.Float32);                       // [rows, vocabulary]
        var drawn = new int?[texts.Length];
        for (var row = 0; row < texts.Length; row++)
        {
            // A text that has ended goes on unseen, so that the rows stay together.
            var token = ended[row] ? texts[row][^1] : Sampler.Draw(logits[row], texts[row], options, generators[row]);
            texts[row].Add(token);
            if (ended[row]) continue;
            drawn[row] = (int)token;
            ended[row] = model.Config.Ends(token) || token == model.Tokenizer?.EndToken || options.StopTokens.Contains((int)token);
        }
        return drawn;
    }

    private Tensor NextLogits()
    {
        if (!cache.IsEmpty && cache.Lengths.Max() < cache.Capacity)
            return model.NextLogits(tensor(texts.Select(text => text[^1]).ToArray(), [texts.Length, 1], device: device), [.. texts.Select(_ => 1L)], cache);
        cache.Clear();
        var read = texts.Select(text => text.TakeLast(longest).ToArray()).ToArray();
        var width = read.Max(row => row.Length);
        var ids = new long[texts.Length * width];                               // filled up with id 0, which nothing sees
        foreach (var (row, text) in read.Index()) text.CopyTo(ids, row * width);
        return model.NextLogits(tensor(ids, [texts.Length, width], device: device), [.. read.Select(row => (long)row.Length)], cache);
    }

    public void Dispose()
    {
        cache.Dispose();
        foreach (var generator in generators) generator.Dispose();
    }
}
