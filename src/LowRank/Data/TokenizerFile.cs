// tokenizer.json of Hugging Face's `tokenizers`, as far as it describes a GPT-2-like byte-level BPE. What stands in the file and
// has no bearing on ids (descriptions, offsets) is kept and written back; what would change ids and is not built here is
// refused by name, never ignored.

using System.Text.Json;
using System.Text.Json.Nodes;

namespace LowRank;

internal sealed class TokenizerFile
{
    private const string FileName = "tokenizer.json";

    private readonly JsonObject document;

    /// <summary>Every token by its id, the added ones among them.</summary>
    public IReadOnlyList<string> Tokens { get; }

    /// <summary>Pairs of ids in the order learned.</summary>
    public IReadOnlyList<(int Left, int Right)> Merges { get; }

    public IReadOnlyList<AddedToken> AddedTokens { get; }

    private TokenizerFile(JsonObject document, IReadOnlyList<string> tokens, IReadOnlyList<(int, int)> merges, IReadOnlyList<AddedToken> addedTokens) =>
        (this.document, Tokens, Merges, AddedTokens) = (document, tokens, merges, addedTokens);

    public static string PathOf(string path) => path.EndsWith(".json", StringComparison.OrdinalIgnoreCase) ? path : Path.Combine(path, FileName);

    /// <summary>For each pair: its place in the order learned and the token that it becomes.</summary>
    public Dictionary<(int Left, int Right), (int Rank, int Merged)> RankMerges()
    {
        var ids = Tokens.Index().ToDictionary(pair => pair.Item, pair => pair.Index, StringComparer.Ordinal);
        var ranks = new Dictionary<(int, int), (int, int)>(Merges.Count);
        foreach (var (rank, (left, right)) in Merges.Index()) ranks[(left, right)] = (rank, ids[Tokens[left] + Tokens[right]]);
        return ranks;
    }

    /// <summary>The file's text: two spaces a level, no line end at its end.</summary>
    public string Compose() => PlainJson.Pretty(document);

    /// <summary>The text of <c>tokenizer_config.json</c>: take tokenizer.json as it is.</summary>
    public static string ComposeConfiguration(string? separator)
    {
        var configuration = new JsonObject { ["clean_up_tokenization_spaces"] = false, ["tokenizer_class"] = "PreTrainedTokenizerFast" };
        if (separator is not null) (configuration["bos_token"], configuration["eos_token"]) = (separator, separator);
        return PlainJson.Pretty(configuration) + "\n";
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
                ["vocab"] = new JsonObject([.. tokens.Index().Select(pair => KeyValuePair.Create<string, JsonNode?>(pair.Item, pair.Index))]),
                ["merges"] = MergesOf(tokens, merges),
            },
        };
        return new(document, tokens, merges, addedTokens);
    }

    /// <summary>Reads and checks a file. Throws <see cref="InvalidDataException"/> with the file's name.</summary>
    public static TokenizerFile Read(string path)
    {
        JsonNode? root;
        try
        {
            root = JsonNode.Parse(File.ReadAllBytes(path), documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{path}: not valid JSON: {error.Message}");
        }
        try
        {
            return Check(root as JsonObject ?? throw new InvalidDataException("not a JSON object"));
        }
        catch (Exception error) when (error is InvalidDataException or InvalidOperationException or FormatException)
        {
            // JsonNode reports a value of the wrong kind as InvalidOperationException or FormatException.
            throw new InvalidDataException($"{path}: {error.Message}");
        }
    }

    private static TokenizerFile Check(JsonObject document)
    {
        RefuseUnlessNull(document, "normalizer", "truncation", "padding");
        var preTokenizer = Part(document, "pre_tokenizer", "ByteLevel");
        RefuseUnless(preTokenizer, "pre_tokenizer", "add_prefix_space", false, ifMissing: true);
        RefuseUnless(preTokenizer, "pre_tokenizer", "use_regex", true, ifMissing: true);
        Part(document, "decoder", "ByteLevel");
        if (document["post_processor"] is not null) Part(document, "post_processor", "ByteLevel"); // that one moves offsets only

        var model = document["model"] as JsonObject ?? throw new InvalidDataException("\"model\" is missing");
        if (model["type"] is { } type && type.GetValue<string>() != "BPE") throw new InvalidDataException($"model type {type} is not supported, only BPE");
        RefuseUnless(model, "model", "byte_fallback", false, ifMissing: false);
        RefuseUnless(model, "model", "ignore_merges", false, ifMissing: false);
        RefuseUnlessNull(model, "dropout");
        foreach (var affix in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
            if (model[affix] is { } value && value.GetValue<string>() != "") throw new InvalidDataException($"model: {affix} {value.ToJsonString()} is not supported");

        var vocabulary = model["vocab"] as JsonObject ?? throw new InvalidDataException("model: \"vocab\" is missing");
        var ids = vocabulary.ToDictionary(pair => pair.Key, pair => Whole(pair.Value, $"the id of \"{pair.Key}\""), StringComparer.Ordinal);
        var missing = ByteLevel.Alphabet.Where(character => !ids.ContainsKey(character.ToString())).ToList();
        if (missing.Count > 0) throw new InvalidDataException($"model: {missing.Count} of the 256 byte characters have no token, the first is \"{missing[0]}\"");

        var added = ReadAddedTokens(document["added_tokens"] as JsonArray ?? []);
        foreach (var token in added)
            if (!ids.TryAdd(token.Content, token.Id) && ids[token.Content] != token.Id)
                throw new InvalidDataException($"added token \"{token.Content}\" has id {token.Id}, and {ids[token.Content]} in the vocabulary");
        var tokens = new string?[ids.Count];
        foreach (var (token, id) in ids)
        {
            if (id >= tokens.Length) throw new InvalidDataException($"\"{token}\" has id {id} and there are {tokens.Length} tokens: ids must be 0 to {tokens.Length - 1}");
            if (tokens[id] is { } other) throw new InvalidDataException($"\"{other}\" and \"{token}\" have the same id {id}");
            tokens[id] = token;
        }

        var merges = ReadMerges(model["merges"] as JsonArray ?? throw new InvalidDataException("model: \"merges\" is missing"), ids);
        model["merges"] = MergesOf(tokens!, merges); // older files write "a b"; newer ones, and Save, ["a", "b"]
        return new(document, tokens!, merges, added);
    }

    private static List<AddedToken> ReadAddedTokens(JsonArray array)
    {
        var tokens = new List<AddedToken>();
        foreach (var node in array)
        {
            var content = node?["content"]?.GetValue<string>() ?? throw new InvalidDataException("an added token has no content");
            if (content == "") throw new InvalidDataException("an added token is empty");
            foreach (var flag in new[] { "single_word", "lstrip", "rstrip" }) RefuseUnless(node.AsObject(), $"added token \"{content}\"", flag, false, ifMissing: false);
            if (tokens.Any(token => token.Content == content)) throw new InvalidDataException($"added token \"{content}\" stands twice");
            tokens.Add(new(Whole(node["id"], $"the id of \"{content}\""), content, node["special"]?.GetValue<bool>() ?? false));
        }
        return tokens;
    }

    private static List<(int, int)> ReadMerges(JsonArray array, Dictionary<string, int> ids)
    {
        var merges = new List<(int, int)>(array.Count);
        foreach (var (index, node) in array.Index())
        {
            var (left, right) = node switch
            {
                JsonArray { Count: 2 } pair => (pair[0]?.GetValue<string>() ?? "", pair[1]?.GetValue<string>() ?? ""),
                JsonValue value when value.GetValue<string>().Split(' ') is [var a, var b] => (a, b),
                _ => throw new InvalidDataException($"model: merge {index} is not a pair"),
            };
            foreach (var token in new[] { left, right, left + right })
                if (!ids.ContainsKey(token)) throw new InvalidDataException($"model: merge {index} (\"{left}\" and \"{right}\"): no token \"{token}\" in the vocabulary");
            merges.Add((ids[left], ids[right]));
        }
        return merges;
    }

    private static JsonArray MergesOf(IReadOnlyList<string> tokens, IReadOnlyList<(int Left, int Right)> merges) =>
        new([.. merges.Select(merge => new JsonArray(tokens[merge.Left], tokens[merge.Right]))]);

    private static int Whole(JsonNode? node, string what) => node is JsonValue value && value.TryGetValue<int>(out var id) && id >= 0
        ? id
        : throw new InvalidDataException($"{what} is {node?.ToJsonString() ?? "missing"}, not a whole number from 0 on");

    private static JsonObject Part(JsonObject document, string name, string type)
    {
        var part = document[name] as JsonObject ?? throw new InvalidDataException($"{name} is missing; only {type} is supported");
        return part["type"]?.GetValue<string>() == type
            ? part
            : throw new InvalidDataException($"{name} of type {part["type"]?.ToJsonString() ?? "null"} is not supported, only {type}");
    }

    private static void RefuseUnless(JsonObject part, string where, string name, bool supported, bool ifMissing)
    {
        if ((part[name]?.GetValue<bool>() ?? ifMissing) != supported) throw new InvalidDataException($"{where}: {name} must be {(supported ? "true" : "false")}; the other is not supported");
    }

    private static void RefuseUnlessNull(JsonObject part, params string[] names)
    {
        foreach (var name in names)
            if (part[name] is { } value) throw new InvalidDataException($"{name} is not supported; the file has {value.ToJsonString()[..Math.Min(60, value.ToJsonString().Length)]}");
    }
}
