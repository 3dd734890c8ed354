using System.Text.Json;
using Charts;

namespace Benchmarks;

/// <summary>Drawing charts of 10,000 numbers, beside writing the same numbers as JSON.</summary>
internal static class Drawing
{
    private const int Count = 10_000;

    public static void Run(Results results, int rounds)
    {
        var random = new Random(1);
        double[] x = [.. Enumerable.Range(0, Count)], y = [.. x.Select(i => Math.Sin(i / 300) + 0.1 * random.NextDouble())];
        var square = new double[100, 100];
        for (var i = 0; i < Count; i++) square[i / 100, i % 100] = y[i];
        (string Name, Chart Chart)[] charts =
        [
            ("line", Chart.Line(x, y, "loss")), ("scatter", Chart.Scatter(y, x)), ("histogram", Chart.Histogram(y)), ("box", Chart.Box(["a"], [y])),
            ("heat map", Chart.HeatMap(square)), ("contours", Chart.Contour(x.Take(100), x.Take(100), square)),
        ];
        var table = results.Table("draw", $"Drawing {Count:N0} numbers", "chart", "SVG, ms", "of writing them as JSON", "SVG, KB", "Plotly's figure, ms", "for a page, ms");
        foreach (var (name, chart) in charts)
        {
            var (json, svg, figure, page) = (new List<double>(), new List<double>(), new List<double>(), new List<double>());
            for (var round = 0; round < rounds + 2; round++)
            {
                json.Add(Machine.Once(() => JsonSerializer.Serialize(y)));
                svg.Add(Machine.Once(() => chart.ToSvg()));
                figure.Add(Machine.Once(() => chart.ToPlotlyJson()));
                page.Add(Machine.Once(() => chart.ToHtml()));
            }
            double Median(List<double> times) => Machine.Median(times.Skip(2));
            table.Add(name, Median(svg), Median(svg) / Median(json), chart.ToSvg().Length / 1000.0, Median(figure), Median(page));
        }
    }
}
