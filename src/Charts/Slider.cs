// A chart for each of several values, and a slider between them. All frames are in the page: no kernel has to run, no network is needed.

using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text.Json;

namespace Charts;

public sealed partial record Chart
{
    /// <summary>A chart for each value of something, chosen with a slider in the page itself.</summary>
    /// <param name="name">What changes: "rank".</param>
    /// <param name="values">Its values in order, at least one.</param>
    /// <param name="chart">Draws one of them.</param>
    /// <param name="chosen">The value shown first, and in formats that cannot slide; by default the first.</param>
    /// <param name="shared">Whether all frames get the same limits, so that the axes stand still.</param>
    /// <exception cref="ArgumentException">No values, or <paramref name="chosen"/> is none of them.</exception>
    public static Slider Slider<T>(string name, IEnumerable<T> values, Func<T, Chart> chart, T? chosen = default, bool shared = true)
    {
        T[] all = [.. values];
        if (all.Length == 0) throw new ArgumentException($"""The slider "{name}" has no values.""");
        // A `chosen` that was not given is the default of its type, which may be one of the values too.
        var unset = chosen is null || EqualityComparer<T>.Default.Equals(chosen, default);
        var at = unset ? Math.Max(0, Array.IndexOf(all, chosen)) : Array.IndexOf(all, chosen);
        if (at < 0) throw new ArgumentException($"""The slider "{name}" starts at {chosen}, which is none of its values.""");
        ImmutableArray<Chart> frames = [.. all.Select(chart)];
        return new(name, [.. all.Select(Word)], shared ? SharedLimits.Of(frames) : frames, at);

        static string Word(T value) => value is IFormattable number ? number.ToString(null, CultureInfo.InvariantCulture) : value?.ToString() ?? "";
    }
}

/// <summary>Frames between which a slider chooses; <paramref name="Chosen"/> is the index of the one shown first.</summary>
[TypeFormatterSource(typeof(SliderFormatters), PreferredMimeTypes = [Mime.Html, Mime.Svg, Mime.Plain])]
public sealed record Slider(string Name, ImmutableArray<string> Values, ImmutableArray<Chart> Frames, int Chosen)
{
    /// <summary>The chosen frame, its value in the title.</summary>
    public string ToSvg() => SvgChart.Render(Canvas.Of(Titled(Chosen)));

    /// <summary>The frames side by side, for paper.</summary>
    public ChartRow ToRow(int columns = 3) => new([.. Enumerable.Range(0, Frames.Length).Select(Titled)], columns);

    /// <summary>The slider for a web page; without scripts, the chosen frame.</summary>
    public string ToHtml()
    {
        Canvas[] canvases = [.. Frames.Select(Canvas.Of)], narrow = [.. canvases.Select(c => c.Narrow())];
        var id = "wb-" + Guid.NewGuid().ToString("n")[..12];
        var label = WebUtility.HtmlEncode(Name);
        var frames = JsonSerializer.Serialize(new { values = Values, frames = canvases.Select(SvgChart.Render), narrow = narrow.Select(SvgChart.Render), width = canvases[Chosen].Width, chosen = Chosen });
        return $"""
            <div class="wb-slider" id="{id}"><label style="display:flex;gap:.6em;align-items:center;max-width:{canvases[Chosen].Width:0}px;font-family:{Style.Font}">
            <span>{label}</span><input type="range" min="0" max="{Frames.Length - 1}" step="1" value="{Chosen}" style="flex:1;min-width:8em" aria-label="{label}"><output style="min-width:3.5em;font-weight:600">{WebUtility.HtmlEncode(Values[Chosen])}</output></label>
            {ChartHtml.Picture(canvases[Chosen])}</div><script>{ChartHtml.Resource("slider.js")}workbookSlider("{id}",{frames});</script>
            """;
    }

    /// <summary>Its values, and the chosen chart in words.</summary>
    public override string ToString() => $"{Name}: {string.Join(", ", Values)}\n{Titled(Chosen)}";

    Chart Titled(int frame)
    {
        var value = $"{Name} = {Values[frame]}";
        return Frames[frame] with { TitleText = Frames[frame].TitleText.Length > 0 ? $"{Frames[frame].TitleText} ({value})" : value };
    }
}
