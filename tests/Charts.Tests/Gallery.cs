// One of each kind of chart, in the shapes that data take: what the reference pictures and the browser test draw.

namespace Charts.Tests;

static class Gallery
{
    static readonly double[] Steps = [.. Enumerable.Range(0, 41).Select(i => i * 5.0)];

    static double[] Curve(double from, double to, double speed, double wave = 0) => [.. Steps.Select(s => to + (from - to) * Math.Exp(-s / speed) + wave * Math.Sin(s / 6))];

    /// <summary>Numbers that look random and are the same on every machine.</summary>
    static double[] Noise(int count, uint seed)
    {
        var state = seed;
        double Next() => (state = state * 1664525 + 1013904223) / (double)uint.MaxValue;
        return [.. Enumerable.Range(0, count).Select(_ => Next() + Next() + Next() + Next() - 2)];
    }

    static double[,] Matrix(int rows, int columns, Func<int, int, double> value)
    {
        var matrix = new double[rows, columns];
        for (var i = 0; i < rows; i++)
            for (var j = 0; j < columns; j++) matrix[i, j] = value(i, j);
        return matrix;
    }

    static Chart Shirt(double tone) => Chart.Picture(Matrix(28, 28, (i, j) =>
        i is > 3 and < 25 && (Math.Abs(j - 13.5) < 7 || (i < 11 && Math.Abs(j - 13.5) < 13 - i * 0.3)) ? tone + 6 * ((i * 7 + j * 3) % 10) : 0));

    public static Chart Training => Chart.Line(Steps, Curve(4.2, 3.1, 40, 0.03), "full fine-tuning").WithLine(Steps, Curve(4.2, 3.25, 55, 0.03), "LoRA, r = 8")
        .Title("Both learn, one of them with a fraction of the weights").XAxis("step").YAxis("training loss, nats a token").WithReference(4.2, "before");

    public static IReadOnlyList<(string Name, Chart Chart)> Charts { get; } =
    [
        ("line", Training),
        ("line-band", new Chart().WithRuns(Steps, [Curve(4.2, 3.1, 40, 0.06), Curve(4.3, 3.0, 45, -0.05), Curve(4.1, 3.2, 38, 0.08)], "LoRA")
            .WithRuns(Steps, [Curve(4.2, 3.4, 60, 0.05), Curve(4.25, 3.5, 70, -0.05)], "BitFit").Title("Seeds differ less than methods").XAxis("step").YAxis("loss, nats")),
        ("line-evidence", Chart.Line([1, 2, 4, 8, 64], [70.1, 71.0, 71.8, 71.9, 72.0], "here").WithLine([1, 2, 4, 8, 64], [73.4, 73.3, 73.7, 73.8, 73.5], "GPT-3", paper: "LoRA paper, Table 6")
            .WithLine([1, 2, 4, 8, 64], [69.0, 70.0, 71.0, 72.0, 75.0], "more is better", guess: true).XAxis("rank", log: true, ticks: [1, 2, 4, 8, 64]).YAxis("accuracy, %").Title("Rank matters little")),
        ("line-gaps", Chart.Line([1.0, 2, 3, 4, 5, 6, 7, 8], [1, 2, double.NaN, 4, 3.5, double.PositiveInfinity, 2, double.NaN], "with gaps").WithBand([0.5, 1.5, 2, 3, 2.5, 2, 1, 1], [1.5, 2.5, 4, 5, double.NaN, 4, 3, 3], "two deviations")
            .Title("A gap breaks a line and its band").XAxis("x").YAxis("y")),
        ("line-log", Chart.Line([1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2], [61, 48, 37.2, 31.0, 33, 120.0], "LoRA").WithLine([1e-4, 3e-4, 1e-3, 3e-3, 1e-2], [35, 29, 24.1, 40, 900.0], "full")
            .XAxis("learning rate", log: true).YAxis("perplexity", log: true).Title("Each method has a learning rate of its own").WithVertical(1e-3, "full's best").WithVertical(3e-3, "LoRA's best")),
        ("line-huge", Chart.Line([1, 2, 3, 4], [1.2e12, 3.5e11, -2e11, 9e11], "bytes").WithReference(0, "nothing").Title("Huge and negative").XAxis("n").YAxis("bytes")),
        ("line-tiny", Chart.Line([0, 1e-6, 2e-6], [1e-9, -2e-9, 3e-9], "residual").Title("Tiny").XAxis("ε").YAxis("error")),
        ("line-one", Chart.Line([3.0], [5.0], "one point").Title("One point").XAxis("x").YAxis("y")),
        ("line-empty", Chart.Line(Array.Empty<double>(), Array.Empty<double>(), "nothing").Title("No data yet").XAxis("step").YAxis("loss")),
        ("line-twelve", Enumerable.Range(1, 12).Aggregate(new Chart(), (c, k) => c.WithLine(Enumerable.Range(0, 9), Enumerable.Range(0, 9).Select(x => Math.Exp(-x * k / 14.0)), $"decay {k}"))
            .Title("Twelve series").XAxis("x").YAxis("e^(−kx/14)")),
        ("line-long-names", Chart.Line([1, 2, 3], [1.0, 2, 3], "the adapter on every linear layer of the model, trained with a high learning rate").WithLine([1, 2, 3], [3.0, 2, 1], "short")
            .Title("A title so long that it has to be broken, since no one can read a line of text that leaves the page at its right edge, and even then it must end somewhere before it fills the figure and nothing else can be seen")
            .XAxis("an axis with a long explanation of what is on it, how it was counted and why that is the right way to count it here, in one sentence").YAxis("a vertical axis with a long explanation of what is on it, how it was counted and why that is the right way")
            .Caption("A caption may be long: it says how to read the figure, which data it is from, and what to take away. It is broken into lines of the figure's width, and it never covers the axis above it.")),
        ("line-limits", Chart.Line([0, 1, 2, 3, 4, 5], [0.0, 8, 2, -6, 3, 4], "cut").XAxis("x", min: 1, max: 4).YAxis("y", min: -2, max: 5).Title("Given limits cut a line off on every side")),
        ("scatter", Chart.Scatter([0.1, 0.4, 2.4, 0.05, 0.3, 0.11], [31.2, 29.0, 24.1, 35.0, 30.9, 30.4], "measured", labels: ["LoRA r = 8", "LoRA r = 32", "full", "BitFit", "MoRA", "DoRA r = 8"])
            .WithScatter([0.02, 1.1], [38.0, 26], "reported", ["VeRA", "adapter"], paper: "VeRA paper, Table 2").XAxis("trained parameters, millions", log: true).YAxis("perplexity").Title("What a parameter buys")),
        ("scatter-many", Chart.Scatter(Noise(1500, 1), Noise(1500, 2).Zip(Noise(1500, 1), (a, b) => a * 0.5 + b), "weights").WithLine([-2, 2], [-2, 2], "identity").XAxis("w").YAxis("w after training").Title("1,500 weights").WithNote(-1.2, 1.2, "grew")),
        ("bar", Chart.Bar(["before", "everything trains", "the linear layers train, fully", "LoRA, r = 8"], [71.9, 24.1, 28.4, 31.0]).Title("How much of the gap is the embedding's?").YAxis("test perplexity")),
        ("bar-groups", Chart.Bar(["food", "animal"], [71.9, 65.3], "no adapter").WithBars([31.0, 60.2], "food adapter").WithBars([66.0, 28.3], "animal adapter").WithBars([35.0, 30], "both", paper: "a paper, Table 1")
            .Title("Each adapter knows its own trade").YAxis("test perplexity")),
        ("bar-hard", Chart.Bar(["q_proj", "k_proj", "v_proj", "o_proj", "q_proj, v_proj", "gate_proj, up_proj, down_proj", "all seven of them", "none"], [-3.0, 4, double.NaN, 12, 0, 15.5, 1e-4, 7]).Title("Negative, missing, and long names").YAxis("gain")),
        ("bar-log", Chart.Bar(["LoRA", "full", "none"], [1e5, 2.4e6, 0]).YAxis("trained parameters", log: true).Title("On a logarithmic axis")),
        ("bar-empty", Chart.Bar([], Array.Empty<double>()).Title("No bars").YAxis("y")),
        ("box", Chart.Box(["LoRA", "DoRA", "full", "none"], [Noise(60, 3), Noise(200, 4).Select(x => x * 0.6 + 0.4), [1.0], []], "seeds").Title("Spread over seeds").YAxis("gain, points")),
        ("box-groups", Chart.Box(["r = 1", "r = 8", "r = 64"], [Noise(30, 5), Noise(30, 6), Noise(30, 7)], "LoRA").WithBoxes([Noise(30, 8).Select(x => x + 1), Noise(30, 9).Select(x => x + 1), Noise(30, 10).Select(x => x + 1)], "DoRA")
            .Title("Two methods").YAxis("gain, points")),
        ("histogram", Chart.Histogram(Noise(4000, 11), "weights", density: true).WithLine(Enumerable.Range(-25, 51).Select(i => i / 10.0), Enumerable.Range(-25, 51).Select(i => Math.Exp(-i * i / 200.0 * 3) * 0.69), "normal")
            .WithVertical(-1, "level").WithVertical(1, "level").Title("Weights are nearly normal").XAxis("w").YAxis("density")),
        ("histogram-two", Chart.Histogram(Noise(2000, 12), "A").WithHistogram(Noise(2000, 13).Select(x => x * 0.5 + 1).Append(double.NaN), "B").Title("Two sets of numbers").XAxis("value").YAxis("how many")),
        ("histogram-log", Chart.Histogram(Noise(3000, 14).Select(x => Math.Exp(2 * x)), "singular values").XAxis("σ", log: true).YAxis("how many").Title("Over three decades")),
        ("histogram-one", Chart.Histogram([5.0, 5, 5], "same").Title("All the same").XAxis("value").YAxis("how many")),
        ("heat", Chart.HeatMap(Matrix(4, 8, (i, j) => Math.Cos(i - j * 0.5) / (1 + i)), ["1", "2", "3", "4"], name: "φ").Title("Subspaces overlap").XAxis("directions of r = 8").YAxis("directions of r = 4").Size(560, 300)),
        ("heat-large", Chart.HeatMap(Matrix(64, 64, (i, j) => i == j ? double.NaN : Math.Exp(-Math.Abs(i - j) / 12.0)), name: "|ΔW|").Title("A band matrix, its diagonal missing").XAxis("in").YAxis("out").Size(520, 460)),
        ("heat-names", Chart.HeatMap(Matrix(3, 5, (i, j) => 1234.5 * (i + 1) * (j + 1)), ["embedding", "attention of layer 3", "down_proj"], ["magnitude", "direction", "rank", "a name too long for its column", "norm"], "size").Title("Names on both sides").Size(640, 300)),
        ("heat-empty", Chart.HeatMap(new double[0, 0]).Title("No numbers")),
        ("contour", Chart.Contour(Enumerable.Range(0, 41).Select(i => -2 + i / 10.0), Enumerable.Range(0, 41).Select(i => -1 + i / 10.0), (x, y) => Math.Log10(1 + 10 * Math.Pow(y - x * x, 2) + Math.Pow(1 - x, 2)), "log loss")
            .WithLine([-1.5, -1, -0.5, 0, 0.6, 1], [2.6, 1.6, 0.5, 0.1, 0.4, 1], "descent").Title("Down the valley").XAxis("a").YAxis("b").Size(560, 460)),
        ("contour-saddle", Chart.Contour(Enumerable.Range(0, 21), Enumerable.Range(0, 21), (x, y) => x is > 8 and < 12 && y is > 8 and < 12 ? double.NaN : (x - 10) * (y - 10), "xy").Title("A saddle with a hole").XAxis("x").YAxis("y").Size(520, 420)),
        ("picture", Shirt(120).Title("A shirt")),
    ];

    public static ChartRow Row { get; } = ChartRow.Of(
        Training.Title("Here").Size(300, 260), Charts[2].Chart.Title("There").Size(340, 260), Charts[14].Chart.Title("Bars").Size(360, 260),
        Charts[25].Chart.Title("Heat").Size(320, 260), Shirt(80).Title("shirt"), Shirt(200).Title("brighter")).Wrap(3);

    public static Slider Slider { get; } = Chart.Slider("rank", [1, 2, 4, 8], r => Chart.HeatMap(Matrix(16, 16, (i, j) => Enumerable.Range(1, r).Sum(k => Math.Sin(i * k * 0.4) * Math.Cos(j * k * 0.3) / k)), name: "W")
        .Title("Built from few directions").Size(420, 400), chosen: 4);

    public static Table Table { get; } = Table.Of(
        new[] { (Method: "full", Trained: 2_400_000L, Bytes: 9.6e6, Seconds: 0.25, Perplexity: 24.1), ("LoRA, r = 8", 110_592L, 442_368, 0.11, 31.04), ("BitFit", 4_608L, 18_432, 0.09, double.NaN) },
        ("method", r => r.Method), ("trained", r => r.Trained), ("checkpoint", r => Quantity.Bytes(r.Bytes)), ("a step", r => Quantity.Seconds(r.Seconds)), ("perplexity", r => r.Perplexity))
        .Caption("Two CPU cores.");

    /// <summary>Everything on one page, as a notebook's outputs would be.</summary>
    public static string Page(bool plotly)
    {
        var figures = Charts.Select(c => (c.Name, Html: c.Chart.ToHtml())).Append(("row", Row.ToHtml())).Append(("slider", Slider.ToHtml())).Append(("table", Table.ToHtml()));
        var body = string.Concat(figures.Select(f => $"<section id=\"{f.Item1}\">{f.Item2}</section>\n"));
        return "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Gallery</title>"
            + "<style>:root{color-scheme:light dark}body{margin:8px;font-family:system-ui,sans-serif;background:light-dark(#fff,#14181c);color:light-dark(#111,#ddd)}section{margin-bottom:24px}</style></head><body>\n"
            + (plotly ? Plotly.Library.ToHtml() : "") + body + "</body></html>\n";
    }
}
