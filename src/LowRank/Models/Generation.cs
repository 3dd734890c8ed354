using static TorchSharp.torch;

namespace LowRank;

/// <summary>How text is drawn from a model.</summary>
public sealed record GenerationOptions
{
    /// <summary>At most so many tokens are added.</summary>
    public int MaxNewTokens { get; init; } = 40;

    /// <summary>Divides the logits before drawing; 0 always takes the likeliest token (greedy).</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Draws among so many of the likeliest tokens; 0: among all.</summary>
    public int TopK { get; init; }

    /// <summary>The same seed draws the same text.</summary>
    public long Seed { get; init; }

    /// <summary>Always the likeliest token.</summary>
    public static GenerationOptions Greedy { get; } = new() { Temperature = 0 };
}

/// <summary>Drawing text from a language model.</summary>
public static class Generation
{
    /// <summary>Continues a row of ids until the end token or <see cref="GenerationOptions.MaxNewTokens"/>.</summary>
    /// <param name="model">In evaluation mode meanwhile.</param>
    /// <param name="ids">At least one id. What does not fit in the model's positions is dropped from the front.</param>
    /// <param name="options">How to draw.</param>
    /// <returns>The added ids, the end token included if it came.</returns>
    public static IReadOnlyList<int> Generate(this CausalLm model, IReadOnlyList<int> ids, GenerationOptions? options = null)
    {
        options ??= new();
        if (ids.Count == 0) throw new ArgumentException("generation needs at least one id to begin with");
        if (options.Temperature < 0 || options.TopK < 0)
            throw new ArgumentException($"Temperature is {options.Temperature} and TopK {options.TopK}; neither may be negative");
        using var _ = no_grad();
        var training = model.training;
        model.eval();
        var device = model.parameters().First().device;
        using var generator = new Generator((ulong)options.Seed, device);
        var longest = (int)Math.Max(1, model.Config.MaxPositions - model.VirtualTokens);
        List<long> all = [.. ids.Select(id => (long)id)];
        try
        {
            for (var i = 0; i < options.MaxNewTokens; i++)
            {
                using var scope = NewDisposeScope();
                var window = all.Skip(Math.Max(0, all.Count - longest)).ToArray();
                var logits = model.NextLogits(tensor(window, device: device).unsqueeze(0)).select(0, 0).to(ScalarType.Float32);   // [vocabulary]
                all.Add(Draw(logits, options, generator));
                if (model.Config.Ends(all[^1])) break;
            }
        }
        finally
        {
            model.train(training);
        }
        return [.. all.Skip(ids.Count).Select(id => (int)id)];
    }

    /// <summary>Continues a text with the model's tokenizer; without special tokens in the result.</summary>
    public static string Generate(this CausalLm model, string prompt, GenerationOptions? options = null)
    {
        var tokenizer = model.Tokenizer ?? throw new InvalidOperationException("the model has no tokenizer: its folder holds no tokenizer.json");
        int[] begin = model.Config.BeginToken is { } token ? [token] : [];
        var added = model.Generate([.. begin, .. tokenizer.Encode(prompt)], options);
        return tokenizer.Decode(added, skipSpecialTokens: true);
    }

    private static long Draw(Tensor logits, GenerationOptions options, Generator generator)
    {
        if (options.Temperature == 0) return logits.argmax().item<long>();
        logits = logits.div(options.Temperature);
        if (options.TopK == 0 || options.TopK >= logits.shape[0])
            return logits.softmax(0).multinomial(1, generator: generator).item<long>();
        var (values, indices) = logits.topk(options.TopK);
        return indices.index_select(0, values.softmax(0).multinomial(1, generator: generator)).item<long>();
    }
}
