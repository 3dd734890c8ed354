// A chart as the JSON of a Plotly figure (application/vnd.plotly.v1+json): { "data": [traces], "layout": {…} }.
// The same colours, dashes and markers as the SVG; NaN becomes null, which Plotly leaves out.

using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json.Nodes;

namespace Charts;

static class PlotlyJson
{
    static readonly System.Text.Json.JsonSerializerOptions Options = new() { Encoder = JavaScriptEncoder.Default };

    public static string Render(Chart chart) => new JsonObject
    {
        ["data"] = new JsonArray([.. chart.Lines.Select(Trace), .. chart.Bars.Select((bars, i) => Trace(chart, bars, i))]),
        ["layout"] = Layout(chart),
    }.ToJsonString(Options);

    static JsonNode Trace(LineSeries line, int index) => new JsonObject
    {
        ["type"] = "scatter",
        ["mode"] = line.X.Length <= Style.MostMarkers ? "lines+markers" : "lines",
        ["name"] = Text(line.Name),
        ["x"] = Values(line.X),
        ["y"] = Values(line.Y),
        ["line"] = new JsonObject { ["color"] = Style.Colour(index), ["width"] = 2, ["dash"] = line.Paper ? "dash" : "solid" },
        ["marker"] = new JsonObject { ["symbol"] = Style.Marker(index) + (line.Paper ? "-open" : ""), ["size"] = 7 },
    };

    static JsonNode Trace(Chart chart, BarSeries bars, int index) => new JsonObject
    {
        ["type"] = "bar",
        ["name"] = Text(bars.Name),
        ["x"] = new JsonArray([.. chart.Labels.Select(label => (JsonNode)Text(label))]),
        ["y"] = Values(bars.Values),
        ["marker"] = new JsonObject
        {
            ["color"] = bars.Paper ? Style.Background : Style.Colour(index),
            ["line"] = new JsonObject { ["color"] = Style.Colour(index), ["width"] = bars.Paper ? 1.5 : 0 },
        },
    };

    static JsonObject Layout(Chart chart)
    {
        var layout = new JsonObject
        {
            ["title"] = new JsonObject { ["text"] = Text(chart.TitleText), ["x"] = 0.02 },
            ["width"] = chart.Width,
            ["height"] = chart.Height + (chart.CaptionText.Length > 0 ? 60 : 0),
            ["paper_bgcolor"] = Style.Background,
            ["plot_bgcolor"] = Style.Background,
            ["font"] = new JsonObject { ["family"] = Style.Font, ["size"] = Style.TextSize, ["color"] = Style.Ink },
            ["showlegend"] = chart.Lines.Length + chart.Bars.Length > 1,
            ["xaxis"] = AxisOf(chart.X),
            ["yaxis"] = AxisOf(chart.Y),
            ["shapes"] = new JsonArray([.. chart.References.Select(Shape)]),
            ["annotations"] = new JsonArray([.. Annotations(chart)]),
        };
        if (chart.Bars.Length > 0) layout["barmode"] = "group";
        if (chart.CaptionText.Length > 0) layout["margin"] = new JsonObject { ["b"] = 120 };
        return layout;
    }

    static JsonObject AxisOf(Axis axis)
    {
        var node = new JsonObject { ["title"] = new JsonObject { ["text"] = Text(axis.Label) }, ["gridcolor"] = Style.Grid, ["zeroline"] = false };
        if (axis.Log) node["type"] = "log";
        if (axis is { Min: { } min, Max: { } max } && axis.Shows(min) && axis.Shows(max))
            node["range"] = new JsonArray(axis.Log ? [Math.Log10(min), Math.Log10(max)] : [min, max]);      // logarithms on a log axis
        if (!axis.Ticks.IsDefault)
        {
            node["tickvals"] = Values(axis.Ticks);
            node["ticktext"] = new JsonArray([.. axis.Ticks.Select(t => (JsonNode)Numbers.Short(t))]);
        }
        return node;
    }

    static JsonNode Shape(ReferenceLine line) => new JsonObject
    {
        ["type"] = "line", ["xref"] = "paper", ["x0"] = 0, ["x1"] = 1, ["y0"] = Number(line.Value), ["y1"] = Number(line.Value),
        ["line"] = new JsonObject { ["color"] = Style.Muted, ["width"] = 1.2, ["dash"] = line.Paper ? "dash" : "solid" },
    };

    static IEnumerable<JsonNode> Annotations(Chart chart)
    {
        foreach (var line in chart.References.Where(l => chart.Y.Shows(l.Value)))
            yield return Annotation(1, chart.Y.Log ? Math.Log10(line.Value) : line.Value, line.Label, "paper", "y", "right");
        foreach (var note in chart.Notes.Where(n => chart.X.Shows(n.X) && chart.Y.Shows(n.Y)))
            yield return Annotation(chart.X.Log ? Math.Log10(note.X) : note.X, chart.Y.Log ? Math.Log10(note.Y) : note.Y, note.Text, "x", "y", "left");
        if (chart.CaptionText.Length > 0)
            yield return Annotation(0, -0.28, string.Join("<br>", Wrapped(chart)), "paper", "paper", "left", escaped: true);
    }

    static IEnumerable<string> Wrapped(Chart chart) =>
        TextLines.Wrap(chart.CaptionText, Style.TextSize, chart.Width - 80, most: 6).Select(Text);

    static JsonNode Annotation(double x, double y, string text, string xref, string yref, string anchor, bool escaped = false) => new JsonObject
    {
        ["x"] = x, ["y"] = y, ["xref"] = xref, ["yref"] = yref, ["text"] = escaped ? text : Text(text), ["showarrow"] = false,
        ["xanchor"] = anchor, ["yanchor"] = yref == "paper" ? "top" : "bottom", ["align"] = "left",
        ["font"] = new JsonObject { ["color"] = Style.Muted, ["size"] = Style.SmallSize },
    };

    // Plotly reads a few HTML tags in its texts: what we write is text.
    static string Text(string text) => new StringBuilder(text).Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;").ToString();

    static JsonArray Values(IEnumerable<double> values) => new([.. values.Select(Number)]);

    static JsonNode? Number(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;
}
