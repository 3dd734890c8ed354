// The gallery against its reference pictures, byte for byte. After a wanted change of the look, run these tests with CHARTS_ACCEPT=1, look at
// what changed in Pictures/, and commit it.

using System.Xml.Linq;

namespace Charts.Tests;

public class PictureTests
{
    public static TheoryData<string> Names => [.. Gallery.Charts.Select(c => c.Name), "row", "slider"];

    static string Draw(string name) => name switch
    {
        "row" => Gallery.Row.ToSvg(), "slider" => Gallery.Slider.ToSvg(), _ => Gallery.Charts.Single(c => c.Name == name).Chart.ToSvg(),
    };

    [Theory, MemberData(nameof(Names))]
    public void A_chart_looks_as_its_reference_does(string name)
    {
        var drawn = Draw(name);
        if (Environment.GetEnvironmentVariable("CHARTS_ACCEPT") == "1")
        {
            var source = Path.Combine(Sources(), "tests", "Charts.Tests", "Pictures");
            Directory.CreateDirectory(source);
            File.WriteAllText(Path.Combine(source, name + ".svg"), drawn);
            return;
        }
        var path = Path.Combine(AppContext.BaseDirectory, "Pictures", name + ".svg");
        Assert.True(File.Exists(path), $"There is no reference picture {name}.svg: make it with CHARTS_ACCEPT=1.");
        Assert.Equal(File.ReadAllText(path), drawn);
    }

    [Theory, MemberData(nameof(Names))]
    public void Every_word_stands_inside_the_drawing(string name)
    {
        var canvas = name == "row" ? Canvas.Of(Gallery.Row) : name == "slider" ? Canvas.Of(Gallery.Slider.Frames[0]) : Canvas.Of(Gallery.Charts.Single(c => c.Name == name).Chart);
        foreach (var drawing in new[] { canvas, canvas.Narrow() })
            foreach (var (plot, _, _) in drawing.Charts)
                AllInside(XDocument.Parse(SvgChart.Render(Canvas.Of(plot.Chart))).Root!, plot.Chart.Width, plot.Height);
    }

    // By the same estimate of widths as the layout's, which is above the truth for the fonts in use.
    static void AllInside(XElement drawing, double width, double height)
    {
        XNamespace svg = "http://www.w3.org/2000/svg";
        foreach (var text in drawing.Descendants(svg + "text"))
        {
            double Number(string attribute) => double.Parse(text.Attribute(attribute)!.Value, System.Globalization.CultureInfo.InvariantCulture);
            double x = Number("x"), wide = Style.TextWidth(text.Value, Number("font-size"), text.Attribute("font-weight") is not null);
            var left = text.Attribute("text-anchor")!.Value switch { "end" => x - wide * (text.Attribute("transform") is null ? 1 : 0.82), "middle" => x - wide / 2, _ => x };
            Assert.True(left >= -1, $"\"{text.Value}\" begins at {left:0}");
            if (text.Attribute("transform") is null) Assert.True(left + wide <= width + 1, $"\"{text.Value}\" ends at {left + wide:0} of {width}");
            Assert.InRange(Number("y"), 8, height);
        }
    }

    static string Sources()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Workbook.sln"))) folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("No checkout above the tests.");
        return folder;
    }
}
