// Every rung of the 4-bit kernels, and the 8-bit search, against their definitions, bit for bit.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Quantization;

public sealed unsafe class QuantizationKernelTests
{
    private static readonly FourBitTable[] Tables = [FourBitTable.Nf4, FourBitTable.Fp4];

    private static IEnumerable<CpuRung> Rungs => Enum.GetValues<CpuRung>().Where(rung => rung <= FourBitKernels.Best);

    /// <summary>Numbers where codes change: boundaries and their neighbours, the values, zeros of both signs, subnormals, beyond ±1.</summary>
    private static float[] Edges(IEnumerable<float> boundaries, IEnumerable<float> values)
    {
        var points = boundaries.Where(float.IsFinite).Concat(values).SelectMany(p => new[] { p, MathF.BitIncrement(p), MathF.BitDecrement(p), -p })
            .Concat([0, -0f, float.Epsilon, -float.Epsilon, 1e-38f, -1e-38f, 1.0000001f, -1.0000001f]);
        var random = new Random(3);
        return [.. points, .. Enumerable.Range(0, 4001).Select(_ => (float)(random.NextDouble() * 2 - 1)), .. Enumerable.Range(0, 1000).Select(_ => (float)Math.Pow(10, -9 * random.NextDouble()))];
    }

    private static int NearestByDistance(FourBitTable table, float x)
    {
        // Exact distances: the rule of midpoints in float32 agrees but for the rounding of the midpoint itself.
        var order = table.Order;
        var best = order[0];
        foreach (var code in order)
            if (Math.Abs((double)x - table.Values[code]) < Math.Abs((double)x - table.Values[best])) best = code;
        return best;
    }

    [Fact]
    public void ACodeIsTheNearestValues()
    {
        foreach (var table in Tables)
            foreach (var x in Edges([], table.Values))
            {
                var midpoint = table.Boundaries.Where(float.IsFinite).Min(b => Math.Abs((double)b - x));
                if (midpoint > 1e-7) Assert.Equal(table.Values[NearestByDistance(table, x)], table.Values[FourBitKernels.Code(table, x)]);
            }
        for (var i = 0; i < 15; i++)
        {
            var boundary = FourBitTable.Nf4.Boundaries[i];                       // a tie goes down
            Assert.Equal((i, i + 1), (FourBitKernels.Code(FourBitTable.Nf4, boundary), FourBitKernels.Code(FourBitTable.Nf4, MathF.BitIncrement(boundary))));
        }
    }

    [Theory]
    [InlineData(32), InlineData(64), InlineData(4096), InlineData(2), InlineData(30), InlineData(38), InlineData(5070)]
    public void EveryRungQuantizesAlike(int count)
    {
        foreach (var table in Tables)
        {
            var source = Edges(table.Boundaries, table.Values);
            for (var offset = 0; offset + count <= source.Length; offset += Math.Max(count, 999))
                foreach (var factor in new[] { 1f, 0.37f, 1e-30f })
                {
                    var expected = Enumerable.Range(0, count / 2).Select(i => (byte)(FourBitKernels.Code(table, source[offset + 2 * i] * factor) << 4
                        | FourBitKernels.Code(table, source[offset + 2 * i + 1] * factor))).ToArray();
                    foreach (var rung in Rungs)
                    {
                        var codes = new byte[count / 2 + 1];
                        codes[^1] = 0xcd;
                        fixed (float* x = source)
                        fixed (byte* to = codes) FourBitKernels.Quantize(table, x + offset, count, factor, to, rung);
                        Assert.True(codes.AsSpan(0, count / 2).SequenceEqual(expected), $"{table.Name}, {rung}");
                        Assert.Equal(0xcd, codes[^1]);                            // and writes nothing behind them
                    }
                }
        }
    }

    [Fact]
    public void EveryRungDequantizesAlikeWhereverItStartsAndEnds()
    {
        var codes = new byte[64];
        new Random(5).NextBytes(codes);
        foreach (var table in Tables)
            foreach (var absMax in new[] { 0.731f, 1e-38f, 3e38f, 0 })
                for (var skip = 0; skip < 40; skip += skip < 4 ? 1 : 7)
                    foreach (var count in new[] { 0, 1, 2, 7, 16, 31, 32, 33, 64, 128 - skip })
                    {
                        if (skip + count > 128) continue;
                        var expected = Enumerable.Range(skip, count).Select(i => table.Values[i % 2 == 0 ? codes[i / 2] >> 4 : codes[i / 2] & 15] * absMax).ToArray();
                        foreach (var rung in Rungs)
                        {
                            var values = new float[count + 1];
                            values[count] = 7;
                            fixed (byte* from = codes)
                            fixed (float* to = values) FourBitKernels.Dequantize(table, from, skip, count, absMax, to, rung);
                            Assert.Equal(expected, values[..count]);
                            Assert.Equal(7, values[count]);
                        }
                    }
    }

    [Fact]
    public void EveryRungFindsTheLargestMagnitudeAndWhatIsNotFinite()
    {
        var random = new Random(9);
        foreach (var count in new[] { 1, 5, 31, 32, 33, 64, 100, 4096 })
            for (var place = 0; place < count; place += Math.Max(1, count / 9))
                foreach (var special in new[] { -123f, 0, float.Epsilon, float.NaN, float.NegativeInfinity, -float.NaN })
                {
                    var values = Enumerable.Range(0, count).Select(_ => special == float.Epsilon ? -0f : (float)random.NextDouble() - 0.5f).ToArray();
                    values[place] = special;
                    var expected = values.Max(v => BitConverter.SingleToInt32Bits(v) & int.MaxValue);
                    foreach (var rung in Rungs)
                        fixed (float* x = values)
                        {
                            var bits = FourBitKernels.AbsMaxBits(x, count, rung);
                            Assert.Equal(expected, bits);
                            Assert.Equal(!float.IsFinite(special), bits >= LowRank.Blocks.NotFinite);
                        }
                }
    }

    [Fact]
    public void TheEightBitSearchIsTheNearestOfAllValues()
    {
        foreach (var table in new[] { EightBitTable.Dynamic, EightBitTable.DynamicUnsigned })
        {
            var edges = Edges(table.Boundaries, table.Values);
            Assert.True(edges.Length > 1000);
            foreach (var x in edges) Assert.Equal(table.Nearest(x), table.Code(x));
            foreach (var full in new[] { true, false })
                foreach (var rung in Rungs)
                {
                    var (fast, slow) = (new byte[edges.Length], new byte[edges.Length]);
                    fixed (float* x = edges)
                    fixed (byte* a = fast, b = slow)
                        Assert.Equal(EightBitKernels.Quantize(table, x, edges.Length, 0.9f, full, ScalarType.Float32, a, rung),
                            EightBitKernels.Quantize(table, x, edges.Length, 0.9f, full, ScalarType.Float32, b, rung, distances: true));
                    Assert.Equal(slow, fast);
                }
        }
    }

    [Fact]
    public void EveryRungLooksEightBitsUpAlike()
    {
        var codes = Enumerable.Range(0, 256).Concat(Enumerable.Range(0, 173).Select(i => 255 - i * 7 % 256)).Select(i => (byte)i).ToArray();
        foreach (var table in new[] { EightBitTable.Dynamic, EightBitTable.DynamicUnsigned })
            foreach (var absMax in new[] { 0.731f, 1e-38f, 3e38f, 0 })
                foreach (var count in new[] { 0, 1, 7, 8, 63, 64, 65, 256, codes.Length })
                    foreach (var rung in Rungs)
                    {
                        var values = new float[count + 1];
                        values[count] = 7;
                        fixed (byte* from = codes)
                        fixed (float* to = values) EightBitKernels.Dequantize(table, from, count, absMax, to, rung);
                        Assert.Equal([.. codes.Take(count).Select(code => table.Values[code] * absMax), 7], values);
                    }
    }

    /// <summary>Every number of float16 comes back, and what lies between goes to its nearest, to the even one from the middle.</summary>
    [Fact]
    public void EveryRungRoundsToHalfAlike()
    {
        var points = Enumerable.Range(0, 0x7c00).Select(bits => (float)BitConverter.Int16BitsToHalf((short)bits)).ToArray();
        float[] source = [.. points.Concat(points.Zip(points.Skip(1)).SelectMany(p => new[] { (p.First + p.Second) / 2, MathF.BitIncrement((p.First + p.Second) / 2), MathF.BitDecrement((p.First + p.Second) / 2) }))
            .SelectMany(p => new[] { p, -p })];
        foreach (var rung in Rungs)
        {
            var rounded = new float[source.Length];
            fixed (float* x = source, to = rounded) Int8RowKernels.RoundToHalf(x, source.Length, to, rung);
            for (var i = 0; i < source.Length; i++)
                if (rounded[i] != (float)(Half)source[i]) Assert.Fail($"{rung}: {source[i]:R} became {rounded[i]:R}");
            foreach (var beyond in new[] { 65520f, -65520f, 1e30f, float.MaxValue })
            {
                var (from, result) = (Enumerable.Repeat(beyond, 20).ToArray(), new float[20]);
                fixed (float* x = from, to = result) Int8RowKernels.RoundToHalf(x, 20, to, rung);
                Assert.All(result, r => Assert.True(Math.Abs(r) > 65504));
            }
        }
    }

    [Fact]
    public void EveryRungCodesRowsOfInt8Alike()
    {
        var source = Edges([], [0.5f, 1.5f / 127, 2.5f / 127, -3.5f / 127]);
        foreach (var absMax in new[] { 1f, 1.0000001f, 0.73f, 0 })
            foreach (var count in new[] { 1, 15, 16, 31, 32, 33, 100, source.Length })
                foreach (var rung in Rungs)
                {
                    var x = source[..count].Select(v => Math.Clamp(v, -absMax, absMax)).ToArray();
                    var (codes, back) = (new sbyte[count + 1], new float[count + 1]);
                    (codes[count], back[count]) = (55, 55);
                    fixed (float* from = x, to = back)
                    fixed (sbyte* c = codes)
                    {
                        Int8RowKernels.Quantize(from, count, absMax, c, rung);
                        Int8RowKernels.Dequantize(c, count, 0.37f, to, rung);
                    }
                    var factor = absMax == 0 ? 0 : 127 / absMax;
                    Assert.Equal([.. x.Select(v => (sbyte)MathF.Round(v * factor)), 55], codes);
                    Assert.Equal([.. codes.Take(count).Select(code => code * 0.37f), 55], back);
                }
    }

    [Fact]
    public void EveryRungCodesGroupsAlike()
    {
        var random = new Random(7);
        foreach (var count in new[] { 1, 2, 7, 8, 15, 16, 17, 32, 40, 100 })
            foreach (var first in new[] { 0, 3, 32 })
                foreach (var shift in new[] { 0f, 5, -2e-3f })
                {
                    var x = Enumerable.Range(0, count).Select(_ => (float)random.NextDouble() + shift).ToArray();
                    var seen = new List<(float, float, byte[], float[])>();
                    foreach (var rung in Rungs)
                    {
                        var (row, back) = (new byte[80], new float[count + 1]);
                        back[count] = 7;
                        float scale, zero;
                        fixed (float* from = x, to = back)
                        fixed (byte* codes = row)
                        {
                            (scale, zero) = GroupInt4Kernels.Range(from, count, rung);
                            GroupInt4Kernels.Quantize(from, first, count, scale, zero, codes, rung);
                            GroupInt4Kernels.Dequantize(codes, first, count, scale, zero, to, rung);
                        }
                        Assert.Equal(7, back[count]);
                        Assert.All(x.Zip(back), pair => Assert.True(Math.Abs(pair.First - pair.Second) <= 0.501f * scale + 1e-6f * Math.Abs(pair.First)));
                        seen.Add((scale, zero, row, back));
                        Assert.Equal(seen[0].Item1, scale);
                        Assert.Equal(seen[0].Item2, zero);
                        Assert.Equal(seen[0].Item3, row);
                        Assert.Equal(seen[0].Item4, back);
                    }
                }
    }
}
