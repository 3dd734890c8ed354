using Workbook.Formatting;

namespace Workbook.Tests;

public sealed class FormatterTests
{
    [Fact]
    public void TextIsPlain() => Assert.Equal(new MimeBundle { [MimeBundle.Plain] = "<a>" }, Formatter.Format("<a>"));

    [Theory]
    [InlineData("a\nb\n", "a\nb\n")]
    [InlineData("\r1 of 3\r2 of 3\r3 of 3\nnext", "3 of 3\nnext")]
    [InlineData("long line\rshort", "short")]
    [InlineData("windows\r\nlines\r\n", "windows\nlines\n")]
    [InlineData("\r\r", "")]
    public void OfALineThatRenewedItselfTheLastStateStays(string written, string settled) => Assert.Equal(settled, TerminalText.Settled(written));

    [Theory]
    [InlineData(1.5, "1.5")]
    [InlineData(true, "True")]
    [InlineData(null, "null")]
    [InlineData(DayOfWeek.Friday, "Friday")]
    [InlineData('<', "&lt;")]
    public void AScalarIsPreformatted(object? value, string text) =>
        Assert.Equal($"<div class=\"dni-plaintext\"><pre>{text}</pre></div>", Formatter.Format(value)[MimeBundle.Html]);

    record Row(int Rank, string Name);

    [Fact]
    public void ASequenceOfObjectsIsATable()
    {
        var bundle = Formatter.Format(new[] { new Row(1, "a<b"), new Row(20, "c") });
        Assert.Equal("<table><thead><tr><th>index</th><th>Rank</th><th>Name</th></tr></thead><tbody>"
            + "<tr><td>0</td><td>1</td><td>a&lt;b</td></tr><tr><td>1</td><td>20</td><td>c</td></tr></tbody></table>", bundle[MimeBundle.Html]);
        Assert.Equal("index  Rank  Name\n    0     1  a<b\n    1    20  c", bundle[MimeBundle.Plain]);
        Assert.Equal("index,Rank,Name\n0,1,a<b\n1,20,c\n", Formatter.Format(new[] { new Row(1, "a<b"), new Row(20, "c") }, "text/csv")["text/csv"]);
    }

    [Fact]
    public void ALongSequenceSaysHowManyAreLeft()
    {
        var bundle = Formatter.Format(Enumerable.Range(0, 250).Select(i => new Row(i, "x")));
        Assert.Contains("… 150 more", bundle[MimeBundle.Html]);
        Assert.DoesNotContain("<td>100</td>", bundle[MimeBundle.Html]);
    }

    [Fact]
    public void ADictionaryHasKeysAndValues() =>
        Assert.Equal("key  value\na        1", Formatter.Format(new Dictionary<string, int> { ["a"] = 1 })[MimeBundle.Plain]);

    [Fact]
    public void AnObjectIsAPropertyTable()
    {
        var bundle = Formatter.Format(new { Loss = 0.5, Tags = new[] { "a", "b" } });
        Assert.Contains("<tr><td>Loss</td><td>0.5</td></tr><tr><td>Tags</td><td>[a, b]</td></tr>", bundle[MimeBundle.Html]);
        Assert.Equal("(anonymous)\n  Loss  0.5\n  Tags  [a, b]", bundle[MimeBundle.Plain]);
    }

    [Fact]
    public void TuplesAndNumbersAreOnALine()
    {
        Assert.Equal("(1, x)", Formatter.Format((1, "x"))[MimeBundle.Plain]);
        Assert.Equal("[1, 2.5]", Formatter.Format(new[] { 1, 2.5 })[MimeBundle.Plain]);
    }

    class Throwing
    {
        public int Good => 1;
        public int Bad => throw new InvalidOperationException("no");
    }

    [Fact]
    public void AGetterThatThrowsShowsWhatItThrew() =>
        Assert.Equal("Throwing\n  Good  1\n  Bad   InvalidOperationException: no", Formatter.Format(new Throwing())[MimeBundle.Plain]);

    [AttributeUsage(AttributeTargets.Class)]
    sealed class TypeFormatterSourceAttribute(Type formatterSourceType) : Attribute
    {
        public Type FormatterSourceType { get; } = formatterSourceType;
        public string[]? PreferredMimeTypes { get; set; }
    }

    public sealed class Source
    {
        public IEnumerable<object> CreateTypeFormatters() => [new Svg(), new Refusing()];
    }

    public sealed class Svg
    {
        public string MimeType => MimeBundle.Svg;
        public bool Format(object instance, TextWriter writer)
        {
            writer.Write("<svg/>");
            return true;
        }
    }

    public sealed class Refusing
    {
        public string MimeType => MimeBundle.Html;
        public bool Format(object instance, TextWriter writer)
        {
            writer.Write("half");
            return false;
        }
    }

    [TypeFormatterSource(typeof(Source), PreferredMimeTypes = [MimeBundle.Svg, MimeBundle.Html])]
    class Figure
    {
        public int Points => 3;
    }

    sealed class Chart : Figure;

    [Fact]
    public void ATypeBringsItsOwnFormatters()
    {
        var bundle = Formatter.Format(new Chart()); // the attribute stands on the base
        Assert.Equal("<svg/>", bundle[MimeBundle.Svg]);
        Assert.Contains("<td>Points</td><td>3</td>", bundle[MimeBundle.Html]); // the formatter refused: the default
        Assert.Contains("Points  3", bundle[MimeBundle.Plain]);
        Assert.Equal("<div><svg/></div>", Formatter.Format(new[] { new Chart() })[MimeBundle.Html]);
    }

    [Fact]
    public void AChartOfTheProjectIsAPicture()
    {
        var chart = typeof(Charts.Chart);
        Assert.NotNull(ConventionFormatters.For(chart));
        Assert.Contains(MimeBundle.Svg, ConventionFormatters.For(chart)!.PreferredMimeTypes);
    }

    [Fact]
    public void JsonTypesAreJsonInTheNotebook()
    {
        var bundle = new MimeBundle { ["application/vnd.plotly.v1+json"] = "{\"data\": []}", [MimeBundle.Plain] = "x" };
        Assert.Equal("{\"data\":[]}", bundle.ToJson()["application/vnd.plotly.v1+json"]!.ToJsonString());
        Assert.Equal(bundle[MimeBundle.Plain], MimeBundle.FromJson(bundle.ToJson())[MimeBundle.Plain]);
    }
}
