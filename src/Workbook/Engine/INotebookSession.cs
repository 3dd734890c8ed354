// The contract between whoever runs cells (the runner, a Jupyter kernel) and what executes them: in this process
// (Session) or in a child (SessionProcess).

using Workbook.Formatting;

namespace Workbook.Engine;

/// <summary>What a cell writes while it runs, in order.</summary>
public interface IOutputSink
{
    /// <summary>Text on "stdout" or "stderr".</summary>
    void Stream(string name, string text);

    /// <summary>A displayed value; <paramref name="id"/> is what a later update names.</summary>
    void Display(MimeBundle data, string id);

    /// <summary>A displayed value has changed.</summary>
    void Update(MimeBundle data, string id);

    /// <summary>The value of the cell's trailing expression.</summary>
    void Result(MimeBundle data);

    /// <summary>The cell wants a line of input (<paramref name="hidden"/>: a password); null when no one can answer.</summary>
    Task<string?> ReadLineAsync(string prompt, bool hidden) => Task.FromResult<string?>(null);
}

/// <summary>The text to execute. <paramref name="Path"/> is the notebook or script that it stands in: relative <c>#r</c>,
/// <c>#load</c> and <c>#!import</c> start at its folder. <paramref name="Number"/> counts the notebook's cells from 1.</summary>
public sealed record CellCode(string Source, string Path, int Number);

/// <summary>Why a cell failed.</summary>
public enum CellErrorKind
{
    /// <summary>The compiler refused it; nothing ran.</summary>
    Compilation,

    /// <summary>The code threw.</summary>
    Runtime,

    /// <summary>A magic is unknown or was used wrongly.</summary>
    Magic,

    /// <summary>It was interrupted.</summary>
    Interrupted,

    /// <summary>The process that ran it ended.</summary>
    Crash,
}

/// <summary>An error with its place: notebook or script, cell, line (both from 1) and that line's text.</summary>
public sealed record CellError(CellErrorKind Kind, string Message, string Details, string? Path = null, int? Cell = null, int? Line = null, string? SourceLine = null)
{
    /// <summary>"file.ipynb, cell 3, line 2", as far as it is known.</summary>
    public string Place => string.Join(", ", new[] { Path, Cell is { } cell ? $"cell {cell}" : null, Line is { } line ? $"line {line}" : null }.OfType<string>());

    /// <summary>The place, the message and the source line, for people.</summary>
    public override string ToString()
    {
        string place = Place.Length > 0 ? Place + ": " : "";
        return SourceLine is null ? place + Message : $"{place}{Message}\n    {SourceLine.Trim()}";
    }
}

/// <summary>How a cell ended; <paramref name="Error"/> is null when all went well.</summary>
public sealed record CellResult(CellError? Error, TimeSpan Elapsed);

/// <summary>A place in a cell's text, in UTF-16 units from 0. <paramref name="Path"/> is as in <see cref="CellCode"/>.</summary>
public sealed record CodePosition(string Source, int Position, string Path);

/// <summary>What can stand at a place: <paramref name="Kind"/> is "method", "local", "keyword" …, <paramref name="Detail"/> its declaration.</summary>
public sealed record Completion(string Text, string Kind, string? Detail = null);

/// <summary>The completions that may replace the text from <paramref name="Start"/> to <paramref name="End"/>.</summary>
public sealed record CompletionList(int Start, int End, IReadOnlyList<Completion> Items);

/// <summary>Whether a cell can be executed as it stands: "complete", "incomplete" (with the next line's indent) or "invalid".</summary>
public sealed record Completeness(string Status, string Indent = "");

/// <summary>Something that executes cells one after another and keeps their state. One request runs at a time.</summary>
public interface INotebookSession : IDisposable
{
    /// <summary>Executes a cell. Cancelling interrupts it: the result is then an <see cref="CellErrorKind.Interrupted"/> error.</summary>
    Task<CellResult> ExecuteAsync(CellCode cell, IOutputSink output, CancellationToken interrupt = default);

    /// <summary>What can be written at a place; without items where nothing is known.</summary>
    Task<CompletionList> CompleteAsync(CodePosition at);

    /// <summary>The declaration and documentation of what stands at a place, null where nothing is known.</summary>
    Task<MimeBundle?> InspectAsync(CodePosition at);

    /// <summary>Whether more lines are expected.</summary>
    Task<Completeness> IsCompleteAsync(string source);
}
