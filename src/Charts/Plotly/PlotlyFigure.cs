// A canvas as the JSON of a Plotly figure (application/vnd.plotly.v1+json): { "data": [traces], "layout": {…} }. The plot area is the whole
// drawing and each chart has axes of its own in its part of it, so that everything stands where the SVG has it, in the same colours,
// dashes and markers. NaN becomes null, which Plotly leaves out.

using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Charts;

static class PlotlyFigure
{
    // The default encoder escapes < and &, so that a figure can stand inside a script element.
    static readonly JsonSerializerOptions Options = new() { Encoder = JavaScriptEncoder.Default };

    public static string Render(Canvas canvas) => new JsonObject { ["data"] = Data(canvas), ["layout"] = PlotlyLayout.Of(canvas) }.ToJsonString(Options);

    /// <summary>The figure, and beside it what is different on a narrow page: the layout, and of each trace the changed members.</summary>
    public static string RenderBoth(Canvas canvas)
    {
        var narrow = canvas.Narrow();
        JsonArray wideData = Data(canvas), narrowData = Data(narrow);
        var changes = wideData.Zip(narrowData, (wide, other) => (JsonNode)new JsonObject(wide!.AsObject().Select(m => m.Key).Union(other!.AsObject().Select(m => m.Key))
            .Where(key => !JsonNode.DeepEquals(other[key], wide[key])).Select(key => KeyValuePair.Create(key, other[key]?.DeepClone()))));
        return new JsonObject
        {
            ["data"] = wideData,
            ["layout"] = PlotlyLayout.Of(canvas),
            ["narrow"] = new JsonObject { ["data"] = new JsonArray([.. changes]), ["layout"] = PlotlyLayout.Of(narrow) },
        }.ToJsonString(Options);
    }

    static JsonArray Data(Canvas canvas) => new([.. canvas.Charts.SelectMany((placed, chart) => PlotlyTraces.Of(canvas, placed, chart))]);

    /// <summary>"x", "x2", "x3", …: how Plotly names the axes of charts 0, 1, 2, …</summary>
    public static string Axis(string letter, int chart) => chart == 0 ? letter : $"{letter}{chart + 1}";

    /// <summary>Plotly reads a few HTML tags in its texts: what we write is text.</summary>
    public static string Text(string text) => new StringBuilder(text).Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;").ToString();

    public static string Lines(IEnumerable<string> lines) => string.Join("<br>", lines.Select(Text));

    public static JsonArray Texts(IEnumerable<string> texts) => new([.. texts.Select(t => (JsonNode)Text(t))]);

    public static JsonArray Reals(IEnumerable<double> values) => new([.. values.Select(Number)]);

    public static JsonNode? Number(double value) => Values.Drawable(value) ? JsonValue.Create(value) : null;
}
