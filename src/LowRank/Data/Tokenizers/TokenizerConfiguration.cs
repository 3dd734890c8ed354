// tokenizer_config.json and chat_template.jinja beside a tokenizer.json: which tokens begin, end and fill up texts, whether they are
// added to a text, and how a conversation is written. Their other fields are kept and written back.

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LowRank;

internal sealed class TokenizerConfiguration
{
    private const string FileName = "tokenizer_config.json", TemplateName = "chat_template.jinja";

    private string? text;     // as it was read
    private string? template; // of the file of its own

    public string? Begin { get; private init; }
    public string? End { get; private init; }
    public string? Padding { get; private init; }
    public string? Unknown { get; private init; }
    public bool? AddBegin { get; private init; }
    public bool? AddEnd { get; private init; }

    /// <summary>What added_tokens_decoder lists, by content: transformers adds those that tokenizer.json lacks.</summary>
    public IReadOnlyDictionary<string, int> Listed { get; private init; } = new Dictionary<string, int>();

    /// <summary>Templates by name; the usual one is "default".</summary>
    public IReadOnlyDictionary<string, string> ChatTemplates { get; private init; } = new Dictionary<string, string>();

    /// <summary>Where the templates come from, for messages.</summary>
    public string TemplateSource { get; private init; } = "chat template";

    /// <summary>A new tokenizer's: texts begin and end with the separator, if there is one.</summary>
    public static TokenizerConfiguration New(string? separator) => new() { Begin = separator, End = separator };

    /// <summary>Reads what lies beside a tokenizer.json; null where there is nothing.</summary>
    /// <exception cref="InvalidDataException">A file cannot be read; names file and field.</exception>
    public static TokenizerConfiguration? ReadBeside(string tokenizerPath)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(tokenizerPath))!;
        var (path, templatePath) = (Path.Combine(folder, FileName), Path.Combine(folder, TemplateName));
        var template = File.Exists(templatePath) ? File.ReadAllText(templatePath) : null;
        if (!File.Exists(path)) return template is null ? null : new() { template = template, ChatTemplates = new Dictionary<string, string> { ["default"] = template }, TemplateSource = templatePath };
        try
        {
            var bytes = File.ReadAllText(path);
            using var json = JsonDocument.Parse(bytes, new JsonDocumentOptions { AllowDuplicateProperties = false });
            var root = JsonPart.Root(json);
            return new()
            {
                text = bytes,
                template = template,
                Begin = Token(root, "bos_token"),
                End = Token(root, "eos_token"),
                Padding = Token(root, "pad_token"),
                Unknown = Token(root, "unk_token"),
                Listed = AddedTokens(root),
                AddBegin = root.FlagOrNull("add_bos_token"),
                AddEnd = root.FlagOrNull("add_eos_token"),
                ChatTemplates = template is not null ? new Dictionary<string, string> { ["default"] = template } : Templates(root),
                TemplateSource = template is not null ? templatePath : $"{path}: chat_template",
            };
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
        AtomicFile.Write(Path.Combine(folder, FileName), text ?? Compose());
        if (template is not null) AtomicFile.Write(Path.Combine(folder, TemplateName), template);
    }

    private string Compose()
    {
        var configuration = new JsonObject { ["clean_up_tokenization_spaces"] = false, ["tokenizer_class"] = "PreTrainedTokenizerFast" };
        if (Begin is not null) (configuration["bos_token"], configuration["eos_token"]) = (Begin, End);
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
    private static IReadOnlyDictionary<string, string> Templates(JsonPart root)
    {
        const string field = "chat_template";
        if (root.Value(field)?.ValueKind != JsonValueKind.Array) return root.TextOrNull(field) is { } one ? new Dictionary<string, string> { ["default"] = one } : [];
        var templates = new Dictionary<string, string>();
        foreach (var part in root.Parts(field)) templates[part.Text("name")] = part.Text("template");
        return templates;
    }
}
