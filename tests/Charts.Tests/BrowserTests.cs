// The gallery in a real browser: Plotly draws every chart with the points it should have and nothing fails; live charts renew themselves in
// place, sliders slide, tables sort. Skipped where there is no Chromium or no plotly.js (src/Charts/plotly.sh).

using System.Diagnostics;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Charts.Tests;

public class BrowserTests
{
    static readonly string? Browser = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .SelectMany(folder => new[] { "chromium", "chromium-headless-shell", "chromium-browser", "google-chrome" }.Select(name => Path.Combine(folder, name))).FirstOrDefault(File.Exists);

    // Collects what goes wrong; then, once everything is drawn or ten seconds have passed, runs `look` and leaves only its report in the page.
    const string Before = """
        <script>
        const wrong = [];
        addEventListener("error", event => wrong.push(event.message));
        addEventListener("unhandledrejection", event => wrong.push(String(event.reason)));
        console.error = (...words) => wrong.push(words.join(" "));
        console.warn = console.error;
        </script>
        """;

    const string After = """
        <script>
        function report(tries) {
          const figures = [...document.querySelectorAll(".wb-figure")];
          if (tries > 0 && !figures.every(f => f.classList.contains("wb-drawn"))) return setTimeout(report, 100, tries - 1);
          setTimeout(async () => {
            const found = await look();
            document.documentElement.innerHTML = "<body><pre id=report></pre></body>";
            document.getElementById("report").textContent = JSON.stringify({ found, wrong });
          }, 500);
        }
        report(100);
        </script>
        """;

    static JsonElement Visit(string page, string look)
    {
        Assert.SkipUnless(Browser is not null, "no Chromium here");
        Assert.SkipUnless(Plotly.IsThere, "no plotly.js here: src/Charts/plotly.sh fetches it");
        var folder = Directory.CreateTempSubdirectory("charts-").FullName;
        try
        {
            var file = Path.Combine(folder, "page.html");
            File.WriteAllText(file, page.Replace("</head>", Before + "</head>").Replace("</body>", $"<script>{look}</script>{After}</body>"));
            var start = new ProcessStartInfo(Browser!) { RedirectStandardOutput = true, RedirectStandardError = true };
            foreach (var argument in new[] { "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", $"--user-data-dir={folder}/profile", "--window-size=1100,900", "--virtual-time-budget=30000", "--dump-dom", "file://" + file })
                start.ArgumentList.Add(argument);
            using var browser = Process.Start(start)!;
            browser.ErrorDataReceived += (_, _) => { };
            browser.BeginErrorReadLine();
            var dom = browser.StandardOutput.ReadToEndAsync();
            if (!browser.WaitForExit(TimeSpan.FromSeconds(120)))
            {
                browser.Kill(entireProcessTree: true);
                Assert.Fail("the browser did not end within two minutes");
            }
            var report = Regex.Match(dom.Result, "<pre id=\"report\">(.*?)</pre>", RegexOptions.Singleline);
            Assert.True(report.Success, "the page left no report");
            var result = JsonDocument.Parse(WebUtility.HtmlDecode(report.Groups[1].Value)).RootElement;
            Assert.Equal("[]", result.GetProperty("wrong").GetRawText());
            return result.GetProperty("found");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>What the browser should find in the drawing of a chart.</summary>
    static (int Lines, int Points, int Bars, int Boxes, int Images, int Contours) Expected(Chart chart)
    {
        var bins = Bins.Of(chart);
        bool Shown(double x, double y) => chart.X.Shows(x) && chart.Y.Shows(y);
        var lines = chart.Series.OfType<LineSeries>().Select(l => l.X.Zip(l.Y).Count(p => Shown(p.First, p.Second))).ToArray();
        var marked = chart.Series.OfType<LineSeries>().Where(l => l.X.Length <= Style.MostMarkers).Sum(l => l.X.Zip(l.Y).Count(p => Shown(p.First, p.Second)));
        var histograms = chart.Series.OfType<HistogramSeries>().Count();
        return (
            chart.Series.OfType<LineSeries>().Count(l => l.X.Length > 0),
            marked + chart.Series.OfType<PointSeries>().Sum(p => p.X.Zip(p.Y).Count(q => Shown(q.First, q.Second))),
            chart.Series.OfType<BarSeries>().Sum(b => b.Values.Length) + (chart.X.Log ? 0 : histograms * (bins?.Count ?? 0)),
            chart.Series.OfType<BoxSeries>().Sum(b => b.Boxes.Count(box => box is not null)),
            chart.Series.Count(s => s is HeatSeries { Values.Values.IsEmpty: false } or PictureSeries { Pixels.Values.IsEmpty: false }),
            chart.Series.Count(s => s is ContourSeries));
    }

    [Fact]
    public void Plotly_draws_every_chart_with_all_of_its_points()
    {
        var found = Visit(Gallery.Page(plotly: true), """
            async function look() {
              const count = (box, what) => box.querySelectorAll(what).length;
              return Object.fromEntries([...document.querySelectorAll("section")].filter(s => s.querySelector(".wb-live")).map(s => [s.id, {
                scatters: count(s, ".scatterlayer .trace"), points: count(s, ".scatterlayer .points path.point"), bars: count(s, ".barlayer .point > path"), boxes: count(s, ".boxlayer path.box"),
                images: count(s, ".heatmaplayer image"), contours: count(s, ".contourlayer .contour"),
                hidden: getComputedStyle(s.querySelector("picture")).display === "none" }]));
            }
            """);
        foreach (var (name, chart) in Gallery.Charts)
        {
            var (lines, points, bars, boxes, images, contours) = Expected(chart);
            var drawing = found.GetProperty(name);
            int Count(string what) => drawing.GetProperty(what).GetInt32();
            Assert.True(drawing.GetProperty("hidden").GetBoolean(), name);
            var scatters = lines + chart.Series.Count(s => s is PointSeries) + chart.Series.OfType<LineSeries>().Count(l => l.HasBand) + (chart.X.Log ? chart.Series.Count(s => s is HistogramSeries) : 0);
            Assert.Equal((name, scatters, points, bars, boxes, images, contours), (name, Count("scatters"), Count("points"), Count("bars"), Count("boxes"), Count("images"), Count("contours")));
        }
        Assert.Equal(Gallery.Row.Charts.Sum(c => Expected(c).Images), found.GetProperty("row").GetProperty("images").GetInt32());
        Assert.Equal(Gallery.Row.Charts.Sum(c => Expected(c).Bars), found.GetProperty("row").GetProperty("bars").GetInt32());
    }

    [Fact]
    public void What_changes_in_a_page_changes_in_place()
    {
        Chart At(int steps) => Chart.Line(Enumerable.Range(0, steps), Enumerable.Range(0, steps).Select(i => 1.0 / (i + 1)), "loss").XAxis("step").YAxis("loss").Live("training");
        string Literal(string text) => JsonSerializer.Serialize(text);
        var page = $"<!DOCTYPE html><html><head></head><body>{Plotly.Library.ToHtml()}<div id=\"cell\"></div><div id=\"small\" style=\"width:360px\">{Gallery.Training.ToHtml()}</div>"
            + $"<div id=\"slider\">{Gallery.Slider.ToHtml()}</div><div id=\"table\">{Gallery.Table.ToHtml()}</div></body></html>";
        var found = Visit(page, $$"""
            // As notebooks do: the output's content is replaced and its scripts are run.
            function put(html) {
              const cell = document.getElementById("cell");
              cell.innerHTML = html;
              for (const old of cell.querySelectorAll("script")) { const copy = document.createElement("script"); copy.textContent = old.textContent; old.replaceWith(copy); }
            }
            async function look() {
              const wait = () => new Promise(done => setTimeout(done, 600));
              put({{Literal(At(5).ToHtml())}});
              await wait();
              const first = document.querySelector("#cell .wb-live"), before = first.querySelectorAll("path.point").length;
              put({{Literal(At(9).ToHtml())}});
              const atOnce = document.querySelector("#cell .wb-live") === first;
              await wait();
              const after = document.querySelectorAll("#cell path.point").length, one = document.querySelectorAll("#cell .wb-live").length === 1;
              const small = document.querySelector("#small .main-svg").clientWidth;
              const image = document.querySelector("#slider img"), shown = image.src, input = document.querySelector("#slider input");
              input.value = 0;
              input.dispatchEvent(new Event("input"));
              const slid = image.src !== shown && document.querySelector("#slider output").textContent;
              const heads = document.querySelectorAll("#table th"), column = () => [...document.querySelectorAll("#table tbody tr")].map(r => r.cells[0].textContent);
              heads[1].click();
              const down = column();
              heads[1].click();
              const up = column();
              heads[4].click();
              return { before, after, atOnce, one, small, slid, down, up, missing: column() };
            }
            """);
        Assert.Equal(5, found.GetProperty("before").GetInt32());
        Assert.Equal(9, found.GetProperty("after").GetInt32());
        Assert.True(found.GetProperty("atOnce").GetBoolean(), "the drawing was not taken over before the page is painted");
        Assert.True(found.GetProperty("one").GetBoolean());
        Assert.Equal(Canvas.NarrowWidth, found.GetProperty("small").GetInt32());
        Assert.Equal("1", found.GetProperty("slid").GetString());
        Assert.Equal(["full", "LoRA, r = 8", "BitFit"], found.GetProperty("down").EnumerateArray().Select(v => v.GetString()));
        Assert.Equal(["BitFit", "LoRA, r = 8", "full"], found.GetProperty("up").EnumerateArray().Select(v => v.GetString()));
        Assert.Equal("BitFit", found.GetProperty("missing")[2].GetString());
    }
}
