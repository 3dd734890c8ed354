// A figure as an immutable record: what is drawn, never how. Every method returns a new chart, so a chart reads as one sentence:
//     Chart.Line(steps, loss, "LoRA").WithLine(steps, full, "full").Title("…").XAxis("step").YAxis("loss", log: true)
// Renderers (SvgChart, PlotlyJson, PlainText) read the record; a notebook picks one through ChartFormatters.

using System.Collections.Immutable;
using System.Numerics;

namespace Charts;

/// <summary>A chart of lines or of grouped bars, with axes, reference lines, notes and a caption. Immutable.</summary>
[TypeFormatterSource(typeof(ChartFormatters), PreferredMimeTypes = [Mime.Plotly, Mime.Svg, Mime.Html, Mime.Plain])]
public sealed record Chart
{
    /// <summary>The lines, in the order drawn; empty for a bar chart.</summary>
    public ImmutableArray<LineSeries> Lines { get; init; } = [];

    /// <summary>The groups of bars; empty for a line chart.</summary>
    public ImmutableArray<BarSeries> Bars { get; init; } = [];

    /// <summary>Under each group of bars, its label.</summary>
    public ImmutableArray<string> Labels { get; init; } = [];

    /// <summary>Horizontal lines to compare with.</summary>
    public ImmutableArray<ReferenceLine> References { get; init; } = [];

    /// <summary>Words at a point of the plot.</summary>
    public ImmutableArray<Note> Notes { get; init; } = [];

    /// <summary>The axes: what they show, their scale and limits.</summary>
    public Axis X { get; init; } = new();

    /// <inheritdoc cref="X"/>
    public Axis Y { get; init; } = new();

    /// <summary>The words above the figure, and the sentences below it.</summary>
    public string TitleText { get; init; } = "";

    /// <inheritdoc cref="TitleText"/>
    public string CaptionText { get; init; } = "";

    /// <summary>Pixels of the drawing; a caption adds to the height.</summary>
    public int Width { get; init; } = 640;

    /// <inheritdoc cref="Width"/>
    public int Height { get; init; } = 400;

    /// <summary>A chart of one line.</summary>
    /// <param name="xs">Horizontal positions; as many as <paramref name="ys"/>.</param>
    /// <param name="ys">Values; NaN and infinities leave a gap.</param>
    /// <param name="name">Written at the line's end.</param>
    /// <param name="paper">A value that a paper reports: dashed, with hollow markers.</param>
    /// <exception cref="ArgumentException">The two differ in length.</exception>
    public static Chart Line<TX, TY>(IEnumerable<TX> xs, IEnumerable<TY> ys, string name = "", bool paper = false)
        where TX : INumber<TX> where TY : INumber<TY> => new Chart().WithLine(xs, ys, name, paper);

    /// <summary>A chart of one line over 0, 1, 2, …</summary>
    public static Chart Line<TY>(IEnumerable<TY> ys, string name = "", bool paper = false) where TY : INumber<TY> =>
        new Chart().WithLine(ys, name, paper);

    /// <summary>A chart with one bar for each label.</summary>
    /// <param name="labels">One for each value.</param>
    /// <param name="values">Heights; NaN draws no bar.</param>
    /// <param name="name">Shown in the legend when there are several series.</param>
    /// <param name="paper">A value that a paper reports: a dashed outline.</param>
    /// <exception cref="ArgumentException">The two differ in length.</exception>
    public static Chart Bar<T>(IEnumerable<string> labels, IEnumerable<T> values, string name = "", bool paper = false)
        where T : INumber<T> => new Chart { Labels = [.. labels] }.WithBars(values, name, paper);

    /// <summary>Adds a line.</summary>
    public Chart WithLine<TX, TY>(IEnumerable<TX> xs, IEnumerable<TY> ys, string name = "", bool paper = false)
        where TX : INumber<TX> where TY : INumber<TY>
    {
        if (Bars.Length > 0) throw new InvalidOperationException($"""A bar chart holds no lines: draw "{name}" as bars, or in a chart of its own.""");
        ImmutableArray<double> x = [.. xs.Select(ToDouble)], y = [.. ys.Select(ToDouble)];
        if (x.Length != y.Length) throw new ArgumentException($"""The line "{name}" has {x.Length} xs but {y.Length} ys; give one y for each x.""");
        return this with { Lines = Lines.Add(new(x, y, name, paper)) };
    }

    /// <summary>Adds a line over 0, 1, 2, …</summary>
    public Chart WithLine<TY>(IEnumerable<TY> ys, string name = "", bool paper = false) where TY : INumber<TY>
    {
        var values = ys.ToArray();
        return WithLine(Enumerable.Range(0, values.Length), values, name, paper);
    }

    /// <summary>Adds a bar to each group.</summary>
    public Chart WithBars<T>(IEnumerable<T> values, string name = "", bool paper = false) where T : INumber<T>
    {
        if (Lines.Length > 0) throw new InvalidOperationException($"""A line chart holds no bars: draw "{name}" as a line, or start from Chart.Bar.""");
        ImmutableArray<double> heights = [.. values.Select(ToDouble)];
        if (heights.Length != Labels.Length)
            throw new ArgumentException($"""The bars "{name}" have {heights.Length} values for {Labels.Length} labels; give one for each.""");
        return this with { Bars = Bars.Add(new(heights, name, paper)) };
    }

    /// <summary>Adds a horizontal line at <paramref name="value"/>, to compare with; dashed where it is a paper's value.</summary>
    public Chart WithReference(double value, string label, bool paper = false) =>
        this with { References = References.Add(new(value, label, paper)) };

    /// <summary>Writes words at a point of the plot.</summary>
    public Chart WithNote(double x, double y, string text) => this with { Notes = Notes.Add(new(x, y, text)) };

    /// <summary>Sets the words above the figure: what it shows, best as a finding.</summary>
    public Chart Title(string text) => this with { TitleText = text };

    /// <summary>Sets the sentences below the figure: how to read it.</summary>
    public Chart Caption(string text) => this with { CaptionText = text };

    /// <summary>Names the horizontal axis. Limits and ticks not given come from the data.</summary>
    public Chart XAxis(string label, bool log = false, double? min = null, double? max = null, IEnumerable<double>? ticks = null) =>
        this with { X = new(label, log, min, max, ticks is null ? default : [.. ticks]) };

    /// <summary>Names the vertical axis. Limits and ticks not given come from the data.</summary>
    public Chart YAxis(string label, bool log = false, double? min = null, double? max = null, IEnumerable<double>? ticks = null) =>
        this with { Y = new(label, log, min, max, ticks is null ? default : [.. ticks]) };

    /// <summary>Sets the size of the drawing in pixels.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Smaller than 160 × 120.</exception>
    public Chart Size(int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 160);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 120);
        return this with { Width = width, Height = height };
    }

    /// <summary>The drawing as an SVG document, readable without any script.</summary>
    public string ToSvg() => SvgChart.Render(this);

    /// <summary>The drawing as a Plotly figure (<c>data</c> and <c>layout</c>), for front ends that let a reader zoom.</summary>
    public string ToPlotlyJson() => PlotlyJson.Render(this);

    /// <summary>The title and each series' last value, for terminals and logs.</summary>
    public override string ToString() => PlainText.Describe(this);

    static double ToDouble<T>(T value) where T : INumber<T> => double.CreateSaturating(value);
}
