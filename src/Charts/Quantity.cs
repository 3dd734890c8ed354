// A number with its unit, in the size that reads best: 4.72 MB, 35.9 MiB, 1:02 min, 12.3 ms, 4.6 %. In a table it is sorted by its value.

using System.Globalization;

namespace Charts;

/// <summary>A number and the unit it is shown in.</summary>
public readonly record struct Quantity : IComparable<Quantity>
{
    static readonly (double Size, string Unit)[] Decimal = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B")];
    static readonly (double Size, string Unit)[] Binary = [(Math.Pow(2, 40), "TiB"), (Math.Pow(2, 30), "GiB"), (Math.Pow(2, 20), "MiB"), (1024, "KiB"), (1, "B")];
    static readonly (double Size, string Unit)[] Times = [(3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")];

    readonly string text;

    Quantity(double value, string text) => (Value, this.text) = (value, text);

    /// <summary>The number itself: bytes, seconds, a part of 1, a count.</summary>
    public double Value { get; }

    /// <summary>Bytes in powers of 1000: "4.72 MB".</summary>
    public static Quantity Bytes(double bytes) => In(bytes, Decimal);

    /// <summary>Bytes in powers of 1024: "4.5 MiB".</summary>
    public static Quantity BinaryBytes(double bytes) => In(bytes, Binary);

    /// <summary>Seconds in the unit that suits: "12.3 ms", "1.5 min".</summary>
    public static Quantity Seconds(double seconds) => In(seconds, Times);

    /// <summary>A part of 1 in per cent: 0.046 is "4.6 %".</summary>
    public static Quantity Percent(double part) => new(part, Numbers.Short(100 * part) + " %");

    /// <summary>A count in thousands, millions, …: "110.6k".</summary>
    public static Quantity Count(double count) => new(count, Numbers.Short(count));

    /// <summary>Any number with a unit after it.</summary>
    public static Quantity Of(double value, string unit) => new(value, $"{Numbers.Short(value)} {unit}");

    /// <inheritdoc/>
    public int CompareTo(Quantity other) => Value.CompareTo(other.Value);

    /// <summary>The number with its unit.</summary>
    public override string ToString() => text ?? "0";

    static Quantity In(double value, (double Size, string Unit)[] units)
    {
        if (!double.IsFinite(value)) return new(value, Numbers.Short(value));
        var (size, unit) = units.FirstOrDefault(u => Math.Abs(value) >= u.Size * 0.9995, value == 0 ? units.MinBy(u => Math.Abs(Math.Log(u.Size))) : units[^1]);
        return new(value, $"{(value / size).ToString("0." + new string('#', Math.Max(0, 2 - (int)Math.Floor(Math.Log10(Math.Max(1, Math.Abs(value / size)))))), CultureInfo.InvariantCulture)} {unit}");
    }
}
