// What a run measured, printed as it comes and written as results/NAME.md and results/NAME.json.
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Benchmarks;

/// <summary>The tables of one run and the machine they were measured on.</summary>
internal sealed class Results(JsonObject machine)
{
    private readonly List<ResultTable> tables = [];

    public ResultTable Table(string name, string title, params string[] columns)
    {
        var table = new ResultTable(name, title, columns);
        tables.Add(table);
        return table;
    }

    /// <summary>Adds a line to what is said about the machine.</summary>
    public void Say(string name, string value) => machine[name] = value;

    public string Markdown()
    {
        var text = new StringBuilder("# Benchmarks\n\n");
        foreach (var (name, value) in machine) text.Append($"- {name}: {value}\n");
        foreach (var table in tables) text.Append($"\n{table.Markdown()}");
        return text.ToString();
    }

    /// <summary>Writes both files and gives the page's path.</summary>
    public string Save(string folder, string name)
    {
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, Regex.Replace(name.ToLowerInvariant(), "[^a-z0-9]+", "-").Trim('-'));
        var json = new JsonObject { ["machine"] = machine.DeepClone() };
        foreach (var table in tables) json[table.Name] = table.Json();
        File.WriteAllText(path + ".json", json.ToJsonString(new JsonSerializerOptions { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n");
        File.WriteAllText(path + ".md", Markdown());
        return path + ".md";
    }
}

/// <summary>Rows of a label and numbers.</summary>
internal sealed class ResultTable(string name, string title, string[] columns)
{
    private readonly List<(string Label, double[] Numbers)> rows = [];

    public string Name => name;

    public void Add(string label, params double[] numbers) => rows.Add((label, numbers));

    public string Markdown()
    {
        var text = new StringBuilder($"## {title}\n\n| {string.Join(" | ", columns)} |\n|---|{string.Concat(Enumerable.Repeat("---:|", columns.Length - 1))}\n");
        foreach (var (label, numbers) in rows)
            text.Append($"| {label} | {string.Join(" | ", numbers.Select(Text).Concat(Enumerable.Repeat("", columns.Length - 1 - numbers.Length)))} |\n");
        return text.ToString();
    }

    public JsonArray Json() => [.. rows.Select(row =>
    {
        var one = new JsonObject { [columns[0]] = row.Label };
        for (var i = 0; i < row.Numbers.Length; i++) one[columns[i + 1]] = Math.Round(row.Numbers[i], 4);
        return (JsonNode)one;
    })];

    private static string Text(double number) =>
        number == Math.Floor(number) && Math.Abs(number) >= 100 ? number.ToString("N0") : number.ToString(Math.Abs(number) < 10 ? "0.00" : "0.0");
}
