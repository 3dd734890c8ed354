// A figure as an immutable record: what is drawn, never how. Every method returns a new chart, so a chart reads as one sentence:
//     Chart.Line(steps, loss, "LoRA").WithLine(steps, full, "full").Title("…").XAxis("step").YAxis("loss", log: true)
// Here: what every chart has. Beside it the kinds: ChartLines (lines, scatter), ChartBars (bars, boxes, histograms), ChartGrids (heat
// maps, contours, pictures). Renderers (SvgChart, PlotlyFigure, PlainText) read the record; a notebook picks one through Formatters.

using System.Collections.Immutable;
using System.Numerics;

namespace Charts;

/// <summary>A chart: series on two axes, reference lines, notes, a title and a caption. Immutable.</summary>
[TypeFormatterSource(typeof(ChartFormatters), PreferredMimeTypes = [Mime.Plotly, Mime.Html, Mime.Svg, Mime.Plain])]
public sealed partial record Chart
{
    /// <summary>What is drawn, in this order.</summary>
    public ImmutableArray<Series> Series { get; init; } = [];

    /// <summary>The categories of bars and boxes, or the columns of a heat map.</summary>
    public ImmutableArray<string> Labels { get; init; } = [];

    /// <summary>The rows of a heat map.</summary>
    public ImmutableArray<string> RowLabels { get; init; } = [];

    /// <summary>Lines to compare with.</summary>
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

    /// <summary>What <see cref="Live"/> set.</summary>
    public string LiveName { get; init; } = "";

    /// <summary>Adds a horizontal line at <paramref name="value"/>, to compare with.</summary>
    /// <param name="value">Where on the vertical axis.</param>
    /// <param name="label">Written above the line.</param>
    /// <param name="paper">The place in a paper that reports it ("Table 6"): dashed.</param>
    /// <param name="guess">Nobody's number: dotted.</param>
    public Chart WithReference(double value, string label, string? paper = null, bool guess = false) =>
        this with { References = References.Add(new(value, label, Origin.Of(paper, guess))) };

    /// <summary>Adds an upright line at <paramref name="value"/> of the horizontal axis.</summary>
    /// <inheritdoc cref="WithReference"/>
    public Chart WithVertical(double value, string label = "", string? paper = null, bool guess = false)
    {
        if (Labels.Length > 0) throw new InvalidOperationException($"""The upright line "{label}" needs a horizontal axis of numbers; this one has categories.""");
        return this with { References = References.Add(new(value, label, Origin.Of(paper, guess), Vertical: true)) };
    }

    /// <summary>Writes words at a point of the plot. On a chart of categories the first stands at 0, the second at 1.</summary>
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
    /// <exception cref="ArgumentOutOfRangeException">Smaller than 160 × 120; a picture may be down to 40 × 40.</exception>
    public Chart Size(int width, int height)
    {
        var picture = Series.Any(s => s is PictureSeries);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, picture ? 40 : 160);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, picture ? 40 : 120);
        return this with { Width = width, Height = height };
    }

    /// <summary>Marks a chart that is shown again and again while something runs: where the front end can, the one drawing of this name is
    /// renewed in place, without a flicker, and keeps the reader's zoom. Where an update is lost, the chart shown last stays.</summary>
    public Chart Live(string name) => this with { LiveName = name };

    /// <summary>The drawing as an SVG document, readable without any script.</summary>
    public string ToSvg() => SvgChart.Render(Canvas.Of(this));

    /// <summary>The drawing as a Plotly figure (<c>data</c> and <c>layout</c>), for front ends that let a reader zoom.</summary>
    public string ToPlotlyJson() => PlotlyFigure.Render(Canvas.Of(this));

    /// <summary>The drawing for a web page: a picture, and with plotly.js at hand the same to zoom into.</summary>
    public string ToHtml() => ChartHtml.Render(Canvas.Of(this));

    /// <summary>The title and each series' ends, for terminals and logs.</summary>
    public override string ToString() => PlainText.Describe(this);

    Chart With(Series series) => this with { Series = Series.Add(series) };

    // Series that share axes: numbers with numbers, categories with categories, a heat map or a picture alone.
    Chart WithNumeric(Series series)
    {
        if (Series.FirstOrDefault(s => s is BarSeries or BoxSeries or HeatSeries or PictureSeries) is { } other)
            throw new InvalidOperationException($"""{Kind(series)} "{series.Name}" needs a horizontal axis of numbers; {Kind(other).ToLowerInvariant()} has none. Draw it in a chart of its own.""");
        return With(series);
    }

    Chart WithCategories(Series series, int count)
    {
        if (Series.FirstOrDefault(s => s is not (BarSeries or BoxSeries)) is { } other)
            throw new InvalidOperationException($"""{Kind(series)} "{series.Name}" needs labels below it; {Kind(other).ToLowerInvariant()} has numbers there. Start from Chart.Bar or Chart.Box.""");
        if (count != Labels.Length) throw new ArgumentException($"""{Kind(series)} "{series.Name}" has {count} values for {Labels.Length} labels; give one for each.""");
        return With(series);
    }

    static string Kind(Series series) => series switch
    {
        LineSeries => "The line", PointSeries => "The scatter", BarSeries => "The bars", BoxSeries => "The boxes", HistogramSeries => "The histogram",
        HeatSeries => "The heat map", ContourSeries => "The contours", _ => "The picture",
    };

    static ImmutableArray<double> Doubles<T>(IEnumerable<T> values) where T : INumber<T> => [.. values.Select(double.CreateSaturating)];
}
