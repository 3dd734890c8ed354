// Numbers in rows and columns.

using System.Collections.Immutable;
using System.Numerics;

namespace Charts;

/// <summary>A matrix, row after row.</summary>
public sealed record Grid(ImmutableArray<double> Values, int Rows, int Columns)
{
    /// <summary>The value in a row and a column, from 0.</summary>
    public double this[int row, int column] => Values[row * Columns + column];

    /// <summary>The matrix of an array [rows, columns].</summary>
    public static Grid Of<T>(T[,] values) where T : INumber<T> =>
        new([.. values.Cast<T>().Select(double.CreateSaturating)], values.GetLength(0), values.GetLength(1));

    /// <summary>The matrix of rows of equal length.</summary>
    /// <exception cref="ArgumentException">The rows differ in length.</exception>
    public static Grid Of<T>(IEnumerable<IEnumerable<T>> rows) where T : INumber<T>
    {
        var lines = rows.Select(row => row.Select(double.CreateSaturating).ToArray()).ToArray();
        var columns = lines.Length == 0 ? 0 : lines[0].Length;
        var odd = Array.FindIndex(lines, line => line.Length != columns);
        if (odd >= 0) throw new ArgumentException($"Row {odd} has {lines[odd].Length} numbers and row 0 has {columns}; give rows of one length.");
        return new([.. lines.SelectMany(line => line)], lines.Length, columns);
    }

    /// <summary>The lowest and the highest finite value; 0 and 1 when there is none.</summary>
    internal (double Low, double High) Range()
    {
        double low = double.PositiveInfinity, high = double.NegativeInfinity;
        foreach (var value in Values.Where(Charts.Values.Drawable)) (low, high) = (Math.Min(low, value), Math.Max(high, value));
        return low <= high ? (low, high) : (0, 1);
    }

    /// <summary>Means of blocks, so that no side is longer than <paramref name="most"/>; the grid itself where it is none.</summary>
    internal Grid Shrunk(int most)
    {
        int block = Math.Max(1, (Math.Max(Rows, Columns) + most - 1) / most);
        if (block == 1) return this;
        int rows = (Rows + block - 1) / block, columns = (Columns + block - 1) / block;
        return new([.. from i in Enumerable.Range(0, rows) from j in Enumerable.Range(0, columns) select Mean(i * block, j * block)], rows, columns);

        double Mean(int top, int left)
        {
            double sum = 0;
            var count = 0;
            for (var i = top; i < Math.Min(top + block, Rows); i++)
                for (var j = left; j < Math.Min(left + block, Columns); j++)
                    if (Charts.Values.Drawable(this[i, j])) (sum, count) = (sum + this[i, j], count + 1);
            return count > 0 ? sum / count : double.NaN;
        }
    }
}
