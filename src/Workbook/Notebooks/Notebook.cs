// A notebook in nbformat 4: the JSON tree stays the truth, so that metadata that we do not know survives a round trip,
// and the properties here are views of it.

using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Workbook.Notebooks;

/// <summary>A Jupyter notebook (nbformat 4.x).</summary>
public sealed class Notebook
{
    private readonly JsonObject _json;
    private readonly JsonArray _cells;

    private Notebook(JsonObject json)
    {
        _json = json;
        _cells = json["cells"] as JsonArray ?? throw new InvalidDataException("it has no list \"cells\"");
        Cells = [];
        foreach (var cell in _cells)
            Cells.Add(new NotebookCell(cell as JsonObject ?? throw new InvalidDataException($"cell {Cells.Count + 1} is not an object")));
    }

    /// <summary>The cells in order. What is added or removed here is written.</summary>
    public List<NotebookCell> Cells { get; }

    /// <summary>The notebook's metadata (kernelspec, language_info and whatever tools keep there).</summary>
    public JsonObject Metadata => _json["metadata"] as JsonObject ?? (JsonObject)(_json["metadata"] = new JsonObject())!;

    /// <summary>nbformat_minor: cells carry ids from 5 on.</summary>
    public int Minor => _json["nbformat_minor"]?.GetValue<int>() ?? 0;

    /// <summary>An empty C# notebook.</summary>
    public static Notebook Create() => new(new JsonObject
    {
        ["cells"] = new JsonArray(),
        ["metadata"] = new JsonObject
        {
            ["kernelspec"] = new JsonObject { ["display_name"] = ".NET (C#)", ["language"] = "C#", ["name"] = ".net-csharp" },
            ["language_info"] = new JsonObject { ["file_extension"] = ".cs", ["mimetype"] = "text/x-csharp", ["name"] = "C#" },
        },
        ["nbformat"] = 4,
        ["nbformat_minor"] = 5,
    });

    /// <summary>Reads a notebook file.</summary>
    /// <exception cref="InvalidDataException">The file is not a notebook of nbformat 4; the message names it and says why.</exception>
    public static Notebook Load(string path)
    {
        try
        {
            return Parse(File.ReadAllText(path));
        }
        catch (Exception error) when (error is JsonException or InvalidDataException or InvalidOperationException)
        {
            throw new InvalidDataException($"{path} is not a notebook: {error.Message}", error);
        }
    }

    /// <summary>Reads a notebook from its JSON text.</summary>
    public static Notebook Parse(string text)
    {
        if (JsonNode.Parse(text) is not JsonObject json)
            throw new InvalidDataException("its JSON is not an object");
        int format = json["nbformat"]?.GetValue<int>() ?? throw new InvalidDataException("it has no \"nbformat\"");
        return format == 4 ? new Notebook(json)
            : throw new InvalidDataException($"its nbformat is {format}; convert it to 4 with: jupyter nbconvert --to notebook");
    }

    /// <summary>Adds a code or markdown cell at the end.</summary>
    public NotebookCell Add(string type, string source, params string[] tags)
    {
        var cell = NotebookCell.Create(type, source, Minor >= 5 ? NewId() : null, tags);
        Cells.Add(cell);
        return cell;
    }

    /// <summary>An id that no cell of this notebook has, the same on every run.</summary>
    public string NewId(string stem = "cell")
    {
        var taken = Cells.Select(cell => cell.Id).ToHashSet();
        string id = stem;
        for (int i = 1; !taken.Add(id); i++)
            id = $"{stem}-{i}";
        return id;
    }

    /// <summary>The notebook's text as nbformat writes it.</summary>
    public string ToJson()
    {
        _cells.Clear();
        foreach (var cell in Cells)
            _cells.Add(cell.Normalized());
        return NotebookJson.Write(_json);
    }

    /// <summary>Writes the notebook; the file is replaced in one step.</summary>
    public void Save(string path) => TextFile.Replace(path, ToJson());
}
