// Tensors as text. A small tensor shows every value; of one with more than a thousand, long dimensions show their first and last ones.
using System.Globalization;
using LibTorch;

namespace TorchSharp
{
    /// <summary>Metadata: shape, type and device alone. Julia: those and then rows. Numpy: nested brackets. CSharp: an array expression.</summary>
    public enum TensorStringStyle { Metadata = 0, Julia = 1, Numpy = 2, CSharp = 3, Default = 4 }

    public static partial class torch
    {
        public const TensorStringStyle julia = TensorStringStyle.Julia, numpy = TensorStringStyle.Numpy,
            csharp = TensorStringStyle.CSharp;

        static PrintOptions printing = new(TensorStringStyle.Julia, "g5", 100, Environment.NewLine, 6, 6);

        /// <summary>The style of ToString() and str().</summary>
        public static TensorStringStyle TensorStringStyle
        {
            get => printing.Style;
            set => printing = value == TensorStringStyle.Default
                ? throw new ArgumentException("the style for all tensors can't be Default; choose Metadata, Julia, Numpy or CSharp")
                : printing with { Style = value };
        }

        public static void set_printoptions(int precision, int? linewidth = null, string? newLine = null, bool sci_mode = false,
            int? maxRows = null, int? maxColumns = null) =>
            set_printoptions(null, (sci_mode ? "E" : "F") + precision, linewidth, newLine, maxRows, maxColumns);

        public static void set_printoptions(TensorStringStyle? style = null, string? floatFormat = null, int? linewidth = null,
            string? newLine = null, int? maxRows = null, int? maxColumns = null)
        {
            if (style is { } s) TensorStringStyle = s;
            printing = printing with
            {
                FloatFormat = floatFormat ?? printing.FloatFormat,
                LineWidth = linewidth ?? printing.LineWidth,
                NewLine = newLine ?? printing.NewLine,
                MaxRows = Math.Max(2, maxRows ?? printing.MaxRows),
                MaxColumns = Math.Max(2, maxColumns ?? printing.MaxColumns),
            };
        }

        public partial class Tensor
        {
            public override string ToString() => IsInvalid ? "a disposed tensor" : ToString(TensorStringStyle.Default);

            public string ToString(bool disamb, string? fltFormat = null, int? width = null, CultureInfo? cultureInfo = null,
                string? newLine = null) =>
                ToString(disamb ? TensorStringStyle.Default : TensorStringStyle.Metadata, fltFormat, width, cultureInfo, newLine);

            public string ToString(TensorStringStyle style, string? fltFormat = null, int? width = null,
                CultureInfo? cultureInfo = null, string? newLine = null)
            {
                if (style == TensorStringStyle.Default) style = printing.Style;
                var head = $"[{string.Join('x', shape)}], type = {dtype}, device = {device}";
                if (style == TensorStringStyle.Metadata || is_meta) return head;
                var options = printing with
                {
                    FloatFormat = fltFormat ?? printing.FloatFormat, LineWidth = width ?? printing.LineWidth,
                        NewLine = newLine ?? printing.NewLine,
                };
                var values = new TensorText(this, options, cultureInfo ?? CultureInfo.CurrentCulture);
                return style switch
                {
                    TensorStringStyle.Julia => ndim == 0 ? $"{head}, value = {values.Nested()}" : head + options.NewLine + values.Rows(),
                    TensorStringStyle.Numpy => values.Nested(),
                    TensorStringStyle.CSharp => $"{head}, value = {values.Expression()}",
                    _ => throw new ArgumentException($"there is no style {(int)style}"),
                };
            }
        }
    }

    public static partial class TensorExtensionMethods
    {
        public static string str(this torch.Tensor tensor, string? fltFormat = null, int? width = null, string? newLine = null,
            CultureInfo? cultureInfo = null, TensorStringStyle style = TensorStringStyle.Default) =>
            tensor.ToString(style, fltFormat, width, cultureInfo, newLine);
        public static string jlstr(this torch.Tensor tensor, string? fltFormat = null, int? width = null, string? newLine = null,
            CultureInfo? cultureInfo = null) =>
            tensor.ToString(TensorStringStyle.Julia, fltFormat, width, cultureInfo, newLine);
        public static string npstr(this torch.Tensor tensor, string? fltFormat = "g5", int? width = 100, string? newLine = null,
            CultureInfo? cultureInfo = null) =>
            tensor.ToString(TensorStringStyle.Numpy, fltFormat, width, cultureInfo, newLine);
        public static string cstr(this torch.Tensor tensor, string? fltFormat = "g5", int? width = 100, string? newLine = null,
            CultureInfo? cultureInfo = null) =>
            tensor.ToString(TensorStringStyle.CSharp, fltFormat, width, cultureInfo, newLine);
        public static string metastr(this torch.Tensor tensor) => tensor.ToString(TensorStringStyle.Metadata);

        /// <summary>Writes the tensor to the console and gives it back.</summary>
        public static torch.Tensor print(this torch.Tensor t, string? fltFormat = "g5", int? width = 100, string? newLine = null,
            CultureInfo? cultureInfo = null, TensorStringStyle style = TensorStringStyle.Default)
        {
            Console.WriteLine(t.ToString(style, fltFormat, width, cultureInfo, newLine));
            return t;
        }
    }
}
