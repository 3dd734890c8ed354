// Numbers as a reader wants them: few digits, units of a thousand, the same in every culture.

using System.Globalization;

namespace Charts;

static class Numbers
{
    static readonly CultureInfo Culture = CultureInfo.InvariantCulture;
    static readonly (double Size, string Suffix)[] Thousands = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];

    /// <summary>Three significant digits: 12.3k, 4.72M, 0.0123, 3.2×10⁻⁵.</summary>
    public static string Short(double value) => Shorten(value, 3);

    /// <summary>For a table: integers in full with separators, other numbers with four significant digits.</summary>
    public static string Cell(double value)
    {
        if (!double.IsFinite(value)) return NotFinite(value);
        if (value == Math.Floor(value) && Math.Abs(value) < 1e15) return value.ToString("#,0", Culture);
        var size = Math.Abs(value);
        if (size is < 1e-4 or >= 1e15) return Scientific(value, 4);
        return value.ToString("#,0." + new string('#', Decimals(size, 4)), Culture);
    }

    /// <summary>The labels of evenly spaced ticks, all with the same unit and decimals.</summary>
    public static string[] Ticks(IReadOnlyList<double> ticks)
    {
        if (ticks.Count < 2) return [.. ticks.Select(Short)];
        double step = Enumerable.Range(1, ticks.Count - 1).Min(i => Math.Abs(ticks[i] - ticks[i - 1])), largest = ticks.Max(Math.Abs);
        if (largest is >= 1e15 or < 1e-3 || step < 1e-6) return [.. ticks.Select(Short)];
        var (size, suffix) = largest < 10_000 ? (1, "") : Thousands.First(t => largest >= t.Size);
        var decimals = 0;
        while (decimals < 6 && !IsInteger(step / size * Math.Pow(10, decimals))) decimals++;
        return [.. ticks.Select(t => t == 0 ? "0" : (t / size).ToString("#,0." + new string('0', decimals), Culture) + suffix)];
    }

    static string Shorten(double value, int digits)
    {
        if (!double.IsFinite(value)) return NotFinite(value);
        var size = Math.Abs(value);
        if (size == 0) return "0";
        if (size is < 1e-3 or >= 1e15) return Scientific(value, digits);
        foreach (var (unit, suffix) in Thousands)
            if (unit > 1e3 ? size >= unit * 0.9995 : size >= 9_999.5)
                return (value / unit).ToString("0." + new string('#', Decimals(size / unit, digits)), Culture) + suffix;
        return value.ToString("0." + new string('#', Decimals(size, digits)), Culture);
    }

    static string Scientific(double value, int digits)
    {
        var exponent = (int)Math.Floor(Math.Log10(Math.Abs(value)) + 1e-12);
        var mantissa = (value / Math.Pow(10, exponent)).ToString("0." + new string('#', digits - 1), Culture);
        return (mantissa switch { "1" => "", "-1" => "-", _ => mantissa + "×" }) + "10" + Superscript(exponent);
    }

    static string Superscript(int number) =>
        string.Concat(number.ToString(Culture).Select(c => c == '-' ? '⁻' : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c - '0']));

    static int Decimals(double size, int digits) => Math.Clamp(digits - 1 - (int)Math.Floor(Math.Log10(size)), 0, 12);

    static bool IsInteger(double value) => Math.Abs(value - Math.Round(value)) < 1e-6 * Math.Max(1, Math.Abs(value));

    static string NotFinite(double value) => double.IsNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
}
