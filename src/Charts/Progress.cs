// How far something has come, on one line that renews itself: a bar, the rate and the time left. What ends within two seconds shows nothing.
//     foreach (var rank in Progress.Over(ranks, "ranks", value => display(value).Update)) …
// In a notebook the line is a display; in a terminal a line; where neither can be renewed (a file, CI), one line at the end.

using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace Charts;

/// <summary>Follows something with a known number of steps. Not for several threads at once.</summary>
public sealed class Progress : IDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(2), Pause = TimeSpan.FromSeconds(0.25);

    readonly Func<object, Action<object>>? display;
    readonly TimeProvider time;
    readonly long started;
    readonly bool terminal;
    readonly TextWriter? writer;
    Action<object>? update;
    long shown;
    int width;

    /// <summary>Begins to follow.</summary>
    /// <param name="what">What is done: "ranks".</param>
    /// <param name="total">Steps in all.</param>
    /// <param name="display">Displays a value and gives what renews it: <c>value => display(value).Update</c> in a notebook's cell. Null: the console.</param>
    public Progress(string what, long total, Func<object, Action<object>>? display = null)
        : this(what, total, display, display is null ? Console.Out : null, !Console.IsOutputRedirected, TimeProvider.System)
    {
    }

    internal Progress(string what, long total, Func<object, Action<object>>? display, TextWriter? writer, bool terminal, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(total);
        (this.display, this.writer, this.terminal, this.time) = (display, writer, terminal, time);
        started = time.GetTimestamp();
        Line = new(what, 0, total, TimeSpan.Zero, "");
    }

    /// <summary>Where it stands.</summary>
    public ProgressLine Line { get; private set; }

    /// <summary>The items one after another, followed.</summary>
    public static IEnumerable<T> Over<T>(IReadOnlyCollection<T> items, string what, Func<object, Action<object>>? display = null)
    {
        using var progress = new Progress(what, items.Count, display);
        foreach (var item in items)
        {
            yield return item;
            progress.Step();
        }
    }

    /// <summary>One step more is done.</summary>
    /// <param name="note">What to say beside it: "loss 2.31".</param>
    public void Step(string note = "") => At(Line.Done + 1, note);

    /// <summary>So many steps are done.</summary>
    /// <inheritdoc cref="Step"/>
    public void At(long done, string note = "")
    {
        var now = time.GetTimestamp();
        Line = Line with { Done = done, Elapsed = time.GetElapsedTime(started, now), Note = note };
        if (Line.Elapsed < Patience || (shown != 0 && time.GetElapsedTime(shown, now) < Pause)) return;
        shown = now;
        Show();
    }

    /// <summary>Ends the line: how long it took.</summary>
    public void Dispose()
    {
        Line = Line with { Elapsed = time.GetElapsedTime(started), Ended = true };
        if (Line.Elapsed < Patience) return;
        Show();
        if (display is null && terminal) writer!.WriteLine();
    }

    void Show()
    {
        if (display is not null)
        {
            if (update is null) update = display(Line);
            else update(Line);
        }
        else if (terminal)
        {
            var line = Line.ToString();
            writer!.Write("\r" + line.PadRight(width));
            width = line.Length;
        }
        else if (Line.Ended) writer!.WriteLine(Line);
    }
}

/// <summary>A moment of a progress.</summary>
[TypeFormatterSource(typeof(ProgressFormatters), PreferredMimeTypes = [Mime.Html, Mime.Plain])]
public sealed record ProgressLine(string What, long Done, long Total, TimeSpan Elapsed, string Note, bool Ended = false)
{
    const int Cells = 20;

    /// <summary>Steps a second, so far.</summary>
    public double Rate => Elapsed > TimeSpan.Zero ? Done / Elapsed.TotalSeconds : 0;

    /// <summary>How long the rest takes at this rate; null before the first step.</summary>
    public TimeSpan? Left => Done > 0 ? Elapsed * ((double)Math.Max(0, Total - Done) / Done) : null;

    double Part => Total > 0 ? Math.Clamp((double)Done / Total, 0, 1) : 1;

    /// <summary>The line for a page.</summary>
    public string ToHtml() => Ended ? $"""<div class="wb-progress">{WebUtility.HtmlEncode(ToString())}</div>""" : string.Create(CultureInfo.InvariantCulture,
        $"""<div class="wb-progress" style="font-variant-numeric:tabular-nums">{WebUtility.HtmlEncode(What)} <progress max="1" value="{Part:0.###}" style="width:12em;vertical-align:middle"></progress> {WebUtility.HtmlEncode(Words())}</div>""");

    /// <summary>The line for a terminal.</summary>
    public override string ToString()
    {
        if (Ended) return $"{What}: {(Done < Total ? $"{Count(Done)} of {Count(Total)}" : Count(Done))} in {Time(Elapsed)}{After(Note)}";
        var full = (int)Math.Round(Part * Cells);
        return $"{What} {new string('█', full)}{new string('░', Cells - full)} {Words()}";
    }

    string Words() => $"{Count(Done)}/{Count(Total)}, {Speed()}{(Left is { } left ? $", {Time(left)} left" : "")}{After(Note)}";

    string Speed() => Rate is >= 1 or 0 ? $"{Numbers.Short(Rate)} a second" : $"{Numbers.Short(1 / Rate)} s each";

    static string After(string note) => note.Length > 0 ? $", {note}" : "";

    static string Count(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    static string Time(TimeSpan time) => time.TotalHours >= 1 ? $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}" : $"{time.Minutes}:{time.Seconds:00}";
}
