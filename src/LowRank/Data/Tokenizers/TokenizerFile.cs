// tokenizer.json of Hugging Face's `tokenizers`, as far as it describes byte-pair encoding. What stands in the file and has no bearing
// on ids (descriptions, what to cut and pad to) is kept and written back; what would change ids and is not built here is refused by
// name, never ignored. Vocabulary and merges, nearly all of the file, are kept once, as numbers and strings, not as JSON.

using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LowRank;

internal sealed class TokenizerFile
{
    private const string FileName = "tokenizer.json";
    private const long LongestFile = 1 << 29;
    private const int MostMissingIds = 4096; // gaps that converters leave, such as 100256 in cl100k's

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    private readonly JsonObject document; // without the contents of vocab and merges

    /// <summary>Every token by its id, the added ones among them; null where an id has none.</summary>
    public IReadOnlyList<string?> Tokens { get; }

    /// <summary>The ids of the model's own vocabulary, in the file's order.</summary>
    public Dictionary<string, int> ModelIds { get; }

    /// <summary>Pairs of ids in the order learned, with the one that each becomes.</summary>
    public IReadOnlyList<(int Left, int Right, int Merged)> Merges { get; }

    public IReadOnlyList<AddedToken> AddedTokens { get; }
    public Normalizer? Normalizer { get; }
    public PreTokenizer? PreTokenizer { get; }
    public PostProcessor PostProcessor { get; }
    public TextDecoder? Decoder { get; }
    public string? UnknownToken { get; }
    public bool FuseUnknown { get; }
    public bool ByteFallback { get; }
    public bool IgnoreMerges { get; }

    /// <summary>Words are read as bytes, for each of which there is a token.</summary>
    public bool ByBytes => PreTokenizer is { ByBytes: true };

    private TokenizerFile(JsonDocument json)
    {
        var root = JsonPart.Root(json);
        AddedTokens = [.. root.Parts("added_tokens").Select(ReadAddedToken)];
        if (AddedTokens.GroupBy(token => token.Content).FirstOrDefault(group => group.Count() > 1) is { } twice) throw new InvalidDataException($"added token \"{twice.Key}\" stands twice");
        Normalizer = Normalizer.Read(root.Part("normalizer"));
        PreTokenizer = PreTokenizer.Read(root.Part("pre_tokenizer"));
        PostProcessor = PostProcessor.Read(root.Part("post_processor"));
        Decoder = TextDecoder.Read(root.Part("decoder"));

        var model = root.NeededPart("model");
        if (model.TextOrNull("type") is { } type && type != "BPE") throw new InvalidDataException($"model.type {type} is not supported, only BPE");
        if (model.Value("dropout") is { } dropout && !(dropout.ValueKind == JsonValueKind.Number && dropout.GetDouble() == 0)) throw model.Wrong("dropout", $"{dropout.GetRawText()} is not supported: ids would be random");
        foreach (var affix in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
            if (model.TextOrNull(affix) is { Length: > 0 } value) throw model.Wrong(affix, $"\"{value}\" is not supported");
        (FuseUnknown, ByteFallback, IgnoreMerges) = (model.Flag("fuse_unk", false), model.Flag("byte_fallback", false), model.Flag("ignore_merges", false));

        ModelIds = new(StringComparer.Ordinal);
        foreach (var member in model.NeededPart("vocab").Members)
        {
            var token = member.Name; // decoded anew every time
            ModelIds.Add(token, JsonPart.WholeOrNull(member.Value) ?? throw JsonPart.NotWhole(member.Value, $"the id of \"{token}\""));
        }
        // Where every byte has a token, nothing is unknown.
        var complete = ByBytes || (ByteFallback && Enumerable.Range(0, 256).All(value => ModelIds.ContainsKey(BpeModel.FallbackToken(value))));
        UnknownToken = complete ? null : model.TextOrNull("unk_token");
        if (UnknownToken is { } unknown && !ModelIds.ContainsKey(unknown)) throw model.Wrong("unk_token", $"\"{unknown}\" is not in the vocabulary");
        var missing = ByBytes ? ByteLevel.Alphabet.Where(character => !ModelIds.ContainsKey(character.ToString())).ToList() : [];
        if (missing.Count > 0) throw new InvalidDataException($"model: {missing.Count} of the 256 byte characters have no token, the first is \"{missing[0]}\"");

        Tokens = Collect();
        if (model.Value("merges") is null) throw new InvalidDataException("\"model.merges\" is missing");
        Merges = [.. model.Items("merges").Select(ReadMerge)];
        if (PostProcessor.Before.Concat(PostProcessor.After).Where(id => id >= Tokens.Count || Tokens[id] is null).Select(id => (int?)id).FirstOrDefault() is { } strange)
            throw new InvalidDataException($"post_processor adds the id {strange}, which no token has");
        document = Outline(json.RootElement);
    }

    public static string PathOf(string path) => path.EndsWith(".json", StringComparison.OrdinalIgnoreCase) ? path : Path.Combine(path, FileName);

    /// <summary>Reads and checks a file. Throws <see cref="InvalidDataException"/> with the file's name.</summary>
    public static TokenizerFile Read(string path)
    {
        if (new FileInfo(path) is { Exists: true, Length: > LongestFile and var length }) throw new InvalidDataException($"{path}: {length:N0} bytes are more than any tokenizer has; at most {LongestFile:N0}");
        try
        {
            return Parse(File.ReadAllBytes(path));
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{path}: not valid JSON: {error.Message}", error);
        }
        catch (Exception error) when (error is InvalidDataException or InvalidOperationException)
        {
            // JSON with an escape that is half a surrogate pair is valid, and its text is not: InvalidOperationException.
            throw new InvalidDataException($"{path}: {error.Message}", error);
        }
    }

    /// <summary>The description of a newly trained tokenizer.</summary>
    public static TokenizerFile New(List<string> tokens, List<(int Left, int Right)> merges, IReadOnlyList<AddedToken> addedTokens)
    {
        static JsonObject ByteLevelPart(bool addPrefixSpace) => new()
        {
            ["type"] = "ByteLevel", ["add_prefix_space"] = addPrefixSpace, ["trim_offsets"] = true, ["use_regex"] = true,
        };
        var document = new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new JsonArray([.. addedTokens.Select(token => new JsonObject
            {
                ["id"] = token.Id, ["content"] = token.Content, ["single_word"] = false, ["lstrip"] = false, ["rstrip"] = false,
                ["normalized"] = !token.Special, ["special"] = token.Special,
            })]),
            ["normalizer"] = null,
            ["pre_tokenizer"] = ByteLevelPart(addPrefixSpace: false),
            ["post_processor"] = null,
            ["decoder"] = ByteLevelPart(addPrefixSpace: true), // the decoder's default there; it has no effect on decoding
            ["model"] = new JsonObject
            {
                ["type"] = "BPE", ["dropout"] = null, ["unk_token"] = null, ["continuing_subword_prefix"] = null,
                ["end_of_word_suffix"] = null, ["fuse_unk"] = false, ["byte_fallback"] = false, ["ignore_merges"] = false,
                ["vocab"] = Vocabulary(tokens.Index().Select(pair => KeyValuePair.Create(pair.Item, pair.Index))),
                ["merges"] = MergesOf(merges.Select(merge => (tokens[merge.Left], tokens[merge.Right]))),
            },
        };
        return Parse(PlainJson.Utf8.GetBytes(PlainJson.Pretty(document)));
    }

    /// <summary>For each pair: its place in the order learned and the token that it becomes.</summary>
    public Dictionary<(int Left, int Right), (int Rank, int Merged)> RankMerges()
    {
        var ranks = new Dictionary<(int, int), (int, int)>(Merges.Count);
        foreach (var (rank, (left, right, merged)) in Merges.Index()) ranks[(left, right)] = (rank, merged);
        return ranks;
    }

    /// <summary>The file's text: two spaces a level, no line end at its end.</summary>
    public string Compose()
    {
        var whole = document.DeepClone().AsObject();
        whole["model"]!["vocab"] = Vocabulary(ModelIds);
        whole["model"]!["merges"] = MergesOf(Merges.Select(merge => (Tokens[merge.Left]!, Tokens[merge.Right]!))); // older files write "a b"; newer ones, and this, ["a", "b"]
        return PlainJson.Pretty(whole);
    }

    private static TokenizerFile Parse(byte[] utf8)
    {
        using var json = JsonDocument.Parse(utf8.AsMemory(utf8 is [0xEF, 0xBB, 0xBF, ..] ? 3 : 0), Strict);
        return new(json);
    }

    private static AddedToken ReadAddedToken(JsonPart part)
    {
        var content = part.Text("content");
        if (content == "") throw part.Wrong("content", "is empty");
        var special = part.Flag("special", false);
        return new(JsonPart.Whole(part.Value("id") ?? throw new InvalidDataException($"{part.Where}: the id of \"{content}\" is missing"), $"the id of \"{content}\""), content, special)
        {
            SingleWord = part.Flag("single_word", false), LeftStrip = part.Flag("lstrip", false), RightStrip = part.Flag("rstrip", false),
            Normalized = part.Flag("normalized", !special),
        };
    }

    private string?[] Collect()
    {
        foreach (var token in AddedTokens)
            if (ModelIds.TryGetValue(token.Content, out var id) && id != token.Id) throw new InvalidDataException($"added token \"{token.Content}\" has id {token.Id}, and {id} in the vocabulary");
        var all = ModelIds.Concat(AddedTokens.Where(token => !ModelIds.ContainsKey(token.Content)).Select(token => KeyValuePair.Create(token.Content, token.Id))).ToList();
        var highest = all.Count == 0 ? throw new InvalidDataException("model: the vocabulary is empty") : all.MaxBy(pair => pair.Value);
        if (highest.Value >= all.Count + MostMissingIds) throw new InvalidDataException($"\"{highest.Key}\" has id {highest.Value} and there are {all.Count} tokens: at most {MostMissingIds} ids may be left out");
        var tokens = new string?[highest.Value + 1];
        foreach (var (token, id) in all)
            tokens[id] = tokens[id] is { } other ? throw new InvalidDataException($"\"{other}\" and \"{token}\" have the same id {id}") : token;
        return tokens;
    }

    private (int Left, int Right, int Merged) ReadMerge(JsonElement merge, int index)
    {
        var (left, right) = merge.ValueKind switch
        {
            JsonValueKind.Array when merge.GetArrayLength() == 2 && merge[0].ValueKind == JsonValueKind.String && merge[1].ValueKind == JsonValueKind.String => (JsonPart.Text(merge[0]), JsonPart.Text(merge[1])),
            JsonValueKind.String when JsonPart.Text(merge) is var text && text.IndexOf(' ') is > 0 and var space && text.LastIndexOf(' ') == space => (text[..space], text[(space + 1)..]),
            _ => throw new InvalidDataException($"model: merge {index} is not a pair"),
        };
        return ModelIds.TryGetValue(left, out var a) && ModelIds.TryGetValue(right, out var b) && ModelIds.TryGetValue(left + right, out var merged)
            ? (a, b, merged)
            : throw new InvalidDataException($"model: merge {index} (\"{left}\" and \"{right}\"): no token \"{new[] { left, right, left + right }.First(token => !ModelIds.ContainsKey(token))}\" in the vocabulary");
    }

    private static JsonObject Outline(JsonElement root)
    {
        static JsonObject Without(JsonElement part, params string[] large) => new(part.EnumerateObject().Select(member =>
            KeyValuePair.Create(member.Name, large.Contains(member.Name) ? null : JsonNode.Parse(member.Value.GetRawText()))));
        var outline = Without(root, "model");
        outline["model"] = Without(root.GetProperty("model"), "vocab", "merges");
        return outline;
    }

    private static JsonObject Vocabulary(IEnumerable<KeyValuePair<string, int>> ids) => new(ids.Select(pair => KeyValuePair.Create<string, JsonNode?>(pair.Key, pair.Value)));

    private static JsonArray MergesOf(IEnumerable<(string Left, string Right)> merges) => new([.. merges.Select(merge => new JsonArray(merge.Left, merge.Right))]);
}
