// The record, and its other forms: Plotly's JSON, words, and the convention by which a notebook kernel finds them.

using System.Reflection;
using System.Text.Json;

namespace Charts.Tests;

public class ChartTests
{
    static JsonElement Plotly(Chart chart) => JsonDocument.Parse(chart.ToPlotlyJson()).RootElement;

    [Fact]
    public void Each_method_returns_a_new_chart()
    {
        var chart = Chart.Line([1, 2], [3.0, 4], "a");
        var more = chart.WithLine([1, 2], [5.0, 6], "b").Title("t");
        Assert.Single(chart.Series);
        Assert.Equal("", chart.TitleText);
        Assert.Equal(2, more.Series.Length);
    }

    [Fact]
    public void Numbers_of_any_type_make_a_chart() =>
        Assert.Equal([1.5, 2.5], ((LineSeries)Chart.Line([1L, 2L], [1.5f, 2.5f]).Series[0]).Y);

    [Fact]
    public void A_line_over_its_indices_takes_its_name_for_a_name()      // a string is a sequence of char too, and char is a number
    {
        var chart = Chart.Line([5.0, 6, 7], "abc").WithLine([1.0, 2, 3], "def");
        Assert.Equal(["abc", "def"], chart.Series.Select(line => line.Name));
        Assert.Equal([0.0, 1, 2], ((LineSeries)chart.Series[1]).X);
    }

    [Fact]
    public void Series_that_do_not_fit_are_refused_by_name()
    {
        Assert.Contains("\"a\" has 2 xs but 1 ys", Assert.Throws<ArgumentException>(() => Chart.Line([1, 2], [3.0], "a")).Message);
        Assert.Contains("1 values for 2 labels", Assert.Throws<ArgumentException>(() => Chart.Bar(["x", "y"], [3.0], "b")).Message);
        Assert.Contains("\"c\"", Assert.Throws<InvalidOperationException>(() => Chart.Bar(["x"], [3.0]).WithLine([1], [2.0], "c")).Message);
        Assert.Contains("\"d\"", Assert.Throws<InvalidOperationException>(() => Chart.Line([1], [2.0]).WithBars([1.0], "d")).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => Chart.Line([1], [2.0]).Size(10, 10));
    }

    [Fact]
    public void Plotly_gets_data_and_layout()
    {
        var figure = Plotly(Chart.Line([1.0, 2, 3], [10, double.NaN, 1000], "ours").WithLine([1.0], [5.0], "theirs", paper: "Table 1")
            .Title("t").XAxis("step").YAxis("loss", log: true, min: 1, max: 1000).WithReference(100, "limit"));
        var trace = figure.GetProperty("data")[0];
        Assert.Equal("scatter", trace.GetProperty("type").GetString());
        Assert.Equal([JsonValueKind.Number, JsonValueKind.Null, JsonValueKind.Number], trace.GetProperty("y").EnumerateArray().Select(v => v.ValueKind));
        Assert.Equal("dash", figure.GetProperty("data")[1].GetProperty("line").GetProperty("dash").GetString());
        Assert.EndsWith("-open", figure.GetProperty("data")[1].GetProperty("marker").GetProperty("symbol").GetString());
        var layout = figure.GetProperty("layout");
        Assert.Contains("t", layout.GetProperty("annotations").EnumerateArray().Select(a => a.GetProperty("text").GetString()));
        Assert.Equal("log", layout.GetProperty("yaxis").GetProperty("type").GetString());
        Assert.Equal([0.0, 3.0], layout.GetProperty("yaxis").GetProperty("range").EnumerateArray().Select(v => v.GetDouble()));
        Assert.Equal(100, layout.GetProperty("shapes")[0].GetProperty("y0").GetDouble());
        Assert.Equal(2.0, layout.GetProperty("annotations").EnumerateArray().Single(a => a.GetProperty("text").GetString() == "limit").GetProperty("y").GetDouble());
    }

    [Fact]
    public void Plotly_gets_grouped_bars_and_no_markup()
    {
        var figure = Plotly(Chart.Bar(["<a>", "b"], [1.0, 2], "x & y").WithBars([3.0, 4], "z"));
        Assert.Equal("&lt;a&gt;", figure.GetProperty("layout").GetProperty("xaxis").GetProperty("ticktext")[0].GetString());
        double[] Places(int trace) => [.. figure.GetProperty("data")[trace].GetProperty("x").EnumerateArray().Select(v => v.GetDouble())];
        Assert.All(Places(0).Zip(Places(1)), pair => Assert.True(pair.Second - pair.First >= figure.GetProperty("data")[0].GetProperty("width").GetDouble()));      // side by side
        Assert.Equal("x &amp; y", figure.GetProperty("data")[0].GetProperty("name").GetString());
    }

    [Fact]
    public void Words_give_each_series_ends() =>
        Assert.Equal("loss\n  LoRA: 4 at 0 … 2.5 at 20\n  before: 5", Chart.Line([0, 10, 20], [4, 3, 2.5], "LoRA").WithReference(5, "before").Title("loss").ToString());

    [Theory]
    [InlineData(typeof(Chart), "application/vnd.plotly.v1+json,text/html,image/svg+xml,text/plain")]
    [InlineData(typeof(ChartRow), "application/vnd.plotly.v1+json,text/html,image/svg+xml,text/plain")]
    [InlineData(typeof(Slider), "text/html,image/svg+xml,text/plain")]
    [InlineData(typeof(ProgressLine), "text/html,text/plain")]
    [InlineData(typeof(Table), "text/html,text/markdown,text/csv,text/plain", "text/html,text/plain")]
    public void A_kernel_finds_the_formatters_by_convention(Type type, string mimeTypes, string? preferred = null)
    {
        var chart = Chart.Line([1], [2.0], "s");
        object value = new object[] { chart, ChartRow.Of(chart), Chart.Slider("k", [1, 2], _ => chart), new ProgressLine("work", 1, 2, TimeSpan.FromSeconds(3), ""), Table.Of([new { A = 1 }]) }.Single(v => v.GetType() == type);
        var attribute = type.GetCustomAttributes().Single(a => a.GetType().Name == "TypeFormatterSourceAttribute");
        var source = Activator.CreateInstance((Type)Property(attribute, "FormatterSourceType")!)!;
        Assert.Equal((preferred ?? mimeTypes).Split(','), (string[])Property(attribute, "PreferredMimeTypes")!);
        var formatters = (IEnumerable<object>)source.GetType().GetMethod("CreateTypeFormatters")!.Invoke(source, null)!;
        Assert.Equal(mimeTypes.Split(','), formatters.Select(f => (string)Property(f, "MimeType")!));
        foreach (var formatter in formatters)
        {
            var writer = new StringWriter();
            var format = formatter.GetType().GetMethods().Single(m => m.Name == "Format");
            Assert.True((bool)format.Invoke(formatter, [value, writer])!);
            Assert.NotEmpty(writer.ToString());
            Assert.False((bool)format.Invoke(formatter, ["something else", writer])!);
        }

        static object? Property(object target, string name) => target.GetType().GetProperty(name)!.GetValue(target);
    }

    [Fact]
    public void A_claim_that_fails_stops_with_its_words()
    {
        Check.That(true, "two is two");
        Assert.Contains("two is three", Assert.Throws<ClaimFailedException>(() => Check.That(false, "two is three")).Message);
    }
}
