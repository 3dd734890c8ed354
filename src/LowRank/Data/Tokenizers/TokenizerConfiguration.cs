// tokenizer_config.json beside a tokenizer.json, special_tokens_map.json, chat_template.jinja and additional_chat_templates/NAME.jinja: which
// tokens begin, end and fill up texts, whether they are added to a text, and how a conversation is written. A template of a file goes before
// one in the configuration, and the map has what the configuration lacks. Their other fields are kept and written back.

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LowRank;

internal sealed class TokenizerConfiguration
{
    private const string FileName = "tokenizer_config.json", MapName = "special_tokens_map.json", TemplateName = "chat_template.jinja",
        FurtherTemplates = "additional_chat_templates", TemplateEnding = ".jinja";

    private IReadOnlyDictionary<string, string> files = new Dictionary<string, string>(); // as they were read

    public string? Begin { get; private init; }
    public string? End { get; private init; }
    public string? Padding { get; private init; }
    public string? Unknown { get; private init; }
    public bool? AddBegin { get; private init; }
    public bool? AddEnd { get; private init; }

    private IReadOnlyList<string> fromMap = []; // tokens that the configuration does not name

    /// <summary>The file that names a token, for messages.</summary>
    public string Source(string field) => fromMap.Contains(field) ? MapName : FileName;

    /// <summary>What added_tokens_decoder lists, by content: transformers adds those that tokenizer.json lacks.</summary>
    public IReadOnlyDictionary<string, int> Listed { get; private init; } = new Dictionary<string, int>();

    /// <summary>Templates by name, and where each comes from, for messages. The usual one is "default", that for conversations with tools
    /// "tool_use".</summary>
    public IReadOnlyDictionary<string, (string Text, string Source)> ChatTemplates { get; private init; } = new Dictionary<string, (string, string)>();

    /// <summary>A new tokenizer's: texts begin and end with the separator, if there is one.</summary>
    public static TokenizerConfiguration New(string? separator) => new() { Begin = separator, End = separator };

    /// <summary>Reads what lies beside a tokenizer.json; null where there is nothing.</summary>
    /// <exception cref="InvalidDataException">A file cannot be read; names file and field.</exception>
    public static TokenizerConfiguration? ReadBeside(string tokenizerPath)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(tokenizerPath))!;
        var files = ReadFiles(folder);
        if (files.Count == 0) return null;
        var read = Parsed(folder, files, FileName, root => new TokenizerConfiguration
        {
            Begin = Token(root, "bos_token"),
            End = Token(root, "eos_token"),
            Padding = Token(root, "pad_token"),
            Unknown = Token(root, "unk_token"),
            Listed = AddedTokens(root),
            AddBegin = root.FlagOrNull("add_bos_token"),
            AddEnd = root.FlagOrNull("add_eos_token"),
            ChatTemplates = Templates(root, $"{Path.Combine(folder, FileName)}: chat_template"),
        });
        var map = Parsed(folder, files, MapName, root => new TokenizerConfiguration
        {
            Begin = Token(root, "bos_token"), End = Token(root, "eos_token"), Padding = Token(root, "pad_token"), Unknown = Token(root, "unk_token"),
        });
        var templates = new Dictionary<string, (string Text, string Source)>(read.ChatTemplates);
        foreach (var (name, text) in files.Where(file => file.Key.EndsWith(TemplateEnding, StringComparison.Ordinal)))
            templates[name == TemplateName ? "default" : Path.GetFileNameWithoutExtension(name)] = (text, Path.Combine(folder, name));
        return new()
        {
            files = files,
            fromMap = [.. new[] { ("bos_token", read.Begin), ("eos_token", read.End) }.Where(pair => pair.Item2 is null).Select(pair => pair.Item1)],
            Begin = read.Begin ?? map.Begin,
            End = read.End ?? map.End,
            Padding = read.Padding ?? map.Padding,
            Unknown = read.Unknown ?? map.Unknown,
            Listed = read.Listed,
            AddBegin = read.AddBegin,
            AddEnd = read.AddEnd,
            ChatTemplates = templates,
        };
    }

    /// <summary>The texts of the files that are there, by their names within the folder.</summary>
    private static Dictionary<string, string> ReadFiles(string folder)
    {
        var further = Path.Combine(folder, FurtherTemplates);
        return new[] { FileName, MapName, TemplateName }
            .Concat(Directory.Exists(further) ? Directory.GetFiles(further, "*" + TemplateEnding).Order(StringComparer.Ordinal).Select(path => Path.Combine(FurtherTemplates, Path.GetFileName(path))) : [])
            .Where(name => File.Exists(Path.Combine(folder, name))).ToDictionary(name => name, name => File.ReadAllText(Path.Combine(folder, name)));
    }

    /// <summary>What a file says; nothing if there is none.</summary>
    private static TokenizerConfiguration Parsed(string folder, Dictionary<string, string> files, string name, Func<JsonPart, TokenizerConfiguration> read)
    {
        if (!files.TryGetValue(name, out var text)) return new();
        var path = Path.Combine(folder, name);
        try
        {
            using var json = JsonDocument.Parse(text, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return read(JsonPart.Root(json));
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{path}: not valid JSON: {error.Message}", error);
        }
        catch (Exception error) when (error is InvalidDataException or InvalidOperationException)
        {
            throw new InvalidDataException($"{path}: {error.Message}", error);
        }
    }

    /// <summary>Writes the files into a folder: as they were read, or a new one that says to take tokenizer.json as it is.</summary>
    public void Write(string folder)
    {
        if (!files.ContainsKey(FileName)) AtomicFile.Write(Path.Combine(folder, FileName), Compose());
        foreach (var (name, text) in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, name))!);
            AtomicFile.Write(Path.Combine(folder, name), text);
        }
    }

    private string Compose()
    {
        var configuration = new JsonObject { ["clean_up_tokenization_spaces"] = false, ["tokenizer_class"] = "PreTrainedTokenizerFast" };
        foreach (var (name, token) in new[] { ("bos_token", Begin), ("eos_token", End), ("pad_token", Padding), ("unk_token", Unknown) })
            if (token is not null) configuration[name] = token;
        return PlainJson.Pretty(configuration) + "\n";
    }

    /// <summary>A text, or an object with the text as "content".</summary>
    private static string? Token(JsonPart root, string name) => root.Value(name)?.ValueKind == JsonValueKind.Object ? root.Part(name)!.Value.Text("content") : root.TextOrNull(name);

    private static Dictionary<string, int> AddedTokens(JsonPart root)
    {
        const string field = "added_tokens_decoder";
        var listed = new Dictionary<string, int>(StringComparer.Ordinal);
        if (root.Part(field) is not { } part) return listed;
        foreach (var member in part.Members)
            listed[part.NeededPart(member.Name).Text("content")] = int.TryParse(member.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id
                : throw root.Wrong(field, $"has \"{member.Name}\", which is no id");
        return listed;
    }

    /// <summary>A text, or a list of objects with "name" and "template".</summary>
    private static Dictionary<string, (string Text, string Source)> Templates(JsonPart root, string source)
    {
        const string field = "chat_template";
        var templates = new Dictionary<string, (string, string)>();
        if (root.Value(field)?.ValueKind == JsonValueKind.Array)
            foreach (var part in root.Parts(field)) templates[part.Text("name")] = (part.Text("template"), $"{source} \"{part.Text("name")}\"");
        else if (root.TextOrNull(field) is { } one) templates["default"] = (one, source);
        return templates;
    }
}
