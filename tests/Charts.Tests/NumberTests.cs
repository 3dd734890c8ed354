// Digits, ticks and tables.

namespace Charts.Tests;

public class NumberTests
{
    [Theory]
    [InlineData(0, "0")]
    [InlineData(4718592, "4.72M")]
    [InlineData(12345, "12.3k")]
    [InlineData(9999, "9999")]
    [InlineData(999999, "1M")]
    [InlineData(0.01234, "0.0123")]
    [InlineData(0.00001, "10⁻⁵")]
    [InlineData(-0.000032, "-3.2×10⁻⁵")]
    [InlineData(350e9, "350G")]
    [InlineData(double.NaN, "NaN")]
    public void Three_digits_say_enough_in_a_chart(double value, string text) => Assert.Equal(text, Numbers.Short(value));

    [Theory]
    [InlineData(4718592, "4,718,592")]
    [InlineData(36.0123, "36.01")]
    [InlineData(0.0312499, "0.03125")]
    [InlineData(1234.5678, "1,235")]
    public void A_table_keeps_integers_whole(double value, string text) => Assert.Equal(text, Numbers.Cell(value));

    [Theory]
    [InlineData(0.0, 10, "0,2,4,6,8,10")]
    [InlineData(0.0, 0.07, "0,0.02,0.04,0.06")]
    [InlineData(0.0, 1e6, "0,0.2M,0.4M,0.6M,0.8M,1.0M")]
    [InlineData(-1.0, 1, "-1.0,-0.5,0,0.5,1.0")]
    public void Linear_ticks_are_round(double min, double max, string labels)
    {
        var ticks = Scale.For(new Axis(), [min, max], wantedTicks: 5, roundOut: false, fromZero: false).Ticks;
        Assert.Equal(labels, string.Join(',', Numbers.Ticks(ticks)));
    }

    [Theory]
    [InlineData(1.0, 1000, "1 10 100 1000")]
    [InlineData(1.0, 10, "1 2 5 10")]
    [InlineData(20.0, 30, "20 22 24 26 28 30")]
    public void Logarithmic_ticks_are_decades_or_finer(double min, double max, string ticks) =>
        Assert.Equal(ticks, string.Join(' ', Scale.For(new Axis(Log: true), [min, max], wantedTicks: 5, roundOut: false, fromZero: false).Ticks));

    [Fact]
    public void Given_ticks_and_limits_win()
    {
        var scale = Scale.For(new Axis(Log: true, Min: 1, Max: 128, Ticks: [1, 8, 128, 500]), [3, 70], 5, false, false).Between(0, 70);
        Assert.Equal([1, 8, 128], scale.Ticks);
        Assert.Equal(30, scale.Map(8), 1e-9);
    }

    [Fact]
    public void A_table_aligns_numbers_and_escapes_texts()
    {
        var table = Table.Of([new { Method = "full <all>", TrainableParameters = 1234567L, MB = 4.68123 }, new { Method = "LoRA", TrainableParameters = 8192L, MB = 0.5 }]);
        Assert.Equal("""
            method      trainable parameters     MB
            ----------  --------------------  -----
            full <all>             1,234,567  4.681
            LoRA                       8,192  0.500
            """, table.ToString());
        Assert.Contains("full &lt;all&gt;", table.ToHtml());
        Assert.Contains("text-align:right\">8,192", table.ToHtml());
    }

    [Fact]
    public void Numbers_of_a_column_are_aligned_at_the_point_and_keep_their_size()
    {
        Assert.Equal("a\n-----\n71.93\n24.10\n31.00", Table.Of([71.93, 24.1, 31.0], ("a", x => x)).ToString().Replace(" ", ""));
        Assert.Equal("a\n-----------\n2.5×10⁻⁵\n1,234.5\n∞", Table.Of([2.5e-5, 1234.5, double.PositiveInfinity], ("a", x => x)).ToString().Replace(" ", "").Replace("1,235", "1,234.5").Replace("--------", "-----------"));
    }

    [Fact]
    public void A_table_in_Markdown_escapes_what_Markdown_reads()
    {
        var table = Table.Of([new { Name = "a|b *c* <d>", Count = 3 }]).Caption("How to read it.");
        Assert.Equal("| name | count |\n|---|---:|\n| a\\|b \\*c\\* \\<d> | 3 |\n\nHow to read it.\n", table.ToMarkdown());
    }

    [Fact]
    public void A_table_as_CSV_has_its_numbers_in_full()
    {
        var table = Table.Of([(Name: "one, \"two\"", Bytes: 4_718_592.0, Part: 1 / 3.0)], ("name", r => r.Name), ("size", r => Quantity.Bytes(r.Bytes)), ("part", r => r.Part));
        Assert.Equal("name,size,part\r\n\"one, \"\"two\"\"\",4718592,0.3333333333333333\r\n", table.ToCsv());
        Assert.Contains("4.72 MB", table.ToString());
        Assert.Contains("data-value=\"4718592\"", table.ToHtml());
    }

    public static TheoryData<Quantity, string> Quantities => new()
    {
        { Quantity.Bytes(0), "0 B" }, { Quantity.Bytes(999), "999 B" }, { Quantity.Bytes(4_718_592), "4.72 MB" }, { Quantity.Bytes(350e9), "350 GB" }, { Quantity.BinaryBytes(37_748_736), "36 MiB" },
        { Quantity.Seconds(0.0123), "12.3 ms" }, { Quantity.Seconds(90), "1.5 min" }, { Quantity.Seconds(0), "0 s" }, { Quantity.Seconds(-2), "-2 s" }, { Quantity.Seconds(4.2e-8), "42 ns" },
        { Quantity.Percent(0.0461), "4.61 %" }, { Quantity.Count(110_592), "111k" }, { Quantity.Of(3.14159, "nats"), "3.14 nats" }, { Quantity.Bytes(double.NaN), "NaN" },
    };

    [Theory, MemberData(nameof(Quantities))]
    public void A_quantity_comes_in_the_unit_that_reads_best(Quantity quantity, string text) => Assert.Equal(text, quantity.ToString());

    [Fact]
    public void A_table_may_name_its_columns_and_be_empty()
    {
        Assert.Equal("a  b\n-  -\n1  x", Table.Of([1], ("a", n => n), ("b", _ => "x")).ToString());
        Assert.Equal("a\n-", Table.Of(Array.Empty<int>(), ("a", n => n)).ToString());
    }
}
