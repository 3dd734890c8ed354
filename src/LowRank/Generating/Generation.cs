// Text from a language model: whole or piece by piece, one text or several side by side. What has been read is remembered (KeyValueCache),
// so that a token costs one place. A text that reaches the model's last position goes on with what fits, read anew for each token.
using System.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Drawing text from a language model.</summary>
public static class Generation
{
    /// <summary>Continues a row of ids until a token that ends the text or <see cref="GenerationOptions.MaxNewTokens"/>.</summary>
    /// <param name="model">In evaluation mode meanwhile.</param>
    /// <param name="ids">At least one id. What does not fit in the model's positions is dropped from the front.</param>
    /// <param name="options">How to draw.</param>
    /// <returns>The added ids, the one that ends the text included if it came.</returns>
    /// <exception cref="ArgumentException">No id, one that is no token, or an option out of its range.</exception>
    public static IReadOnlyList<int> Generate(this CausalLm model, IReadOnlyList<int> ids, GenerationOptions? options = null) =>
        model.GenerateBatch([ids], options)[0];

    /// <summary>Continues a text with the model's tokenizer; without special tokens in the result.</summary>
    /// <exception cref="InvalidOperationException">The model has no tokenizer.</exception>
    public static string Generate(this CausalLm model, string prompt, GenerationOptions? options = null) => model.GenerateBatch([prompt], options)[0];

    /// <summary>Continues several rows of ids side by side; they may be of different lengths. Each ends as it would alone.</summary>
    /// <inheritdoc cref="Generate(CausalLm, IReadOnlyList{int}, GenerationOptions?)"/>
    public static IReadOnlyList<IReadOnlyList<int>> GenerateBatch(this CausalLm model, IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions? options = null)
    {
        var added = prompts.Select(_ => new List<int>()).ToArray();
        foreach (var step in Steps(model, prompts, options ?? new()))
            foreach (var (row, token) in step.Index())
                if (token is { } one) added[row].Add(one);
        return added;
    }

    /// <summary>Continues several texts side by side.</summary>
    /// <inheritdoc cref="Generate(CausalLm, string, GenerationOptions?)"/>
    public static IReadOnlyList<string> GenerateBatch(this CausalLm model, IReadOnlyList<string> prompts, GenerationOptions? options = null)
    {
        var tokenizer = TokenizerOf(model);
        return [.. model.GenerateBatch([.. prompts.Select(prompt => Encoded(model, prompt))], options).Select(ids => tokenizer.Decode(ids, skipSpecialTokens: true))];
    }

    /// <summary>Continues a text and gives each piece as soon as it is whole: a character of several tokens comes at once. The pieces
    /// together are what <see cref="Generate(CausalLm, string, GenerationOptions?)"/> gives.</summary>
    /// <inheritdoc cref="Generate(CausalLm, string, GenerationOptions?)"/>
    public static IEnumerable<string> GenerateStream(this CausalLm model, string prompt, GenerationOptions? options = null) =>
        model.GenerateStream(Encoded(model, prompt), options);

    /// <summary>Continues a row of ids and gives its text piece by piece.</summary>
    /// <inheritdoc cref="GenerateStream(CausalLm, string, GenerationOptions?)"/>
    public static IEnumerable<string> GenerateStream(this CausalLm model, IReadOnlyList<int> ids, GenerationOptions? options = null)
    {
        var tokenizer = TokenizerOf(model);
        var steps = Steps(model, [ids], options ?? new());
        return Pieces();

        IEnumerable<string> Pieces()
        {
            List<int> all = [];
            var said = 0;
            foreach (var step in steps)
            {
                all.Add(step[0]!.Value);
                var text = tokenizer.Decode(all, skipSpecialTokens: true);
                if (text.EndsWith('\uFFFD')) continue;                          // half a character
                if (text.Length > said) yield return text[said..];
                said = Math.Max(said, text.Length);
            }
            if (tokenizer.Decode(all, skipSpecialTokens: true) is var whole && whole.Length > said) yield return whole[said..];
        }
    }

    private static Tokenizer TokenizerOf(CausalLm model) =>
        model.Tokenizer ?? throw new InvalidOperationException("the model has no tokenizer: its folder holds no tokenizer.json");

    private static IReadOnlyList<int> Encoded(CausalLm model, string prompt)
    {
        var tokenizer = TokenizerOf(model);
        return [.. tokenizer.Opening, .. tokenizer.Encode(prompt)];             // as examples begin in training
    }

    /// <summary>Checks everything now, then draws when asked: the next token of each row, null for rows that have ended.</summary>
    private static IEnumerable<int?[]> Steps(CausalLm model, IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions options)
    {
        options.Validate();
        if (prompts.Count == 0) throw new ArgumentException("there is no prompt");
        if (prompts.Any(prompt => prompt.Count == 0)) throw new ArgumentException("generation needs at least one id to begin with");
        foreach (var id in prompts.SelectMany(prompt => prompt))
            if (id < 0 || id >= model.Config.VocabularySize)
                throw new ArgumentException($"{id} is no token of the model: its vocabulary has {model.Config.VocabularySize}");
        return Drawn(model, prompts, options);
    }

    private static IEnumerable<int?[]> Drawn(CausalLm model, IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions options)
    {
        var training = model.training;
        model.eval();
        using var texts = new GrowingTexts(model, prompts, options);
        try
        {
            for (var i = 0; i < options.MaxNewTokens && !texts.Ended; i++)
                yield return texts.Next();
        }
        finally
        {
            model.train(training);
        }
    }
}
