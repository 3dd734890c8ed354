// Byte-level byte-pair encoding, as GPT-2's tokenizer and Hugging Face's `tokenizers` do it:
//   text -> added tokens cut out -> words (GPT-2's pattern) -> UTF-8 bytes -> merges -> ids.
// Every byte has a token, so every text can be encoded and comes back the same.

using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace LowRank;

/// <summary>A token that is found in text as a whole before anything is merged, such as <c>&lt;|endoftext|&gt;</c>.
/// Special ones can be left out when decoding.</summary>
public sealed record AddedToken(int Id, string Content, bool Special);

/// <summary>A byte-level BPE tokenizer. Safe to use from several threads.</summary>
public sealed class Tokenizer
{
    /// <summary>The token that separates texts; <see cref="Train"/> gives it id 0 unless told otherwise.</summary>
    public const string EndOfText = "<|endoftext|>";

    private const int CachedWords = 100_000;
    private const int LongestCachedWord = 256;

    private readonly string[] tokens;
    private readonly byte[][] bytes;
    private readonly Dictionary<string, int> ids;
    private readonly Dictionary<string, int> addedIds;
    private readonly HashSet<int> special;
    private readonly Regex? added;
    private readonly BpeMerger merger;
    private readonly ConcurrentDictionary<string, int[]> cache = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> cacheBySpan;

    internal TokenizerFile File { get; }

    internal Tokenizer(TokenizerFile file)
    {
        File = file;
        tokens = new string[file.Tokens.Count];
        ids = new(StringComparer.Ordinal);
        foreach (var (id, token) in file.Tokens.Index()) ids.Add(tokens[id] = token, id);

        addedIds = file.AddedTokens.ToDictionary(token => token.Content, token => token.Id, StringComparer.Ordinal);
        special = [.. file.AddedTokens.Where(token => token.Special).Select(token => token.Id)];
        // The longest token that begins at the leftmost place: alternatives are tried in order.
        var pattern = string.Join('|', addedIds.Keys.OrderByDescending(content => content.Length).Select(Regex.Escape));
        added = pattern.Length > 0 ? new Regex(pattern, RegexOptions.CultureInvariant) : null;

        bytes = [.. tokens.Index().Select(pair =>
            !addedIds.ContainsKey(pair.Item) && ByteLevel.TryBytes(pair.Item, out var known) ? known : Encoding.UTF8.GetBytes(pair.Item))];
        merger = new([.. Enumerable.Range(0, 256).Select(value => ids[ByteLevel.Character((byte)value).ToString()])], file.RankMerges());
        cacheBySpan = cache.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>How many tokens there are; ids are below it.</summary>
    public int VocabularySize => tokens.Length;

    /// <summary>The tokens that are found in text as a whole.</summary>
    public IReadOnlyList<AddedToken> AddedTokens => File.AddedTokens;

    /// <summary>Learns a vocabulary from texts. The same texts, in any order, give the same tokenizer, and the one that
    /// `tokenizers` trains with the 256 byte characters as initial alphabet.</summary>
    /// <param name="texts">What to learn from.</param>
    /// <param name="vocabularySize">At least 256 and the special tokens; fewer come out when no pair is left to merge.</param>
    /// <param name="specialTokens">They take the first ids; <see cref="EndOfText"/> if left out.</param>
    public static Tokenizer Train(IEnumerable<string> texts, int vocabularySize, IReadOnlyList<string>? specialTokens = null)
    {
        specialTokens = [.. (specialTokens ?? [EndOfText]).Distinct()];
        if (specialTokens.Contains("")) throw new ArgumentException("a special token cannot be empty", nameof(specialTokens));
        if (vocabularySize < 256 + specialTokens.Count)
            throw new ArgumentOutOfRangeException(nameof(vocabularySize), vocabularySize, $"every byte and special token needs an id: at least {256 + specialTokens.Count}");

        var words = new Dictionary<string, long>(StringComparer.Ordinal);
        var wordsBySpan = words.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var text in texts)
            for (int start = 0, length; start < text.Length; start += length)
            {
                length = ByteLevel.WordLength(text.AsSpan(start));
                CollectionsMarshal.GetValueRefOrAddDefault(wordsBySpan, text.AsSpan(start, length), out _)++;
            }

        var byBytes = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var (word, count) in words) // words that differ only in broken surrogates fall together here
        {
            var characters = string.Concat(Encoding.UTF8.GetBytes(word).Select(ByteLevel.Character));
            CollectionsMarshal.GetValueRefOrAddDefault(byBytes, characters, out _) += count;
        }
        var (tokens, merges) = BpeTrainer.Train(byBytes, vocabularySize, specialTokens);
        return new(TokenizerFile.New(tokens, merges, [.. specialTokens.Index().Select(pair => new AddedToken(pair.Index, pair.Item, Special: true))]));
    }

    /// <summary>Reads a <c>tokenizer.json</c>, or the one in a folder. Throws <see cref="FileNotFoundException"/>, or
    /// <see cref="InvalidDataException"/> that names the file and what is wrong or not supported.</summary>
    public static Tokenizer Load(string path) => new(TokenizerFile.Read(TokenizerFile.PathOf(path)));

    /// <summary>Writes <c>tokenizer.json</c> atomically, byte for byte as `tokenizers` writes it. If <paramref name="path"/> does
    /// not end in .json it is a folder, and <c>tokenizer_config.json</c> is written beside it, from which `transformers` learns
    /// that <see cref="EndOfText"/> begins and ends texts; without that file it would guess from the model and add tokens.</summary>
    public void Save(string path)
    {
        var file = TokenizerFile.PathOf(path);
        AtomicFile.Write(file, File.Compose());
        if (file != path) AtomicFile.Write(Path.Combine(path, "tokenizer_config.json"), TokenizerFile.ComposeConfiguration(addedIds.ContainsKey(EndOfText) ? EndOfText : null));
    }

    /// <summary>The token's id. Throws <see cref="KeyNotFoundException"/>.</summary>
    public int Id(string token) => TryId(token) ?? throw new KeyNotFoundException($"no token \"{token}\" among {VocabularySize}");

    /// <summary>The token's id, or null.</summary>
    public int? TryId(string token) => addedIds.TryGetValue(token, out var id) || ids.TryGetValue(token, out id) ? id : null;

    /// <summary>The token as the vocabulary writes it: Ġ for a space, and so on.</summary>
    public string Token(int id) => tokens[Checked(id)];

    /// <summary>The ids of a text; added tokens in it become their ids. A broken surrogate is encoded as U+FFFD.</summary>
    public int[] Encode(string text)
    {
        var output = new List<int>(text.Length / 3 + 1);
        var start = 0;
        if (added is not null)
            foreach (var match in added.EnumerateMatches(text))
            {
                EncodeWords(text.AsSpan(start, match.Index - start), output);
                output.Add(addedIds[text.Substring(match.Index, match.Length)]);
                start = match.Index + match.Length;
            }
        EncodeWords(text.AsSpan(start), output);
        return [.. output];
    }

    /// <summary>The text of ids. Bytes that are no UTF-8 (a text cut within a character) become U+FFFD.</summary>
    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens = false)
    {
        using var buffer = new MemoryStream();
        foreach (var id in ids)
            if (!(skipSpecialTokens && special.Contains(Checked(id)))) buffer.Write(bytes[Checked(id)]);
        return Encoding.UTF8.GetString(buffer.GetBuffer().AsSpan(0, (int)buffer.Length));
    }

    private void EncodeWords(ReadOnlySpan<char> text, List<int> output)
    {
        for (int start = 0, length; start < text.Length; start += length)
        {
            length = ByteLevel.WordLength(text[start..]);
            var word = text.Slice(start, length);
            if (!cacheBySpan.TryGetValue(word, out var wordIds))
            {
                wordIds = merger.Apply(Encoding.UTF8.GetBytes(word.ToString()));
                if (length <= LongestCachedWord)
                {
                    if (cache.Count >= CachedWords) cache.Clear();
                    cacheBySpan.TryAdd(word, wordIds);
                }
            }
            output.AddRange(wordIds);
        }
    }

    private int Checked(int id) => (uint)id < (uint)tokens.Length
        ? id
        : throw new ArgumentOutOfRangeException(nameof(id), id, $"no such token: ids are 0 to {tokens.Length - 1}");
}
