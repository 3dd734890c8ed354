// Progress of a run: in a terminal one line that shows the running cell, its time and the last text it wrote; elsewhere (CI)
// a line a cell.

using System.Diagnostics;
using Spectre.Console;

namespace Workbook.Running;

/// <summary>Shows a run while it goes on.</summary>
public sealed class ConsoleProgress : IRunProgress, IDisposable
{
    private readonly IAnsiConsole _console;
    private readonly string _name;
    private readonly bool _live;
    private readonly Timer? _timer;
    private readonly Stopwatch _clock = new();
    private readonly Lock _lock = new();
    private string _cell = "", _last = "";

    /// <summary>Progress of the notebook called <paramref name="name"/>.</summary>
    public ConsoleProgress(IAnsiConsole console, string name)
    {
        (_console, _name) = (console, name);
        _live = console.Profile.Capabilities.Interactive && console.Profile.Capabilities.Ansi;
        if (_live)
            _timer = new Timer(_ => Draw(), null, 250, 250);
    }

    public void CellStarted(int number, int count, string title)
    {
        lock (_lock)
        {
            (_cell, _last) = ($"cell {number} of {count}", title);
            _clock.Restart();
        }
        Draw();
    }

    public void CellEnded(CellOutcome outcome, int count)
    {
        lock (_lock)
        {
            _clock.Stop();
            if (!_live)
                _console.Profile.Out.Writer.WriteLine($"{_name}  cell {outcome.Number}/{count}  {outcome.Elapsed.TotalSeconds,6:F1} s  {(outcome.Error is null ? "ok    " : "FAILED")}  {outcome.Title}");
        }
    }

    public void Wrote(string text)
    {
        string? line = text.Split(['\n', '\r'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault();
        if (line is not null)
            _last = line;
    }

    public void Dispose()
    {
        _timer?.Dispose();
        lock (_lock)
        {
            if (_live)
                _console.Profile.Out.Writer.Write("\r\x1b[2K");
        }
    }

    private void Draw()
    {
        lock (_lock)
        {
            if (!_live || !_clock.IsRunning)
                return;
            string line = $"{_name}  {_cell}  {_clock.Elapsed.TotalSeconds:F0} s  {_last}";
            int width = Math.Max(20, _console.Profile.Width - 1);
            _console.Profile.Out.Writer.Write("\r\x1b[2K" + (line.Length <= width ? line : line[..(width - 1)] + "…"));
            _console.Profile.Out.Writer.Flush();
        }
    }
}
