// From a diagnostic or an exception to a CellError with its place. A submission's file name is "<notebook>#cell-<n>" for a
// notebook's cell and the script's own path otherwise; both stack frames and diagnostics carry it.

using System.Diagnostics;
using System.Globalization;
using Microsoft.CodeAnalysis;

namespace Workbook.Engine;

/// <summary>Finds out where in a notebook an error stands.</summary>
internal static class ErrorReport
{
    private const string Mark = "#cell-";

    /// <summary>The file name under which a cell is compiled.</summary>
    public static string FileName(string path, int cell) => cell > 0 ? $"{path}{Mark}{cell}" : path;

    /// <summary>A compile error: the first diagnostic gives the place, all of them the details.</summary>
    public static CellError Compilation(IReadOnlyList<Diagnostic> diagnostics, string file, string source)
    {
        var first = diagnostics[0];
        var span = first.Location.GetMappedLineSpan();
        string details = string.Join("\n", diagnostics.Select(diagnostic =>
        {
            var at = diagnostic.Location.GetMappedLineSpan().StartLinePosition;
            return $"({at.Line + 1},{at.Character + 1}): error {diagnostic.Id}: {diagnostic.GetMessage(CultureInfo.InvariantCulture)}";
        }));
        string where = string.IsNullOrEmpty(span.Path) ? file : span.Path;
        return At(CellErrorKind.Compilation, $"{first.Id}: {first.GetMessage(CultureInfo.InvariantCulture)}", details, where, span.StartLinePosition.Line + 1, file, source);
    }

    /// <summary>An exception out of a cell: the innermost frame that stands in a notebook or script gives the place.</summary>
    public static CellError Runtime(Exception error, string file, string source, Func<string, bool> isSubmission)
    {
        if (error is AggregateException { InnerExceptions: [var only] })
            error = only;
        var frame = new StackTrace(error, fNeedFileInfo: true).GetFrames().FirstOrDefault(frame => frame.GetFileName() is { } name && isSubmission(name));
        string message = $"{error.GetType().Name}: {error.Message}";
        return At(CellErrorKind.Runtime, message, Trace(error).Replace(Path.GetDirectoryName(file) + Path.DirectorySeparatorChar, "", StringComparison.Ordinal), frame?.GetFileName() ?? file, frame?.GetFileLineNumber(), file, source);
    }

    /// <summary>An error at a line of the cell, or of the cell as a whole.</summary>
    public static CellError At(CellErrorKind kind, string message, string details, string where, int? line, string file, string source)
    {
        string? text = null;
        if (line is { } number)
        {
            string? all = where == file ? source : File.Exists(where) ? File.ReadAllText(where) : null;
            text = all?.ReplaceLineEndings("\n").Split('\n').ElementAtOrDefault(number - 1);
        }
        int mark = where.LastIndexOf(Mark, StringComparison.Ordinal);
        return mark < 0
            ? new CellError(kind, message, details, where, null, line, text)
            : new CellError(kind, message, details, where[..mark], int.Parse(where.AsSpan(mark + Mark.Length), CultureInfo.InvariantCulture), line, text);
    }

    /// <summary>The exception's text without the frames of the script host below the cell.</summary>
    private static string Trace(Exception error)
    {
        var lines = error.ToString().Split('\n').Select(line => line.TrimEnd('\r'))
            .Where(line => !line.Contains(" at Microsoft.CodeAnalysis.Scripting.", StringComparison.Ordinal)
                && !line.Contains(" at Workbook.Engine.", StringComparison.Ordinal)
                && !line.StartsWith("--- End of stack trace from previous", StringComparison.Ordinal));
        return string.Join("\n", lines);
    }
}
