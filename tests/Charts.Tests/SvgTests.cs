// The drawing: valid XML whatever the data, and points where the axes say they are.

using System.Globalization;
using System.Xml.Linq;

namespace Charts.Tests;

public class SvgTests
{
    static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    static XElement Draw(Chart chart) => XDocument.Parse(chart.ToSvg()).Root!;

    static double Number(XElement element, string attribute) => double.Parse(element.Attribute(attribute)!.Value, CultureInfo.InvariantCulture);

    static string[] Texts(XElement drawing) => [.. drawing.Descendants(Svg + "text").Select(t => t.Value)];

    /// <summary>Where the axis puts a value: read from two tick labels.</summary>
    static double OnAxis(XElement drawing, string low, string high, double lowValue, double highValue, double value, string attribute)
    {
        double At(string label) => Number(drawing.Descendants(Svg + "text").First(t => t.Value == label), attribute);
        return At(low) + (value - lowValue) / (highValue - lowValue) * (At(high) - At(low));
    }

    public static TheoryData<string, Chart> Hard => new()
    {
        { "empty", Chart.Line(Array.Empty<double>(), Array.Empty<double>(), "nothing") },
        { "one point", Chart.Line([3.0], [5.0], "one") },
        { "constant", Chart.Line([1, 2, 3], [7, 7, 7], "same") },
        { "constant zero", Chart.Line([1, 2, 3], [0, 0, 0], "zero") },
        { "only NaN", Chart.Line([1.0, 2], [double.NaN, double.NaN], "lost") },
        { "infinities", Chart.Line([1.0, 2, 3], [double.PositiveInfinity, 1, double.NegativeInfinity], "far") },
        { "log of nothing positive", Chart.Line([1.0, 2], [-1.0, 0], "negative").YAxis("y", log: true) },
        { "log constant", Chart.Line([1.0, 2], [5.0, 5], "same").YAxis("y", log: true).XAxis("x", log: true) },
        { "tiny and huge", Chart.Line([1.0, 2], [1e-300, 1e300], "wide").YAxis("y", log: true) },
        { "limits the wrong way", Chart.Line([1.0, 2], [1.0, 2], "turned").YAxis("y", min: 5, max: 1) },
        { "no bars", Chart.Bar([], Array.Empty<double>(), "none") },
        { "NaN bar", Chart.Bar(["a", "b"], [double.NaN, 2], "half") },
        { "bars on a log axis", Chart.Bar(["a", "b", "c"], [0, 1, 1e6], "counts").YAxis("y", log: true) },
        { "all zero bars", Chart.Bar(["a"], [0.0]) },
        { "scatter of NaN", Chart.Scatter([double.NaN, 1], [1, double.NaN], "s", ["a", "b"]) },
        { "scatter on log axes", Chart.Scatter([0.0, -1, 1e-300, 1e300], [1.0, 2, 3, 1e-9], "s").XAxis("x", log: true).YAxis("y", log: true) },
        { "band on a log axis", Chart.Line([1.0, 2, 3], [1.0, 2, 3], "b").WithBand([-1.0, 1, 1], [2.0, 3, double.PositiveInfinity], "m").YAxis("y", log: true) },
        { "huge band", Chart.Line([1.0, 2], [0.0, 0], "b").WithBand([-1e300, -1e308], [1e308, 1e300], "m") },
        { "boxes of nothing", Chart.Box(["a", "b"], [[double.NaN], Array.Empty<double>()]) },
        { "boxes on a log axis", Chart.Box(["a"], [[-1.0, 0, 1, 10, 100, 1e9]]).YAxis("y", log: true) },
        { "histogram of nothing", Chart.Histogram(Array.Empty<double>(), "h") },
        { "histogram of huge numbers", Chart.Histogram([-1e308, 1e308, double.NaN, 5], "h", density: true) },
        { "histogram of negatives on a log axis", Chart.Histogram([-1.0, -2], "h").XAxis("x", log: true) },
        { "histogram of neighbours", Chart.Histogram([1e15, 1e15 + 1, 1e15 + 2], "h") },
        { "heat of NaN", Chart.HeatMap(new[,] { { double.NaN, double.PositiveInfinity } }) },
        { "heat of extremes", Chart.HeatMap(new[,] { { -1e308, 1e308 } }, name: "h") },
        { "heat constant", Chart.HeatMap(new[,] { { 3.0, 3 }, { 3, 3 } }) },
        { "heat without columns", Chart.HeatMap(new double[3, 0]) },
        { "contours of a plane", Chart.Contour([0, 1], [0, 1], new[,] { { 2.0, 2 }, { 2, 2 } }) },
        { "contours of NaN", Chart.Contour([0, 1], [0, 1], new[,] { { double.NaN, 2 }, { double.NaN, double.NaN } }) },
        { "contours of one row", Chart.Contour([0, 1], [0], new[,] { { 1.0, 2 } }) },
        { "contours on a log axis", Chart.Contour([0.0, 1, 10], [1.0, 10], new[,] { { 1.0, 2, 3 }, { 4, 5, 6 } }).XAxis("x", log: true) },
        { "contours of extremes", Chart.Contour([0, 1], [0, 1], new[,] { { -1e308, 1e308 }, { 0, 1e-300 } }) },
        { "picture of one tone", Chart.Picture(new byte[4], 2) },
        { "picture of nothing", Chart.Picture(Array.Empty<byte>(), 28) },
        { "picture with NaN", Chart.Picture(new[,] { { double.NaN, 1.0 } }).Title("t") },
        { "a hundred labels", Chart.Bar(Enumerable.Range(0, 100).Select(i => $"label number {i}"), Enumerable.Range(0, 100)) },
        { "very small", Chart.Line([1.0, 2], [1.0, 2], "a long name of a line").Title("a long title").XAxis("x").YAxis("y").Size(160, 120) },
        { "markup in every text", Chart.Line([1.0, 2], [1.0, 2], "<b>&\"'\u0001").Title("a < b & c").XAxis("]]>").YAxis("<x>").WithReference(1, "<r>").WithNote(1, 1, "&amp;").Caption("<script>") },
    };

    [Theory, MemberData(nameof(Hard))]
    public void Every_chart_is_a_valid_document_with_finite_coordinates(string what, Chart chart)
    {
        var drawing = Draw(chart);
        Assert.Equal(Svg + "svg", drawing.Name);
        XDocument.Parse(SvgChart.Render(Canvas.Of(chart).Narrow()));
        System.Text.Json.JsonDocument.Parse(chart.ToPlotlyJson());
        Assert.NotEmpty(chart.ToString());
        foreach (var attribute in drawing.Descendants().Attributes().Where(a => a.Name.LocalName is "x" or "y" or "x1" or "x2" or "y1" or "y2" or "cx" or "cy" or "width" or "height"))
            Assert.True(attribute.Value == "100%" || double.IsFinite(double.Parse(attribute.Value, CultureInfo.InvariantCulture)), $"{what}: {attribute}");
        Assert.All(drawing.Descendants(Svg + "polyline"), line => Assert.Matches("^[-0-9., ]+$", line.Attribute("points")!.Value));
    }

    [Fact]
    public void A_point_stands_where_the_axes_say()
    {
        var drawing = Draw(Chart.Line([0.0, 4, 10], [0.0, 600, 1000], "s").XAxis("x").YAxis("y"));
        var circle = drawing.Descendants(Svg + "circle").ElementAt(1);
        Assert.Equal(OnAxis(drawing, "2", "8", 2, 8, 4, "x"), Number(circle, "cx"), 1.0);
        Assert.Equal(OnAxis(drawing, "400", "800", 400, 800, 600, "y") - 4, Number(circle, "cy"), 1.0);      // a label's baseline lies 4 below its tick
    }

    [Fact]
    public void A_logarithmic_axis_gives_equal_ratios_equal_distances()
    {
        var drawing = Draw(Chart.Line([1, 2, 3], [1.0, 10, 100], "s").YAxis("y", log: true));
        var heights = drawing.Descendants(Svg + "circle").Select(c => Number(c, "cy")).ToArray();
        Assert.Equal(heights[0] - heights[1], heights[1] - heights[2], 0.05);
        Assert.True(heights[0] > heights[1]);
        Assert.Superset(new HashSet<string> { "1", "10", "100" }, Texts(drawing).ToHashSet());
    }

    [Fact]
    public void A_bar_is_as_high_as_its_value_and_stands_on_zero()
    {
        var drawing = Draw(Chart.Bar(["a", "b"], [2.0, 4]).YAxis("y"));
        var bars = drawing.Descendants(Svg + "rect").Where(r => r.Attribute("fill")!.Value == "#0072B2").ToArray();
        Assert.Equal(2, bars.Length);
        Assert.Equal(2 * Number(bars[0], "height"), Number(bars[1], "height"), 0.1);
        Assert.Equal(Number(bars[0], "y") + Number(bars[0], "height"), Number(bars[1], "y") + Number(bars[1], "height"), 0.05);
    }

    [Fact]
    public void A_negative_bar_hangs_from_zero()
    {
        var bars = Draw(Chart.Bar(["up", "down"], [1.0, -1])).Descendants(Svg + "rect").Where(r => r.Attribute("fill")!.Value == "#0072B2").ToArray();
        Assert.Equal(Number(bars[0], "y") + Number(bars[0], "height"), Number(bars[1], "y"), 0.05);
    }

    [Fact]
    public void A_gap_breaks_the_line_in_two()
    {
        var drawing = Draw(Chart.Line([1.0, 2, 3, 4, 5], [1, 2, double.NaN, 4, 5], "s"));
        Assert.Equal(2, drawing.Descendants(Svg + "polyline").Count());
    }

    [Fact]
    public void What_a_paper_reports_is_dashed_hollow_and_named_so()
    {
        var drawing = Draw(Chart.Line([1.0, 2], [1.0, 2], "ours").WithLine([1.0, 2], [2.0, 3], "theirs", paper: "Table 1"));
        var lines = drawing.Descendants(Svg + "polyline").ToArray();
        Assert.Null(lines[0].Attribute("stroke-dasharray"));
        Assert.NotNull(lines[1].Attribute("stroke-dasharray"));
        Assert.Contains("theirs (paper)", Texts(drawing));
    }

    [Fact]
    public void Names_at_the_lines_ends_never_overlap()
    {
        var chart = Enumerable.Range(0, 6).Aggregate(new Chart(), (c, i) => c.WithLine([1.0, 2], [1.0, 5 + i * 1e-3], $"series {i}"));
        var heights = Draw(chart).Descendants(Svg + "text").Where(t => t.Value.StartsWith("series", StringComparison.Ordinal)).Select(t => Number(t, "y")).Order().ToArray();
        Assert.Equal(6, heights.Length);
        Assert.All(heights.Zip(heights.Skip(1)), pair => Assert.True(pair.Second - pair.First >= 14.9));
    }

    [Fact]
    public void A_reference_line_is_in_view_even_above_the_data()
    {
        var drawing = Draw(Chart.Line([1.0, 2], [1.0, 2], "s").WithReference(50, "limit").YAxis("y"));
        Assert.Contains("limit", Texts(drawing));
        Assert.Contains("50", Texts(drawing));
    }

    [Theory]
    [InlineData(true, "start")]         // the series crosses the line again and again at its right end: the words stand at the left
    [InlineData(false, "end")]          // it does so at the left: they keep their place
    public void Words_of_a_reference_line_keep_out_of_the_series(bool right, string anchor)
    {
        var steps = Enumerable.Range(0, 40).ToArray();
        var heights = steps.Select(i => i < 20 == right ? 20 : 100 + 10 * Math.Sin(i));
        var drawing = Draw(Chart.Line(steps, heights, "s").WithReference(100, "as good as it gets").YAxis("y", min: 0, max: 130));
        var words = drawing.Descendants().Single(e => e.Name.LocalName == "text" && e.Value == "as good as it gets");
        Assert.Equal(anchor, words.Attribute("text-anchor")!.Value);
    }

    [Fact]
    public void A_row_holds_every_chart_and_its_caption()
    {
        var one = Chart.Line([1.0, 2], [1.0, 2], "s").Title("left").Caption("how to read it").Size(300, 200);
        var drawing = XDocument.Parse(ChartRow.Of(one, one.Title("right")).ToSvg()).Root!;
        Assert.Equal(600, Number(drawing, "width"));
        Assert.True(Number(drawing, "height") > 200);
        Assert.Superset(new HashSet<string> { "left", "right", "how to read it" }, Texts(drawing).ToHashSet());
    }
}
