// The traces of one chart. Bars, boxes and bins come with their numbers worked out, so that Plotly draws what the SVG shows.

using System.Text.Json.Nodes;
using static Charts.PlotlyFigure;

namespace Charts;

static class PlotlyTraces
{
    public static IEnumerable<JsonNode> Of(Canvas canvas, Placed placed, int chart)
    {
        var plot = placed.Plot;
        for (var s = 0; s < plot.Chart.Series.Length; s++)
        {
            if (plot.Chart.Series[s] is LineSeries { HasBand: true } banded) yield return OnAxes(Band(plot, banded, s), "");
            yield return OnAxes(Trace(canvas, placed, s), plot.Chart.Series[s].Label);
        }

        JsonObject OnAxes(JsonObject trace, string name)
        {
            (trace["xaxis"], trace["yaxis"], trace["name"]) = (Axis("x", chart), Axis("y", chart), Text(name));
            return trace;
        }
    }

    static JsonObject Trace(Canvas canvas, Placed placed, int s) => placed.Plot.Chart.Series[s] switch
    {
        LineSeries line => Line(line, s),
        PointSeries points => Points(points, s),
        BarSeries bars => Bars(placed.Plot, bars, s),
        BoxSeries boxes => Boxes(placed.Plot, boxes, s),
        HistogramSeries histogram => Histogram(placed.Plot, histogram, s),
        HeatSeries heat => Heat(canvas, placed, heat),
        ContourSeries contours => Contours(canvas, placed, contours),
        PictureSeries picture => Picture(picture),
        var other => throw new InvalidOperationException($"Plotly draws no {other.GetType().Name}."),
    };

    static JsonObject Line(LineSeries line, int s) => new()
    {
        ["type"] = "scatter",
        ["mode"] = line.X.Length <= Style.MostMarkers ? "lines+markers" : "lines",
        ["x"] = Reals(line.X),
        ["y"] = Reals(line.Y),
        ["line"] = new JsonObject { ["color"] = Style.Colour(s), ["width"] = 2.25, ["dash"] = line.Origin.PlotlyDash },
        ["marker"] = Marker(s, line.Origin),
        ["cliponaxis"] = false,
    };

    static JsonObject Points(PointSeries points, int s)
    {
        var marker = Marker(s, points.Origin);
        if (points.X.Length > 200) (marker["size"], marker["opacity"]) = (points.X.Length > 2000 ? 3 : 5, 0.6);
        var trace = new JsonObject { ["type"] = "scatter", ["mode"] = "markers", ["x"] = Reals(points.X), ["y"] = Reals(points.Y), ["marker"] = marker };
        if (!points.Labels.IsDefault) trace["hovertext"] = Texts(points.Labels);
        return trace;
    }

    static JsonObject Marker(int s, Origin origin) => new()
    {
        ["symbol"] = Style.Marker(s) + (origin.IsMeasured ? "" : "-open"), ["size"] = 8, ["color"] = Style.Colour(s), ["line"] = new JsonObject { ["width"] = origin.IsMeasured ? 0 : 1.75 },
    };

    // A closed shape for each run of points without a gap.
    static JsonObject Band(Plot plot, LineSeries line, int s)
    {
        var xs = new List<double>();
        var ys = new List<double>();
        for (var i = 0; i < line.X.Length;)
        {
            var end = i;
            while (end < line.X.Length && plot.Chart.X.Shows(line.X[end]) && plot.Chart.Y.Shows(line.Low[end]) && plot.Chart.Y.Shows(line.High[end])) end++;
            var run = Enumerable.Range(i, end - i).ToArray();
            if (run.Length > 1)
            {
                xs.AddRange([.. run.Select(k => line.X[k]), .. run.Reverse().Select(k => line.X[k]), double.NaN]);
                ys.AddRange([.. run.Select(k => line.Low[k]), .. run.Reverse().Select(k => line.High[k]), double.NaN]);
            }
            i = Math.Max(end, i + 1);
        }
        return new()
        {
            ["type"] = "scatter", ["mode"] = "lines", ["x"] = Reals(xs), ["y"] = Reals(ys), ["fill"] = "toself", ["fillcolor"] = Style.Colour(s), ["opacity"] = 0.18,
            ["line"] = new JsonObject { ["width"] = 0 }, ["hoverinfo"] = "skip",
        };
    }

    /// <summary>The part of a bar's place that it fills.</summary>
    public const double BarPart = 0.92;

    /// <summary>Where the bars or boxes of a series stand, in units of the categories, and how wide they are.</summary>
    public static (double[] Places, double Width) Standing(Plot plot, int s)
    {
        int[] standing = [.. Enumerable.Range(0, plot.Chart.Series.Length).Where(i => plot.Chart.Series[i] is BarSeries or BoxSeries)];
        double slot = (plot.Right - plot.Left) / Math.Max(1, plot.Chart.Labels.Length), width = BarPainter.Width(slot, standing.Length) / slot;
        var offset = (Array.IndexOf(standing, s) - (standing.Length - 1) / 2.0) * width;
        return ([.. Enumerable.Range(0, plot.Chart.Labels.Length).Select(i => i + offset)], width);
    }

    static JsonObject Bars(Plot plot, BarSeries bars, int s)
    {
        var (places, width) = Standing(plot, s);
        double pixels = width * (plot.Right - plot.Left) / Math.Max(1, plot.Chart.Labels.Length);
        var alone = plot.Chart.Series.Count(other => other is BarSeries or BoxSeries) == 1;
        string Value(double value) => !Values.Drawable(value) || Style.TextWidth(Numbers.Short(value), Style.SmallSize) > pixels + (alone ? 24 : 4) ? "" : Numbers.Short(value);
        // What was not measured has no fill; its dashed outline is a shape of the layout, since bars have none.
        var marker = new JsonObject { ["color"] = bars.Origin.IsMeasured ? Style.Colour(s) : Style.Background, ["line"] = new JsonObject { ["width"] = 0 } };
        return new()
        {
            ["type"] = "bar", ["x"] = Reals(places), ["y"] = Reals(bars.Values), ["width"] = width * BarPart, ["marker"] = marker,
            ["text"] = Texts(bars.Values.Select(Value)), ["textposition"] = "outside", ["textangle"] = 0, ["cliponaxis"] = false, ["textfont"] = new JsonObject { ["size"] = Style.SmallSize },
            ["hovertext"] = Texts(plot.Chart.Labels.Zip(bars.Values, (label, value) => $"{label}: {Numbers.Cell(value)}")), ["hoverinfo"] = "text+name",
        };
    }

    static JsonObject Boxes(Plot plot, BoxSeries boxes, int s)
    {
        var (places, width) = Standing(plot, s);
        int[] there = [.. Enumerable.Range(0, boxes.Boxes.Length).Where(i => boxes.Boxes[i] is not null)];
        JsonArray Of(Func<BoxSummary, double> value) => Reals(there.Select(i => value(boxes.Boxes[i]!)));
        return new()
        {
            ["type"] = "box", ["x"] = Reals(there.Select(i => places[i])), ["width"] = width * 0.76,
            ["q1"] = Of(b => b.LowerQuartile), ["median"] = Of(b => b.Median), ["q3"] = Of(b => b.UpperQuartile), ["lowerfence"] = Of(b => b.LowerWhisker), ["upperfence"] = Of(b => b.UpperWhisker),
            // The samples of which Plotly draws those beyond the whiskers; it reads no list that is empty.
            ["y"] = new JsonArray([.. there.Select(i => (JsonNode)Reals(boxes.Boxes[i]!.Outliers.Append(boxes.Boxes[i]!.LowerWhisker)))]),
            ["boxpoints"] = there.Any(i => boxes.Boxes[i]!.Outliers.Length > 0) ? "outliers" : false, ["pointpos"] = 0, ["jitter"] = 0,
            ["line"] = new JsonObject { ["color"] = Style.Colour(s), ["width"] = 1.75 }, ["marker"] = new JsonObject { ["size"] = 5, ["color"] = Style.Colour(s) },
        };
    }

    // Plotly has no bars of unequal width on a logarithmic axis: there, the steps of the outline.
    static JsonObject Histogram(Plot plot, HistogramSeries histogram, int s)
    {
        if (plot.Bins is not { } bins) return new() { ["type"] = "bar", ["x"] = new JsonArray(), ["y"] = new JsonArray() };
        var heights = bins.Heights(histogram, plot.Chart.Density);
        var opacity = plot.Chart.Series.Count(other => other is HistogramSeries) > 1 ? 0.55 : 1;
        if (plot.Chart.X.Log)
            return new()
            {
                ["type"] = "scatter", ["mode"] = "lines", ["x"] = Reals(bins.Edges), ["y"] = Reals(heights.Append(heights[^1])), ["fill"] = "tozeroy", ["fillcolor"] = Style.Colour(s), ["opacity"] = opacity,
                ["line"] = new JsonObject { ["shape"] = "hv", ["width"] = 0.5, ["color"] = Style.Background },
            };
        return new()
        {
            ["type"] = "bar", ["x"] = Reals(Enumerable.Range(0, bins.Count).Select(i => (bins.Edges[i] + bins.Edges[i + 1]) / 2)), ["y"] = Reals(heights),
            ["width"] = Reals(Enumerable.Range(0, bins.Count).Select(i => bins.Edges[i + 1] - bins.Edges[i])), ["opacity"] = opacity,
            ["marker"] = new JsonObject { ["color"] = Style.Colour(s), ["line"] = new JsonObject { ["width"] = bins.Count > 60 ? 0 : 0.5, ["color"] = Style.Background } },
            ["hovertext"] = Texts(Enumerable.Range(0, bins.Count).Select(i => $"{Numbers.Cell(bins.Edges[i])} to {Numbers.Cell(bins.Edges[i + 1])}: {Numbers.Cell(heights[i])}")), ["hoverinfo"] = "text+name",
        };
    }

    static JsonObject Heat(Canvas canvas, Placed placed, HeatSeries heat)
    {
        var plot = placed.Plot;
        var trace = new JsonObject { ["type"] = "heatmap", ["z"] = Rows(heat.Values), ["hoverongaps"] = false };
        Coloured(trace, canvas, placed);
        var (chart, cells) = (plot.Chart, heat.Values);
        if (cells.Values.Length <= 2500)
            trace["hovertext"] = new JsonArray([.. Enumerable.Range(0, cells.Rows).Select(i => (JsonNode)Texts(Enumerable.Range(0, cells.Columns)
                .Select(j => $"{chart.RowLabels[i]}, {chart.Labels[j]}: {Numbers.Cell(cells[i, j])}")))]);
        trace["hoverinfo"] = cells.Values.Length <= 2500 ? "text" : "z";
        if (!plot.IsEmpty && HeatPainter.ShowsNumbers(plot, cells))
        {
            trace["text"] = new JsonArray([.. Enumerable.Range(0, cells.Rows).Select(i => (JsonNode)Texts(Enumerable.Range(0, cells.Columns)
                .Select(j => Values.Drawable(cells[i, j]) ? Numbers.Short(cells[i, j]) : "")))]);
            trace["texttemplate"] = "%{text}";
            trace["textfont"] = new JsonObject { ["size"] = Style.SmallSize };
        }
        return trace;
    }

    static JsonObject Contours(Canvas canvas, Placed placed, ContourSeries contours)
    {
        var levels = placed.Plot.Colours!.Levels;
        var trace = new JsonObject
        {
            ["type"] = "contour", ["x"] = Reals(contours.X), ["y"] = Reals(contours.Y), ["z"] = Rows(contours.Z), ["autocontour"] = false,
            ["contours"] = new JsonObject { ["coloring"] = "fill", ["start"] = levels[0], ["end"] = levels[^1], ["size"] = levels.Length > 1 ? levels[1] - levels[0] : 1 },
            ["line"] = new JsonObject { ["color"] = "rgba(255,255,255,0.6)", ["width"] = 0.5 },
        };
        Coloured(trace, canvas, placed);
        return trace;
    }

    static JsonObject Picture(PictureSeries picture)
    {
        var (low, high) = picture.Pixels.Range();
        return new() { ["type"] = "heatmap", ["z"] = Rows(picture.Pixels), ["zmin"] = low, ["zmax"] = high > low ? high : low + 1, ["colorscale"] = Scale(Palette.Greys), ["showscale"] = false, ["hoverinfo"] = "x+y+z" };
    }

    static void Coloured(JsonObject trace, Canvas canvas, Placed placed)
    {
        var (plot, colours) = (placed.Plot, placed.Plot.Colours!);
        var (offset, width) = ColourScale.Place;
        (trace["zmin"], trace["zmax"], trace["colorscale"]) = (colours.Low, colours.High, Scale(colours.Palette));
        trace["colorbar"] = new JsonObject
        {
            ["x"] = (placed.X + plot.Right + offset) / canvas.Width, ["xanchor"] = "left", ["xpad"] = 0, ["thickness"] = width, ["outlinewidth"] = 0,
            ["y"] = 1 - (placed.Y + plot.Bottom) / canvas.Height, ["yanchor"] = "bottom", ["ypad"] = 0, ["len"] = (plot.Bottom - plot.Top) / canvas.Height,
            ["tickvals"] = Reals(colours.Ticks), ["ticktext"] = Texts(colours.Labels), ["tickfont"] = new JsonObject { ["color"] = Style.Muted, ["size"] = Style.SmallSize },
        };
    }

    static JsonArray Rows(Grid grid) => new([.. Enumerable.Range(0, grid.Rows).Select(i => (JsonNode)Reals(Enumerable.Range(0, grid.Columns).Select(j => grid[i, j])))]);

    static JsonArray Scale(Palette palette) => new([.. palette.Stops.Select((stop, i) => (JsonNode)new JsonArray(i / (palette.Stops.Length - 1.0), stop))]);
}
