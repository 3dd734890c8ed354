// Runs a notebook's cells from top to bottom: tags, time limits, outputs. It stops at the first error that is not expected.

using System.Diagnostics;
using Workbook.Engine;
using Workbook.Notebooks;

namespace Workbook.Running;

/// <summary>How long a cell and a whole notebook may take; null for as long as they like.</summary>
public sealed record RunLimits(TimeSpan? Cell = null, TimeSpan? Notebook = null);

/// <summary>A code cell that ran. <paramref name="Number"/> counts all cells of the file from 1.</summary>
public sealed record CellOutcome(int Number, string Title, CellError? Error, TimeSpan Elapsed);

/// <summary>A notebook that ran, to its end or to its first error.</summary>
public sealed record NotebookOutcome(string Path, Notebook? Executed, IReadOnlyList<CellOutcome> Cells, CellError? Error, TimeSpan Elapsed);

/// <summary>Who watches a run.</summary>
public interface IRunProgress
{
    /// <summary>A cell begins: its number, how many cells there are, its first line.</summary>
    void CellStarted(int number, int count, string title);

    /// <summary>A cell ended.</summary>
    void CellEnded(CellOutcome outcome, int count);

    /// <summary>The running cell wrote text.</summary>
    void Wrote(string text);
}

/// <summary>Runs notebooks in a session.</summary>
public sealed class NotebookRunner(INotebookSession session, IRunProgress progress)
{
    /// <summary>Runs the notebook's code cells and puts their outputs into it.</summary>
    /// <param name="notebook">What to run; an injected parameters cell is already in it.</param>
    /// <param name="path">Its file; relative paths in cells start at its folder.</param>
    /// <param name="limits">Time limits.</param>
    /// <param name="cancel">Interrupts the running cell and ends the run.</param>
    public async Task<NotebookOutcome> RunAsync(Notebook notebook, string path, RunLimits limits, CancellationToken cancel = default)
    {
        var clock = Stopwatch.StartNew();
        var outputs = new CellOutputs { Streaming = progress.Wrote };
        var ran = new List<CellOutcome>();
        string folder = Environment.CurrentDirectory; // the paths of errors are as their reader would type them
        int count = 0, number = 0;
        foreach (var cell in notebook.Cells)
        {
            if (!cell.Has("injected-parameters"))
                number++; // numbers are those of the file as its reader sees it
            if (cell.Type != "code" || cell.Has("skip-execution") || string.IsNullOrWhiteSpace(cell.Source))
                continue;
            string title = Title(cell);
            progress.CellStarted(number, notebook.Cells.Count, title);
            outputs.Begin(cell, ++count);
            var (error, elapsed) = await RunCellAsync(cell, outputs, new CellCode(cell.Source, Path.GetFullPath(path), number), limits, clock, cancel);
            if (error?.Path is { } place)
                error = error with { Path = Path.GetRelativePath(folder, Path.GetFullPath(place, folder)) };
            outputs.End(error);
            if (cell.Has("raises-exception") && error?.Kind is not (CellErrorKind.Crash or CellErrorKind.Interrupted))
            {
                error = error is not null ? null
                    : new CellError(CellErrorKind.Runtime, "the cell is tagged raises-exception, but it raised none", "", path, number);
            }
            ran.Add(new CellOutcome(number, title, error, elapsed));
            progress.CellEnded(ran[^1], notebook.Cells.Count);
            if (error is not null)
                return new NotebookOutcome(path, notebook, ran, error, clock.Elapsed);
        }
        return new NotebookOutcome(path, notebook, ran, null, clock.Elapsed);
    }

    private async Task<(CellError? Error, TimeSpan Elapsed)> RunCellAsync(
        NotebookCell cell, CellOutputs outputs, CellCode code, RunLimits limits, Stopwatch clock, CancellationToken cancel)
    {
        using var interrupt = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var left = limits.Notebook - clock.Elapsed;
        bool notebookFirst = left is not null && (limits.Cell is null || left < limits.Cell);
        var limit = notebookFirst ? left : limits.Cell;
        if (limit is { } time)
            interrupt.CancelAfter(time > TimeSpan.Zero ? time : TimeSpan.Zero);
        var (error, elapsed) = await session.ExecuteAsync(code, outputs, interrupt.Token);
        if (error?.Kind == CellErrorKind.Interrupted && !cancel.IsCancellationRequested)
        {
            string what = notebookFirst ? $"the notebook's time limit of {limits.Notebook!.Value.TotalSeconds:0.###} s was reached"
                : $"the cell's time limit of {limits.Cell!.Value.TotalSeconds:0.###} s was reached";
            error = error with { Message = what, Details = error.Details, Path = code.Path, Cell = code.Number, SourceLine = Title(cell) };
        }
        return (error, elapsed);
    }

    /// <summary>The first line of a cell that says something.</summary>
    private static string Title(NotebookCell cell)
    {
        string[] lines = cell.Source.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        string line = lines.FirstOrDefault(line => !line.StartsWith("#!", StringComparison.Ordinal), lines[0]);
        return line.Length <= 60 ? line : line[..59] + "…";
    }
}
