// Texts as one row of ids in memory, with the separator before, between and after them:
//   <|endoftext|> first text <|endoftext|> second text <|endoftext|>
// so every token of a text, its first one too, is predicted from something, and so is where a text ends.

using System.Text;

namespace LowRank;

/// <summary>Tokenized texts.</summary>
public sealed class TokenCorpus
{
    private readonly int[] tokens;
    private readonly int[] starts; // where each text's leading separator stands, and the closing one

    private TokenCorpus(int[] tokens, int[] starts, long characters) => (this.tokens, this.starts, Characters) = (tokens, starts, characters);

    /// <summary>Tokenizes texts, in their order.</summary>
    public static TokenCorpus From(Tokenizer tokenizer, IEnumerable<string> texts)
    {
        var separator = tokenizer.Separator;
        var (tokens, starts, characters) = (new List<int>(), new List<int>(), 0L);
        foreach (var text in texts)
        {
            starts.Add(tokens.Count);
            tokens.Add(separator);
            tokens.AddRange(tokenizer.Encode(text));
            characters += text.EnumerateRunes().Count() + 1;
        }
        starts.Add(tokens.Count);
        tokens.Add(separator);
        return new([.. tokens], [.. starts], characters);
    }

    /// <summary>Glosses as <see cref="Gloss.Text"/>, shuffled (<see cref="WordNet.Shuffled"/>).</summary>
    public static TokenCorpus From(Tokenizer tokenizer, IEnumerable<Gloss> glosses) => From(tokenizer, glosses.Shuffled().Select(gloss => gloss.Text));

    /// <summary>All ids.</summary>
    public ReadOnlyMemory<int> Tokens => tokens;

    /// <summary>Number of texts.</summary>
    public int Count => starts.Length - 1;

    /// <summary>Unicode characters of all texts, and one more for the end of each: what bits a character are counted over.
    /// It is the length of the texts written one a line.</summary>
    public long Characters { get; }

    /// <summary>Separator, text, separator.</summary>
    public ReadOnlyMemory<int> Text(int index) => tokens.AsMemory(starts[index]..(starts[index + 1] + 1));
}
