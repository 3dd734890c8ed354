// Each kind of chart: the numbers behind the drawing, and what it refuses.

using System.Buffers.Binary;
using System.IO.Compression;
using System.Text.Json;
using System.Xml.Linq;

namespace Charts.Tests;

public class KindTests
{
    static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    static XElement Draw(Chart chart) => XDocument.Parse(chart.ToSvg()).Root!;

    static string[] Texts(Chart chart) => [.. Draw(chart).Descendants(Svg + "text").Select(t => t.Value)];

    [Fact]
    public void A_box_has_the_quartiles_of_linear_interpolation_and_Tukeys_whiskers()
    {
        var box = BoxSummary.Of([7, 1, 2, 3, 4, 5, 6, 30, double.NaN, double.PositiveInfinity])!;
        Assert.Equal((2.75, 4.5, 6.25), (box.LowerQuartile, box.Median, box.UpperQuartile));
        Assert.Equal((1, 7), (box.LowerWhisker, box.UpperWhisker));             // 6.25 + 1.5 · 3.5 = 11.5
        Assert.Equal([30.0], box.Outliers);
        Assert.Equal(8, box.Count);
        Assert.Null(BoxSummary.Of([double.NaN]));
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(10, false)]
    [InlineData(5000, false)]
    [InlineData(5000, true)]
    public void Bins_hold_every_number_once(int count, bool log)
    {
        double[] values = [.. Enumerable.Range(1, count).Select(i => Math.Exp(Math.Sin(i) * 3))];
        var chart = Chart.Histogram(values, "v").XAxis("v", log: log);
        var bins = Bins.Of(chart)!;
        Assert.True(bins.Edges[0] <= values.Min() && bins.Edges[^1] >= values.Max() * (1 - 1e-12));
        Assert.All(bins.Edges.Zip(bins.Edges.Skip(1)), pair => Assert.True(pair.Second > pair.First));
        Assert.InRange(bins.Count, 1, 82);
        var series = (HistogramSeries)chart.Series[0];
        Assert.Equal(count, bins.Heights(series, density: false).Sum());
        Assert.Equal(1, bins.Heights(series, density: true).Select((h, i) => h * (bins.Edges[i + 1] - bins.Edges[i])).Sum(), 1e-9);
    }

    [Fact]
    public void As_many_bins_as_asked_for()
    {
        var bins = Bins.Of(Chart.Histogram([0.0, 1, 2, 10], bins: 5))!;
        Assert.Equal([0, 2, 4, 6, 8, 10], bins.Edges);
        Assert.Equal([2.0, 1, 0, 0, 1], bins.Heights((HistogramSeries)Chart.Histogram([0.0, 1, 2, 10]).Series[0], density: false));
        Assert.Throws<ArgumentOutOfRangeException>(() => Chart.Histogram([1.0], bins: 0));
    }

    // The area inside the rings of a level is that of the region where the function is higher.
    [Theory]
    [InlineData(0.25)]
    [InlineData(0.5)]
    [InlineData(0.9)]
    public void Contour_rings_enclose_what_is_higher(double level)
    {
        const int n = 121;
        var values = new double[n, n];
        for (var i = 0; i < n; i++)
            for (var j = 0; j < n; j++) values[i, j] = 1 - (Math.Pow(i - 60, 2) + Math.Pow(j - 60, 2)) / 3600.0;      // a dome: above the level, a disc
        double[] places = [.. Enumerable.Range(0, n).Select(i => (double)i)];
        var rings = ContourRings.Of(Grid.Of(values), places, places, level);
        Assert.Single(rings);
        Assert.Equal(Math.PI * 3600 * (1 - level), Math.Abs(Area(rings[0])), 12.0);
    }

    [Fact]
    public void A_hole_in_a_contour_winds_the_other_way_and_missing_numbers_are_holes()
    {
        double[] places = [0, 1, 2, 3, 4, 5, 6];
        var values = new double[7, 7];
        for (var i = 0; i < 7; i++)
            for (var j = 0; j < 7; j++) values[i, j] = i == 3 && j == 3 ? double.NaN : 1;
        var rings = ContourRings.Of(Grid.Of(values), places, places, 0.5);
        Assert.Equal(2, rings.Count);
        Assert.True(Area(rings[0]) * Area(rings[1]) < 0);
        Assert.Equal(36 - 2, Math.Abs(rings.Sum(Area)), 1e-9);                    // the square less the diamond around the hole
        Assert.Empty(ContourRings.Of(Grid.Of(values), places, places, 2));
    }

    [Fact]
    public void Saddles_close_their_rings()
    {
        double[] places = [0, 1, 2, 3];
        var rings = ContourRings.Of(Grid.Of(new double[,] { { 1, 0, 1, 0 }, { 0, 1, 0, 1 }, { 1, 0, 1, 0 }, { 0, 1, 0, 1 } }), places, places, 0.6);
        Assert.Equal(8, rings.Count);                                             // apart: each high corner alone
        var joined = ContourRings.Of(Grid.Of(new double[,] { { 1, 0, 1, 0 }, { 0, 1, 0, 1 }, { 1, 0, 1, 0 }, { 0, 1, 0, 1 } }), places, places, 0.4);
        Assert.NotEmpty(joined);
        Assert.True(Math.Abs(joined.Sum(Area)) > Math.Abs(rings.Sum(Area)));
    }

    static double Area(List<(double X, double Y)> ring) =>
        Enumerable.Range(0, ring.Count).Sum(i => ring[i].X * ring[(i + 1) % ring.Count].Y - ring[(i + 1) % ring.Count].X * ring[i].Y) / 2;

    [Fact]
    public void Positions_of_contours_must_rise_and_fit()
    {
        Assert.Contains("must rise", Assert.Throws<ArgumentException>(() => Chart.Contour([1, 1], [1, 2], new double[2, 2])).Message);
        Assert.Contains("2 × 2", Assert.Throws<ArgumentException>(() => Chart.Contour([1, 2, 3], [1, 2], new double[2, 2])).Message);
    }

    [Fact]
    public void A_long_line_keeps_its_extremes_and_says_that_it_is_thinned()
    {
        var y = Enumerable.Range(0, 100_000).Select(i => Math.Sin(i / 1000.0)).ToArray();
        (y[31_337], y[70_001]) = (5, -7);
        var chart = Chart.Line(y, "long").YAxis("y", min: -10, max: 10);
        var drawing = Draw(chart);
        var points = drawing.Descendants(Svg + "polyline").Single().Attribute("points")!.Value.Split(' ')
            .Select(p => double.Parse(p.Split(',')[1], System.Globalization.CultureInfo.InvariantCulture)).ToArray();
        Assert.InRange(points.Length, 500, 2600);
        var plot = Plot.Of(chart);
        Assert.Equal(plot.Y.Map(5), points.Min(), 0.06);
        Assert.Equal(plot.Y.Map(-7), points.Max(), 0.06);
        Assert.Contains(Texts(chart), t => t.StartsWith("Drawn from 100,000 points", StringComparison.Ordinal));
        var figure = JsonDocument.Parse(chart.ToPlotlyJson()).RootElement;
        Assert.Equal(100_000, figure.GetProperty("data")[0].GetProperty("y").GetArrayLength());
        Assert.DoesNotContain("Drawn from", chart.ToPlotlyJson());
        Assert.DoesNotContain(Texts(Chart.Line(y.Take(500))), t => t.Contains("Drawn from"));
    }

    [Fact]
    public void A_crowded_scatter_draws_what_shows_once()
    {
        double[] same = [.. Enumerable.Repeat(1.0, 9000)];
        var drawing = Draw(Chart.Scatter(same.Append(2), same.Append(2)));
        Assert.Equal(2, drawing.Descendants(Svg + "path").Single().Attribute("d")!.Value.Count(c => c == 'M'));
    }

    [Fact]
    public void A_band_needs_a_line_of_its_length()
    {
        Assert.Contains("needs a line", Assert.Throws<InvalidOperationException>(() => new Chart().WithBand([1.0], [2.0], "b")).Message);
        Assert.Contains("1 and 2 values around the 1 points", Assert.Throws<ArgumentException>(() => Chart.Line([1.0]).WithBand([1.0], [2.0, 3], "b")).Message);
        var runs = new Chart().WithRuns([1, 2], [[1.0, 5], [3.0, 7]], "m");
        var line = (LineSeries)runs.Series[0];
        Assert.Equal([2.0, 6], line.Y);
        Assert.Equal([1.0, 5], line.Low);
        Assert.Equal([3.0, 7], line.High);
        Assert.Contains("Band: lowest to highest of 2 runs.", Texts(runs));
    }

    [Fact]
    public void Evidence_shows_in_strokes_names_and_below()
    {
        var chart = Chart.Line([1.0, 2], [1.0, 2], "ours").WithLine([1.0, 2], [2.0, 3], "theirs", paper: "Table 6").WithLine([1.0, 2], [3.0, 4], "hope", guess: true);
        var lines = Draw(chart).Descendants(Svg + "polyline").Select(l => l.Attribute("stroke-dasharray")?.Value).ToArray();
        Assert.Null(lines[0]);
        Assert.Equal(3, lines.Distinct().Count());
        Assert.Superset(new HashSet<string> { "ours", "theirs (paper)", "hope (guess)", "Dashed: Table 6. Dotted: a guess." }, Texts(chart).ToHashSet());
        Assert.Contains("(paper: Table 6)", chart.ToString());
        Assert.Contains("not both", Assert.Throws<ArgumentException>(() => Chart.Line([1.0], "x", paper: "T", guess: true)).Message);
    }

    [Fact]
    public void Kinds_that_do_not_fit_are_refused_by_name()
    {
        Assert.Contains("The scatter \"s\"", Assert.Throws<InvalidOperationException>(() => Chart.Bar(["a"], [1.0]).WithScatter([1], [1.0], "s")).Message);
        Assert.Contains("The boxes \"b\"", Assert.Throws<InvalidOperationException>(() => Chart.Line([1.0]).WithBoxes([[1.0]], "b")).Message);
        Assert.Contains("The line \"l\"", Assert.Throws<InvalidOperationException>(() => Chart.HeatMap(new double[1, 1]).WithLine([1.0], "l")).Message);
        Assert.Contains("2 labels", Assert.Throws<ArgumentException>(() => Chart.Scatter([1], [1.0], labels: ["a", "b"])).Message);
        Assert.Contains("2 rows but 1 labels", Assert.Throws<ArgumentException>(() => Chart.HeatMap(new double[2, 1], rows: ["a"])).Message);
        Assert.Contains("Row 1 has 1 numbers", Assert.Throws<ArgumentException>(() => Chart.HeatMap([[1.0, 2], [3.0]])).Message);
        Assert.Contains("no whole rows of 28", Assert.Throws<ArgumentException>(() => Chart.Picture(new byte[100], 28)).Message);
        Assert.Contains("categories", Assert.Throws<InvalidOperationException>(() => Chart.Bar(["a"], [1.0]).WithVertical(1, "v")).Message);
        Assert.Throws<ArgumentException>(() => Chart.HeatMap(new double[1, 1]).Colours(1, 1));
    }

    [Fact]
    public void A_picture_holds_its_pixels()
    {
        byte[] pixels = [0, 51, 102, 153, 204, 255];
        var (width, height, values) = Decode(Draw(Chart.Picture(pixels, 3)).Descendants(Svg + "image").Single().Attribute("href")!.Value);
        Assert.Equal((3, 2), (width, height));
        Assert.Equal(pixels, values);
        Assert.Equal([.. pixels.Select(p => (byte)(255 - p))], Decode(Draw(Chart.Picture(pixels, 3, inverted: true)).Descendants(Svg + "image").Single().Attribute("href")!.Value).Pixels);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 3)]
    [InlineData(256, 300)]                                                        // more than one stored block
    public void A_png_is_one(int width, int height)
    {
        byte[] pixels = [.. Enumerable.Range(0, width * height).Select(i => (byte)(i * 7))];
        var (w, h, values) = Decode("," + Png.Encode(pixels, width, height, Palette.Sequential.Table()));
        Assert.Equal((width, height), (w, h));
        Assert.Equal(pixels, values);
    }

    /// <summary>An independent reading: chunks, their checks, zlib with its own sum.</summary>
    static (int Width, int Height, byte[] Pixels) Decode(string uri)
    {
        var file = Convert.FromBase64String(uri[(uri.IndexOf(',') + 1)..]).AsSpan();
        Assert.Equal([137, 80, 78, 71, 13, 10, 26, 10], file[..8].ToArray());
        int width = 0, height = 0;
        var data = Array.Empty<byte>();
        for (var at = 8; at < file.Length;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(file[at..]);
            var body = file.Slice(at + 4, length + 4).ToArray();
            Assert.Equal(BinaryPrimitives.ReadUInt32BigEndian(file[(at + 8 + length)..]), Crc(body));
            if (body[0] == 'I' && body[1] == 'H') (width, height) = (BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(4)), BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(8)));
            if (body[0] == 'I' && body[1] == 'D') data = body[4..];
            at += 12 + length;
        }
        using var plain = new MemoryStream();
        using (var zlib = new ZLibStream(new MemoryStream(data), CompressionMode.Decompress)) zlib.CopyTo(plain);
        return (width, height, [.. plain.ToArray().Chunk(width + 1).SelectMany(row => row.Skip(1))]);
    }

    // The polynomial of ISO 3309, bit by bit from the highest, on reversed bits.
    static uint Crc(byte[] data)
    {
        static uint Reverse(uint value, int bits) => Enumerable.Range(0, bits).Aggregate(0u, (r, i) => r << 1 | (value >> i & 1));
        var crc = uint.MaxValue;
        foreach (var value in data)
        {
            crc ^= Reverse(value, 8) << 24;
            for (var bit = 0; bit < 8; bit++) crc = crc >> 31 != 0 ? crc << 1 ^ 0x04C11DB7 : crc << 1;
        }
        return ~Reverse(crc, 32);
    }

    [Fact]
    public void A_large_matrix_shows_means_and_says_so()
    {
        var chart = Chart.HeatMap(Enumerable.Range(0, 600).Select(i => Enumerable.Range(0, 400).Select(j => (double)(i / 3))));
        var (width, height, _) = Decode(Draw(chart).Descendants(Svg + "image").Last().Attribute("href")!.Value);
        Assert.Equal((134, 200), (width, height));
        Assert.Contains(Texts(chart), t => t.StartsWith("Drawn from 600 × 400 numbers", StringComparison.Ordinal));
    }

    [Fact]
    public void Colours_part_at_zero_where_numbers_have_both_signs()
    {
        var (palette, low, high) = Palette.For(-1, 3);
        Assert.Equal((Palette.Diverging, -3.0, 3.0), (palette, low, high));
        Assert.Equal("#f7f7f7", palette.HexAt(0.5));
        Assert.Equal((Palette.Sequential, 1.0, 3.0), Palette.For(1, 3));
    }

    [Fact]
    public void Shared_axes_have_the_same_limits_and_colours()
    {
        var row = ChartRow.Of(Chart.Line([0, 1], [0.0, 1]), Chart.Line([0, 5], [0.0, 90]), Chart.HeatMap(new double[,] { { 1 } }), Chart.HeatMap(new double[,] { { 7 } })).SharedAxes();
        Assert.Equal((0.0, 5.0, 0.0, 100.0), (row.Charts[0].X.Min, row.Charts[0].X.Max, row.Charts[0].Y.Min, row.Charts[0].Y.Max));
        Assert.Equal(row.Charts[0].Y.Max, row.Charts[1].Y.Max);
        Assert.Equal((1.0, 7.0), row.Charts[2].ColourRange);
        Assert.Equal((1.0, 7.0), row.Charts[3].ColourRange);
    }

    [Fact]
    public void A_row_wider_than_a_page_keeps_its_columns_there()
    {
        var chart = Chart.Bar(["full", "LoRA"], [2.4, 0.1]).Title("t").Size(190, 260);
        var row = Canvas.Of(ChartRow.Of(Enumerable.Repeat(chart, 10)).Wrap(5));
        var page = row.OnPage();
        Assert.Equal(950, row.Width);
        Assert.InRange(page.Width, 700, Canvas.PageWidth);
        Assert.Equal(row.Charts.Select(c => c.Y), page.Charts.Select(c => c.Y));
        Assert.Same(page, page.OnPage());
        Assert.Equal(Canvas.NarrowWidth / 152, page.Narrow().Charts.GroupBy(c => c.Y).First().Count());
    }

    [Fact]
    public void A_slider_holds_every_frame_and_shows_the_chosen_one()
    {
        var slider = Chart.Slider("rank", [1, 4, 16], r => Chart.Line([0, 1], [0.0, r], "σ").Title("spectrum"), chosen: 4);
        Assert.Contains("spectrum (rank = 4)", slider.ToSvg());
        var html = slider.ToHtml();
        Assert.Contains("max=\"2\"", html);
        Assert.Contains("value=\"1\"", html);
        Assert.Equal(slider.Frames[0].Y.Max, slider.Frames[2].Y.Max);              // axes stand still
        Assert.Equal(3, slider.ToRow().Charts.Length);
        Assert.DoesNotMatch("(src|href)=\"http", html);
        Assert.Equal(0, Chart.Slider("k", [0.5, 0.7], _ => Chart.Line([1.0])).Chosen);
        Assert.Throws<ArgumentException>(() => Chart.Slider("k", Array.Empty<int>(), _ => Chart.Line([1.0])));
        Assert.Throws<ArgumentException>(() => Chart.Slider("k", [1, 2], _ => Chart.Line([1.0]), chosen: 3));
    }

    [Fact]
    public void A_page_gets_a_picture_and_a_figure_without_markup_from_texts()
    {
        var html = Chart.Line([1.0, 2], [1.0, 2], "</script><img>").Title("<b> \"quoted\"").ToHtml();
        Assert.Contains("alt=\"&lt;b&gt; &quot;quoted&quot;", html);
        Assert.DoesNotContain("</script><img>", html);
        Assert.Equal(Plotly.IsThere, html.Contains("workbookChart("));
        Assert.DoesNotMatch("(src|href)=\"http", html);
        Assert.Equal(Plotly.IsThere, Plotly.Library.ToHtml().Length > 0);
    }
}
