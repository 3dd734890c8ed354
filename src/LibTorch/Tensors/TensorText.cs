// Lays a tensor's values out as rows, as nested brackets or as a C# expression.
using System.Globalization;
using System.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch;

internal sealed record PrintOptions(TensorStringStyle Style, string FloatFormat, int LineWidth, string NewLine, int MaxRows,
    int MaxColumns);

/// <summary>The values that are shown, as text of one width; only those are copied from the tensor.</summary>
internal sealed class TensorText
{
    const int ShowAll = 1000;   // elements

    readonly PrintOptions options;
    readonly ScalarType type;
    readonly long[] shape;      // of what is shown
    readonly bool[] shortened;  // in which dimensions something is left out in the middle
    readonly string[] values;
    readonly int width;

    public TensorText(Tensor tensor, PrintOptions options, CultureInfo culture)
    {
        this.options = options;
        type = tensor.dtype;
        shape = tensor.shape;
        shortened = new bool[shape.Length];
        using var scope = NewDisposeScope();
        using var off = no_grad();
        var shown = tensor.detach();
        if (shown.is_sparse) shown = shown.to_dense();
        if (tensor.NumberOfElements > ShowAll)
            for (var d = 0; d < shape.Length; d++)
            {
                var limit = d == shape.Length - 1 ? options.MaxColumns : options.MaxRows;
                if (shape[d] <= limit) continue;
                var edge = limit / 2;
                long[] kept = [.. Enumerable.Range(0, edge).Select(i => (long)i), .. Enumerable.Range(0,
                    edge).Select(i => shape[d] - edge + i)];
                shown = shown.index_select(d, torch.tensor(kept, device: tensor.device));
                shape[d] = kept.Length;
                shortened[d] = true;
            }
        values = Texts(shown, culture);
        width = values.Length == 0 ? 0 : values.Max(v => v.Length);
    }

    string[] Texts(Tensor shown, CultureInfo culture)
    {
        if (shown.is_complex())
        {
            var re = Numbers(shown.real);
            var im = Numbers(shown.imag);
            return [.. re.Zip(im, (r, i) => Text(r) + (i < 0 || double.IsNegative(i) ? "-" : "+") + Text(Math.Abs(i)) + "i")];
        }
        if (type == ScalarType.Bool) return [.. Integers(shown).Select(v => v != 0 ? "True" : "False")];
        if (is_integral(type)) return [.. Integers(shown).Select(v => v.ToString(culture))];
        return Array.ConvertAll(Numbers(shown), Text);

        string Text(double value) => value.ToString(options.FloatFormat, culture);
    }

    static double[] Numbers(Tensor tensor) => tensor.to(ScalarType.Float64, CPU).contiguous().data<double>().ToArray();

    static long[] Integers(Tensor tensor) => tensor.to(ScalarType.Int64, CPU).contiguous().data<long>().ToArray();

    long Size(int dimension) => dimension < shape.Length ? shape[dimension] : 1;

    /// <summary>Matrices of aligned rows, each under its place in the leading dimensions.</summary>
    public string Rows()
    {
        var text = new StringBuilder();
        var columns = Size(shape.Length - 1);
        var rows = shape.Length > 1 ? Size(shape.Length - 2) : 1;
        if (values.Length == 0) return "";
        for (long matrix = 0; matrix < values.Length / (rows * columns); matrix++)
        {
            if (shape.Length > 2) text.Append(matrix > 0 ? options.NewLine : "").Append(Place(matrix)).Append(options.NewLine);
            for (long row = 0; row < rows; row++)
            {
                if (shape.Length > 1 && shortened[^2] && row == rows / 2) text.Append(" ...").Append(options.NewLine);
                Row(text, (matrix * rows + row) * columns, columns, " ", " ");
                text.Append(options.NewLine);
            }
        }
        return text.ToString();
    }

    string Place(long matrix)
    {
        var place = new string[shape.Length - 2];
        for (var d = place.Length - 1; d >= 0; d--)
        {
            var i = matrix % shape[d];
            place[d] = shortened[d] && i >= shape[d] / 2 ? $"^{shape[d] - i}" : i.ToString(CultureInfo.InvariantCulture);
            matrix /= shape[d];
        }
        return $"[{string.Join(", ", place)}, .., ..] =";
    }

    void Row(StringBuilder text, long start, long columns, string indent, string separator)
    {
        var line = indent.Length;
        text.Append(indent);
        for (long column = 0; column < columns; column++)
        {
            var gap = shortened.Length > 0 && shortened[^1] && column == columns / 2 ? "..." + separator : "";
            var value = gap + (columns > 1 || shape.Length > 1 ? values[start + column].PadLeft(width) : values[start + column]);
            if (column > 0)
            {
                text.Append(separator);
                line += separator.Length;
                if (line + value.Length > options.LineWidth)
                {
                    text.Append(options.NewLine).Append(' ', indent.Length);
                    line = indent.Length;
                }
            }
            text.Append(value);
            line += value.Length;
        }
    }

    /// <summary>[[1, 2], [3, 4]], a row a line.</summary>
    public string Nested()
    {
        if (shape.Length == 0) return values[0];
        var text = new StringBuilder();
        Bracket(text, 0, 0);
        return text.ToString();
    }

    void Bracket(StringBuilder text, int dimension, long start)
    {
        text.Append('[');
        if (dimension == shape.Length - 1)
        {
            var row = new StringBuilder();
            Row(row, start, shape[dimension], new string(' ', dimension + 1), ", ");
            text.Append(row, dimension + 1, row.Length - dimension - 1);
        }
        else
        {
            var inner = shape.Skip(dimension + 1).Aggregate(1L, (a, b) => a * b);
            var between = "," + string.Concat(Enumerable.Repeat(options.NewLine, Math.Max(1,
                shape.Length - dimension - 1))) + new string(' ', dimension + 1);
            for (long i = 0; i < shape[dimension]; i++)
            {
                if (i > 0) text.Append(between);
                if (shortened[dimension] && i == shape[dimension] / 2) text.Append("...").Append(between);
                Bracket(text, dimension + 1, start + i * inner);
            }
        }
        text.Append(']');
    }

    /// <summary>float[,] {{1f, 2f}, {3f, 4f}}</summary>
    public string Expression()
    {
        var (name, suffix) = type switch
        {
            ScalarType.Byte => ("byte", ""),
            ScalarType.Int8 => ("sbyte", ""),
            ScalarType.Int16 => ("short", ""),
            ScalarType.Int32 => ("int", ""),
            ScalarType.Int64 => ("long", "L"),
            ScalarType.Float32 => ("float", "f"),
            ScalarType.Float64 => ("double", ""),
            ScalarType.Bool => ("bool", ""),
            _ => (type.ToString(), ""),
        };
        if (shape.Length == 0) return Literal(0);
        var text = new StringBuilder($"{name}[{new string(',', shape.Length - 1)}] ");
        Braces(0, 0);
        return text.ToString();

        string Literal(long i) => (type == ScalarType.Bool ? values[i].ToLowerInvariant() : values[i]) + suffix;

        void Braces(int dimension, long start)
        {
            var inner = shape.Skip(dimension + 1).Aggregate(1L, (a, b) => a * b);
            text.Append('{');
            for (long i = 0; i < shape[dimension]; i++)
            {
                if (i > 0) text.Append(", ");
                if (shortened[dimension] && i == shape[dimension] / 2) text.Append("..., ");
                if (dimension == shape.Length - 1) text.Append(Literal(start + i));
                else Braces(dimension + 1, start + i * inner);
            }
            text.Append('}');
        }
    }

}
