// The layout of a figure: axes in their places, and every word and reference line where the SVG has it.

using System.Text.Json.Nodes;
using static Charts.PlotlyFigure;

namespace Charts;

static class PlotlyLayout
{
    public static JsonObject Of(Canvas canvas)
    {
        var layout = new JsonObject
        {
            ["width"] = canvas.Width, ["height"] = canvas.Height,
            ["margin"] = new JsonObject { ["l"] = 0, ["r"] = 0, ["t"] = 0, ["b"] = 0, ["pad"] = 0 },
            ["paper_bgcolor"] = Style.Background, ["plot_bgcolor"] = Style.Background,
            ["font"] = new JsonObject { ["family"] = Style.Font, ["size"] = Style.TextSize, ["color"] = Style.Ink },
            ["showlegend"] = false, ["hovermode"] = "closest", ["hoverlabel"] = new JsonObject { ["namelength"] = -1 }, ["barmode"] = "overlay", ["boxmode"] = "overlay",
        };
        var live = canvas.Charts.Select(c => c.Plot.Chart.LiveName).FirstOrDefault(name => name.Length > 0);
        if (live is not null) layout["uirevision"] = live;
        var annotations = new List<JsonNode>();
        var shapes = new List<JsonNode>();
        for (var i = 0; i < canvas.Charts.Length; i++)
        {
            var part = new Part(canvas, canvas.Charts[i], i);
            layout[Name("xaxis", i)] = part.XAxis();
            layout[Name("yaxis", i)] = part.YAxis();
            annotations.AddRange(part.Words());
            shapes.AddRange(part.References());
            shapes.AddRange(part.Outlines());
            shapes.AddRange(part.Samples());
        }
        (layout["annotations"], layout["shapes"]) = (new JsonArray([.. annotations]), new JsonArray([.. shapes]));
        return layout;
    }

    static string Name(string member, int chart) => chart == 0 ? member : $"{member}{chart + 1}";

    /// <summary>One chart's members of the layout.</summary>
    sealed class Part(Canvas canvas, Placed placed, int index)
    {
        readonly Plot plot = placed.Plot;
        readonly Chart chart = placed.Plot.Chart;

        // From pixels of the chart to parts of the whole drawing; Plotly counts upwards.
        double Across(double x) => (placed.X + x) / canvas.Width;
        double Up(double y) => 1 - (placed.Y + y) / canvas.Height;

        public JsonObject XAxis()
        {
            var axis = AxisOf(chart.X, "x");
            (axis["domain"], axis["anchor"]) = (new JsonArray(Across(plot.Left), Across(plot.Right)), Axis("y", index));
            axis["range"] = new JsonArray(plot.X.UnitAt(plot.Left), plot.X.UnitAt(plot.Right));
            (axis["showgrid"], axis["tickangle"]) = (false, 0);
            if (chart.Labels.Length > 0)
            {
                var labels = plot.Categories;
                int[] shown = [.. Enumerable.Range(0, labels.Lines.Length).Where(i => i % labels.Stride == 0)];
                (axis["tickvals"], axis["ticktext"]) = (Reals(shown.Select(i => (double)i)), new JsonArray([.. shown.Select(i => (JsonNode)Lines(labels.Lines[i]))]));
                (axis["tickangle"], axis["tickfont"]) = (labels.Slanted ? -CategoryLabels.Angle : 0, new JsonObject { ["color"] = Style.Ink });
            }
            else if (!Plot.IsPicture(chart) && !plot.IsEmpty) axis["ticks"] = "outside";
            axis["showline"] = !plot.Chart.Series.Any(s => s is BarSeries or HeatSeries or PictureSeries) || (chart.Y.Log && chart.Labels.Length > 0);
            axis["showticklabels"] = !plot.IsEmpty || chart.Labels.Length > 0;
            return axis;
        }

        public JsonObject YAxis()
        {
            var axis = AxisOf(chart.Y, "y");
            (axis["domain"], axis["anchor"]) = (new JsonArray(Up(plot.Bottom), Up(plot.Top)), Axis("x", index));
            axis["range"] = new JsonArray(plot.Y.UnitAt(plot.Bottom), plot.Y.UnitAt(plot.Top));
            if (chart.Series.Any(s => s is BarSeries)) axis["zeroline"] = true;
            if (chart.Series is [HeatSeries])
            {
                var stride = Math.Max(1, (int)Math.Ceiling(Style.LineHeight * chart.RowLabels.Length / (plot.Bottom - plot.Top)));
                int[] shown = [.. Enumerable.Range(0, chart.RowLabels.Length).Where(i => i % stride == 0)];
                (axis["tickvals"], axis["ticktext"]) = (Reals(shown.Select(i => (double)i)), Texts(shown.Select(i => Style.Fit(chart.RowLabels[i], Style.TextSize, plot.Left - 14))));
                (axis["showgrid"], axis["tickfont"]) = (false, new JsonObject { ["color"] = Style.Ink });
            }
            return axis;
        }

        JsonObject AxisOf(Axis axis, string letter)
        {
            var scale = letter == "x" ? plot.X : plot.Y;
            var node = new JsonObject
            {
                ["gridcolor"] = Style.Grid, ["zeroline"] = false, ["zerolinecolor"] = Style.AxisLine, ["linecolor"] = Style.AxisLine, ["ticks"] = "", ["showline"] = false, ["tickcolor"] = Style.AxisLine, ["tickfont"] = new JsonObject { ["color"] = Style.Muted },
                ["visible"] = !Plot.IsPicture(chart), ["ticklabelstandoff"] = letter == "y" ? 4 : 2, ["automargin"] = false,
                // As many as the SVG has; Plotly chooses again when a reader zooms.
                ["nticks"] = Math.Max(2, scale.Ticks.Length + 1), ["exponentformat"] = scale.Ticks.Length > 0 && scale.Ticks.Max(Math.Abs) < 1e-3 ? "power" : "SI",
            };
            if (axis.Log) node["type"] = "log";
            if (axis.Log || !axis.Ticks.IsDefault) (node["tickvals"], node["ticktext"]) = (Reals(scale.Ticks), Texts(letter == "x" ? AxisLabels.OfHorizontal(axis, scale) : AxisLabels.Of(axis, scale)));
            return node;
        }

        public IEnumerable<JsonNode> Words()
        {
            if (Plot.IsPicture(chart))
            {
                if (plot.Title.Count > 0) yield return Word(chart.Width / 2.0, 5, Lines(plot.Title), "center", "top", Style.Ink, Style.TextSize);
            }
            else
            {
                if (plot.Title.Count > 0) yield return Word(16, 11, Lines(plot.Title), "left", "top", Style.Ink, Style.TitleSize, bold: true);
                if (plot.YLabel.Count > 0) yield return Word(16, 14 + 21 * plot.Title.Count, Lines(plot.YLabel), "left", "top", Style.Muted, Style.TextSize);
                if (plot.XLabel.Count > 0) yield return Word((plot.Left + plot.Right) / 2, plot.FigureBottom - 6, Lines(plot.XLabel), "center", "bottom", Style.Muted, Style.TextSize);
                if (plot.Colours is { Name.Length: > 0 } colours) yield return Word(chart.Width - 16, plot.Top - 4, Text(colours.Name), "right", "bottom", Style.Muted, Style.SmallSize);
            }
            foreach (var entry in plot.Legend) yield return Word(plot.Left + entry.X + Legend.Swatch, LegendY(entry), Text(entry.Text), "left", "middle", Style.Ink, Style.TextSize);
            if (plot.IsEmpty) yield return Word((plot.Left + plot.Right) / 2, (plot.Top + plot.Bottom) / 2, "no data", "center", "middle", Style.Muted, Style.TextSize);
            // Plotly draws every point: what the caption says of the static drawing's thinning is left out.
            var caption = TextLines.Wrap(Footnotes.Text(chart, 0), Style.TextSize, chart.Width - 32, most: 8);
            if (caption.Count > 0) yield return Word(16, plot.FigureBottom - 4, Lines(caption), "left", "top", Style.Muted, Style.TextSize);
            foreach (var name in EndNames.Of(plot)) yield return Word(plot.Right + 6, name.Y, Text(name.Text), "left", "middle", Style.TextColour(name.Series), Style.TextSize, bold: true);
            foreach (var label in plot.IsEmpty ? [] : ReferenceLabel.Of(plot))
                yield return label.Line.Vertical
                    ? Beside(chart.X, label.Line.Value, "x", null, label.X - plot.X.Map(label.Line.Value), plot.Top - label.Y - 4, label.Text, label.Anchor == "end" ? "right" : "left")
                    : Beside(chart.Y, null, "y", label.Line.Value, 0, plot.Y.Map(label.Line.Value) - label.Y - 4, label.Text, label.Anchor == "end" ? "right" : "left");
            foreach (var label in PointLabels.Of(plot))
            {
                var points = (PointSeries)chart.Series[label.Series];
                double x = points.X[label.Point], y = points.Y[label.Point];
                yield return At(x, y, label.X - plot.X.Map(x), plot.Y.Map(y) - label.Y - 3, label.Text, Style.TextColour(label.Series));
            }
            foreach (var note in chart.Notes.Where(n => chart.X.Shows(n.X) && chart.Y.Shows(n.Y))) yield return At(note.X, note.Y, 6, 4, note.Text, Style.Ink);
        }

        public IEnumerable<JsonNode> References()
        {
            foreach (var line in chart.References.Where(l => (l.Vertical ? chart.X : chart.Y).Shows(l.Value)))
            {
                string x = Axis("x", index), y = Axis("y", index);
                yield return line.Vertical ? Shape("line", x, line.Value, line.Value, y + " domain", 0, 1, Style.Muted, 1.25, line.Origin)
                    : Shape("line", x + " domain", 0, 1, y, line.Value, line.Value, Style.Muted, 1.25, line.Origin);
            }
        }

        /// <summary>The dashed outlines of bars that were not measured.</summary>
        public IEnumerable<JsonNode> Outlines() =>
            from s in Enumerable.Range(0, chart.Series.Length)
            where chart.Series[s] is BarSeries { Origin.IsMeasured: false }
            let standing = PlotlyTraces.Standing(plot, s)
            from i in Enumerable.Range(0, chart.Labels.Length)
            let value = ((BarSeries)chart.Series[s]).Values[i]
            where chart.Y.Shows(value)
            let half = standing.Width * PlotlyTraces.BarPart / 2
            select Shape("rect", Axis("x", index), standing.Places[i] - half, standing.Places[i] + half, Axis("y", index), plot.Y.Start, value, Style.Colour(s), 1.5, chart.Series[s].Origin);

        /// <summary>The legend's samples of strokes. It is drawn as the SVG has it: Plotly's own takes as many rows as it likes.</summary>
        public IEnumerable<JsonNode> Samples()
        {
            foreach (var entry in plot.Legend)
            {
                double x = plot.Left + entry.X, y = LegendY(entry);
                var series = chart.Series[entry.Series];
                var colour = Style.Colour(entry.Series);
                if (series is LineSeries) yield return Shape("line", "paper", Across(x), Across(x + 20), "paper", Up(y), Up(y), colour, 2.25, series.Origin);
                var (left, size) = series is LineSeries or PointSeries ? (x + 6, 8) : (x + 6, 12);
                if (series is LineSeries { X.Length: > Style.MostMarkers }) continue;
                var sample = Shape(size == 8 ? "circle" : "rect", "paper", Across(left), Across(left + size), "paper", Up(y + size / 2), Up(y - size / 2), colour, series.Origin.IsMeasured ? 0 : 1.5, series.Origin);
                sample["fillcolor"] = series.Origin.IsMeasured ? colour : Style.Background;
                if (size == 8) sample["line"]!["dash"] = "solid";
                yield return sample;
            }
        }

        double LegendY(LegendEntry entry) => plot.LegendTop + entry.Row * Legend.RowHeight + 6;

        static JsonObject Shape(string type, string xref, double x0, double x1, string yref, double y0, double y1, string colour, double width, Origin origin) => new()
        {
            ["type"] = type, ["xref"] = xref, ["x0"] = x0, ["x1"] = x1, ["yref"] = yref, ["y0"] = y0, ["y1"] = y1,
            ["line"] = new JsonObject { ["color"] = colour, ["width"] = width, ["dash"] = origin.PlotlyDash },
        };

        /// <summary>Words at a place of the drawing, in pixels of the chart.</summary>
        JsonObject Word(double x, double y, string text, string across, string up, string colour, double size, bool bold = false)
        {
            var font = new JsonObject { ["color"] = colour, ["size"] = size };
            if (bold) font["weight"] = 600;
            return new()
            {
                ["text"] = text, ["x"] = Across(x), ["y"] = Up(y), ["xref"] = "paper", ["yref"] = "paper", ["xanchor"] = across, ["yanchor"] = up, ["align"] = across, ["showarrow"] = false, ["font"] = font,
                ["borderpad"] = 0,
            };
        }

        /// <summary>Words that stay with a point when a reader zooms; a shift in pixels to the right and up.</summary>
        JsonObject At(double x, double y, double right, double up, string text, string colour) => new()
        {
            ["text"] = Text(text), ["x"] = Unit(chart.X, x), ["y"] = Unit(chart.Y, y), ["xref"] = Axis("x", index), ["yref"] = Axis("y", index), ["xanchor"] = "left", ["yanchor"] = "bottom",
            ["xshift"] = right, ["yshift"] = up, ["showarrow"] = false, ["borderpad"] = 0, ["font"] = new JsonObject { ["color"] = colour, ["size"] = Style.SmallSize },
        };

        /// <summary>Words that stay with a reference line.</summary>
        JsonObject Beside(Axis axis, double? x, string own, double? y, double right, double up, string text, string anchor)
        {
            var node = At(x ?? 1, y ?? 1, right, up, text, Style.Muted);
            (node["x"], node["y"]) = (x is { } given ? Unit(axis, given) : anchor == "left" ? 0 : 1, y is { } height ? Unit(axis, height) : 1);
            if (own == "x") (node["yref"], node["yanchor"]) = (Axis("y", index) + " domain", "middle");
            else node["xref"] = Axis("x", index) + " domain";
            node["xanchor"] = anchor;
            return node;
        }

        // An annotation on a logarithmic axis takes the logarithm.
        static double Unit(Axis axis, double value) => axis.Log ? Math.Log10(value) : value;
    }
}
