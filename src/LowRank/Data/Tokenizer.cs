// Byte-pair encoding, as Hugging Face's `tokenizers` does it:
//   text -> added tokens cut out -> normalized -> cut into words -> characters or UTF-8 bytes -> merges -> ids.
// What each step is a tokenizer.json says. One that was trained here is GPT-2's kind: every byte has a token, so every text can be
// encoded and comes back the same.

using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;

namespace LowRank;

/// <summary>A token of a text, and the chars of the text that it stands for: <c>text[Start..End]</c>. One that stands for a part of a
/// character's bytes has the whole character; one that was added has none (0 to 0).</summary>
public readonly record struct TokenSpan(int Id, int Start, int End);

/// <summary>A BPE tokenizer, trained here or read from a model's folder. Safe to use from several threads.</summary>
public sealed class Tokenizer
{
    /// <summary>The token that separates texts; <see cref="Train"/> gives it id 0 unless told otherwise.</summary>
    public const string EndOfText = "<|endoftext|>";

    private const int CachedWords = 100_000;
    private const int LongestCachedWord = 256;

    private readonly IReadOnlyList<string?> tokens;
    private readonly byte[][]? bytes; // of each token, if decoding is putting bytes side by side
    private readonly Dictionary<string, int> addedIds;
    private readonly HashSet<int> special;
    private readonly AddedTokenSearch inText, inNormalized;
    private readonly BpeModel model;
    private readonly PostProcessor postProcessor;
    private readonly Lazy<ChatTemplate> chatTemplate;
    private readonly Lazy<ChatTemplate?> toolTemplate;
    private readonly ConcurrentDictionary<string, WordTokens> cache = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, WordTokens>.AlternateLookup<ReadOnlySpan<char>> cacheBySpan;

    internal TokenizerFile File { get; }

    internal TokenizerConfiguration Configuration { get; }

    internal Tokenizer(TokenizerFile file, TokenizerConfiguration? configuration = null)
    {
        File = file;
        tokens = file.Tokens;
        addedIds = file.AddedTokens.ToDictionary(token => token.Content, token => token.Id, StringComparer.Ordinal);
        Configuration = configuration ?? TokenizerConfiguration.New(addedIds.ContainsKey(EndOfText) ? EndOfText : null);
        special = [.. file.AddedTokens.Where(token => token.Special).Select(token => token.Id)];
        inText = new(file.AddedTokens.Where(token => !token.Normalized).Select(token => (token.Content, token)));
        inNormalized = new(file.AddedTokens.Where(token => token.Normalized).Select(token => (Normalized(token.Content), token)));
        model = new(file);
        cacheBySpan = cache.GetAlternateLookup<ReadOnlySpan<char>>();
        if (file.Decoder is { IsByteLevel: true })
            bytes = [.. tokens.Select(token => token is null ? [] : !addedIds.ContainsKey(token) && ByteLevel.TryBytes(token, out var known) ? known : Encoding.UTF8.GetBytes(token))];

        foreach (var (content, id) in Configuration.Listed)
            if (TryId(content) != id) throw new InvalidDataException($"tokenizer_config.json: added_tokens_decoder gives \"{content}\" the id {id}; here {(TryId(content) is { } other ? $"it has {other}" : "is no such token")}. Save the tokenizer again with `transformers`, so that both files agree");
        BeginToken = Configured(Configuration.Begin, "bos_token");
        EndToken = Configured(Configuration.End, "eos_token");
        PaddingToken = Configuration.Padding is { } padding ? TryId(padding) : null;
        if (Configuration.AddBegin is true && BeginToken is null) throw new InvalidDataException("tokenizer_config.json: add_bos_token is true and there is no bos_token");
        if (Configuration.AddEnd is true && EndToken is null) throw new InvalidDataException("tokenizer_config.json: add_eos_token is true and there is no eos_token");
        chatTemplate = new(() => NamedTemplate("default") ?? throw new InvalidOperationException(Configuration.ChatTemplates.Count == 0 ? "the tokenizer has no chat template: neither chat_template in tokenizer_config.json nor chat_template.jinja"
                : $"no chat template is named \"default\"; there are {string.Join(", ", Configuration.ChatTemplates.Keys)}"));
        toolTemplate = new(() => NamedTemplate("tool_use"));
        postProcessor = file.PostProcessor.With(Configuration.AddBegin, BeginToken, Configuration.AddEnd, EndToken);
    }

    /// <summary>How many tokens there are; ids are below it.</summary>
    public int VocabularySize => tokens.Count;

    /// <summary>The token that begins a text, as tokenizer_config.json names it (bos_token); null if it names none.</summary>
    public int? BeginToken { get; }

    /// <summary>The token that ends a text (eos_token), or null.</summary>
    public int? EndToken { get; }

    /// <summary>The token that fills rows up (pad_token); null if there is none, or one that the vocabulary lacks, as after some fine-tunings.</summary>
    public int? PaddingToken { get; }

    /// <summary>What parts texts in training: <see cref="EndToken"/>, or <see cref="EndOfText"/> where no file names one. Throws
    /// <see cref="KeyNotFoundException"/>.</summary>
    public int Separator => EndToken ?? TryId(EndOfText)
        ?? throw new KeyNotFoundException($"the tokenizer has no token that ends a text: neither eos_token in tokenizer_config.json nor a token {EndOfText}");

    /// <summary>The tokens that are found in text as a whole.</summary>
    public IReadOnlyList<AddedToken> AddedTokens => File.AddedTokens;

    /// <summary>How the model writes conversations, if its files say so. Throws <see cref="InvalidOperationException"/> where they do not, and
    /// <see cref="ChatTemplateException"/> for a template that can't be read; a model without conversations loads all the same.</summary>
    public ChatTemplate ChatTemplate => chatTemplate.Value;

    /// <summary>The template of a conversation with tools or without: as transformers chooses among several.</summary>
    internal ChatTemplate TemplateFor(bool tools) => (tools ? toolTemplate.Value : null) ?? ChatTemplate;

    private ChatTemplate? NamedTemplate(string name) => Configuration.ChatTemplates.TryGetValue(name, out var template) ? new(template.Text, template.Source) : null;

    /// <summary>Does the model's folder say how conversations are written?</summary>
    public bool HasChatTemplate => Configuration.ChatTemplates.ContainsKey("default");

    /// <summary>What a row that is trained on begins with: what the files say that is added before a text, else <see cref="BeginToken"/> if
    /// there is one and no file says to leave it out.</summary>
    internal IReadOnlyList<int> Opening => postProcessor.Before.Length > 0 || BeginToken is null || Configuration.AddBegin is false ? postProcessor.Before : [BeginToken.Value];

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

    /// <summary>Reads a <c>tokenizer.json</c>, or the one in a folder, and what lies beside it: <c>tokenizer_config.json</c>,
    /// <c>special_tokens_map.json</c>, <c>chat_template.jinja</c> and <c>additional_chat_templates</c>. BPE of every shape that Llama, Mistral, Gemma, Qwen and GPT-2 models use. What a file says on
    /// cutting texts off or filling them up ("truncation", "padding") is not done, as `transformers` does not.</summary>
    /// <exception cref="FileNotFoundException">There is no tokenizer.json.</exception>
    /// <exception cref="InvalidDataException">Names the file, the field, and what is wrong or not supported.</exception>
    public static Tokenizer Load(string path)
    {
        var file = TokenizerFile.PathOf(path);
        var (content, configuration) = (TokenizerFile.Read(file), TokenizerConfiguration.ReadBeside(file));
        try { return new(content, configuration); }
        catch (InvalidDataException error) { throw new InvalidDataException($"{file}: {error.Message}", error); }
    }

    /// <summary>Writes <c>tokenizer.json</c> atomically, byte for byte as `tokenizers` writes it. If <paramref name="path"/> does
    /// not end in .json it is a folder, and what was read beside it is written too; for a new tokenizer a <c>tokenizer_config.json</c>
    /// from which `transformers` learns that <see cref="EndOfText"/> begins and ends texts; without that file it would guess from the
    /// model and add tokens.</summary>
    public void Save(string path)
    {
        var file = TokenizerFile.PathOf(path);
        AtomicFile.Write(file, File.Compose());
        if (file != path) Configuration.Write(path);
    }

    /// <summary>The token's id. Throws <see cref="KeyNotFoundException"/>.</summary>
    public int Id(string token) => TryId(token) ?? throw new KeyNotFoundException($"no token \"{token}\" among {VocabularySize}");

    /// <summary>The token's id, or null.</summary>
    public int? TryId(string token) => addedIds.TryGetValue(token, out var id) || File.ModelIds.TryGetValue(token, out id) ? id : null;

    /// <summary>The token as the vocabulary writes it: Ġ for a space, and so on.</summary>
    public string Token(int id) => tokens[Checked(id)]!;

    /// <summary>The ids of a text; added tokens in it become their ids. A broken surrogate is encoded as U+FFFD.</summary>
    public int[] Encode(string text) => Encode(text, addSpecialTokens: false);

    /// <summary>The ids of a text, with the tokens before and after it that the model's files ask for (often the one that begins a
    /// text) or without.</summary>
    public int[] Encode(string text, bool addSpecialTokens)
    {
        var output = new List<int>(text.Length / 3 + 1);
        if (addSpecialTokens) output.AddRange(postProcessor.Before);
        Encode(text, output, null);
        if (addSpecialTokens) output.AddRange(postProcessor.After);
        return [.. output];
    }

    /// <summary>The tokens of a text with the chars that each stands for.</summary>
    public IReadOnlyList<TokenSpan> EncodeSpans(string text, bool addSpecialTokens = false)
    {
        var (ids, spans) = (new List<int>(), new List<TokenSpan>());
        Encode(text, ids, spans);
        for (var i = 0; i < spans.Count; i++) spans[i] = postProcessor.Trimmed(spans[i], Token(spans[i].Id), first: i == 0, text);
        static IEnumerable<TokenSpan> Added(int[] some) => some.Select(id => new TokenSpan(id, 0, 0));
        return addSpecialTokens ? [.. Added(postProcessor.Before), .. spans, .. Added(postProcessor.After)] : spans;
    }

    /// <summary>The text of ids. Bytes that are no UTF-8 (a text cut within a character) become U+FFFD.</summary>
    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens = false)
    {
        var shown = ids.Where(id => !(skipSpecialTokens && special.Contains(Checked(id))));
        if (bytes is null)
        {
            var decoded = shown.Select(Token).ToList();
            return File.Decoder is { } decoder ? string.Concat(decoder.Apply(decoded)) : string.Join(' ', decoded);
        }
        using var buffer = new MemoryStream();
        foreach (var id in shown) buffer.Write(bytes[Checked(id)]);
        return Encoding.UTF8.GetString(buffer.GetBuffer().AsSpan(0, (int)buffer.Length));
    }

    private void Encode(string text, List<int> output, List<TokenSpan>? spans)
    {
        if (inText.IsEmpty && text.Length > 0) EncodePart(new(text.AsMemory(), 0), output, spans);
        else
            foreach (var (start, end, token) in inText.Cut(text.AsMemory()))
                if (token is not null) Add(token, (start, end), output, spans);
                else EncodePart(new(text.AsMemory(start, end - start), start), output, spans);
    }

    private void EncodePart(AlignedText text, List<int> output, List<TokenSpan>? spans)
    {
        if (File.Normalizer is not null) text = File.Normalizer.Apply(text);
        if (inNormalized.IsEmpty) EncodeWords(text, output, spans);
        else
            foreach (var (start, end, token) in inNormalized.Cut(text.Memory))
                if (token is not null) Add(token, text.Original(start, end), output, spans);
                else EncodeWords(text.Slice(start, end - start), output, spans);
    }

    private void EncodeWords(AlignedText text, List<int> output, List<TokenSpan>? spans)
    {
        var words = Words.Whole(text);
        if (File.PreTokenizer is not null) words = File.PreTokenizer.Apply(words);
        foreach (var (start, length) in words.Places)
        {
            var word = words.Text.Chars.Slice(start, length);
            if (!cacheBySpan.TryGetValue(word, out var found))
            {
                found = model.Apply(word);
                if (length <= LongestCachedWord)
                {
                    if (cache.Count >= CachedWords) cache.Clear();
                    cacheBySpan.TryAdd(word, found);
                }
            }
            output.AddRange(found.Ids);
            if (spans is null) continue;
            for (var i = 0; i < found.Ids.Length; i++)
            {
                var (from, to) = words.Text.Original(start + found.Starts[i], start + found.Ends[i]);
                spans.Add(new(found.Ids[i], from, to));
            }
        }
    }

    private static void Add(AddedToken token, (int Start, int End) place, List<int> output, List<TokenSpan>? spans)
    {
        output.Add(token.Id);
        spans?.Add(new(token.Id, place.Start, place.End));
    }

    private string Normalized(string content) => File.Normalizer?.Apply(new(content.AsMemory(), 0)).Chars.ToString() ?? content;

    private int? Configured(string? token, string field) => token is null ? null
        : TryId(token) ?? throw new InvalidDataException($"{Configuration.Source(field)}: {field} is \"{token}\", which is no token of tokenizer.json");

    private int Checked(int id) => (uint)id >= (uint)tokens.Count
        ? throw new ArgumentOutOfRangeException(nameof(id), id, $"no such token: ids are 0 to {tokens.Count - 1}")
        : tokens[id] is null ? throw new ArgumentOutOfRangeException(nameof(id), id, "no such token: the vocabulary leaves this id out") : id;
}
