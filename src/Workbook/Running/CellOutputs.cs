// What a cell writes becomes its outputs in the notebook, as nbformat stores them. Text of one stream that follows itself is
// one output; an update finds the displays of its id wherever in the notebook they are.

using System.Text;
using System.Text.Json.Nodes;
using Workbook.Engine;
using Workbook.Formatting;
using Workbook.Notebooks;

namespace Workbook.Running;

/// <summary>Collects the outputs of a notebook's cells.</summary>
public sealed class CellOutputs : IOutputSink
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, List<JsonObject>> _displays = [];
    private NotebookCell _cell = NotebookCell.Create("code", "", null);
    private string? _stream;
    private readonly StringBuilder _text = new();

    /// <summary>Called with the text of every stream as it comes.</summary>
    public Action<string>? Streaming { get; init; }

    /// <summary>What follows belongs to this cell; its old outputs are dropped.</summary>
    public void Begin(NotebookCell cell, int executionCount)
    {
        lock (_lock)
        {
            EndStream();
            _cell = cell;
            cell.Outputs = [];
            cell.ExecutionCount = executionCount;
        }
    }

    /// <summary>Nothing more is expected; adds the error that ended the cell, if any.</summary>
    public void End(CellError? error)
    {
        lock (_lock)
        {
            if (error?.Kind == CellErrorKind.Compilation)
                Append("stderr", error.Details + "\n");
            EndStream();
            if (error is null)
                return;
            var output = ErrorContent(error);
            output["output_type"] = "error";
            _cell.Outputs.Add(output);
        }
    }

    /// <summary>The error as a notebook's output and Jupyter's messages have it: ename, evalue, traceback.</summary>
    internal static JsonObject ErrorContent(CellError error)
    {
        string lines = error.Kind == CellErrorKind.Compilation ? error.ToString() : $"{error}\n{error.Details}";
        return new JsonObject
        {
            ["ename"] = "Error",
            ["evalue"] = error.Kind == CellErrorKind.Compilation ? "compilation error" : error.Message,
            ["traceback"] = new JsonArray([.. lines.Split('\n').Select(line => JsonValue.Create(line))]),
        };
    }

    public void Stream(string name, string text)
    {
        lock (_lock)
            Append(name, text);
        Streaming?.Invoke(text);
    }

    public void Display(MimeBundle data, string id)
    {
        lock (_lock)
        {
            EndStream();
            var output = new JsonObject { ["output_type"] = "display_data", ["data"] = data.ToJson(), ["metadata"] = new JsonObject() };
            _cell.Outputs.Add(output);
            if (!_displays.TryGetValue(id, out var known))
                _displays[id] = known = [];
            known.Add(output);
        }
    }

    public void Update(MimeBundle data, string id)
    {
        lock (_lock)
        {
            foreach (var output in _displays.GetValueOrDefault(id, []))
                output["data"] = data.ToJson();
        }
    }

    public void Result(MimeBundle data)
    {
        lock (_lock)
        {
            EndStream();
            _cell.Outputs.Add(new JsonObject
            {
                ["output_type"] = "execute_result",
                ["data"] = data.ToJson(),
                ["execution_count"] = _cell.ExecutionCount,
                ["metadata"] = new JsonObject(),
            });
        }
    }

    private void Append(string name, string text)
    {
        if (_stream != name)
            EndStream();
        _stream = name;
        _text.Append(text);
    }

    private void EndStream()
    {
        if (_stream is not null)
            _cell.Outputs.Add(new JsonObject { ["output_type"] = "stream", ["name"] = _stream, ["text"] = TerminalText.Settled(_text.ToString()) });
        _stream = null;
        _text.Clear();
    }
}
