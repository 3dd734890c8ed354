// Thousands of random wrong calls: every operator of the installed libtorch, plausible arguments mixed with absurd ones. Each
// returns or throws; the process, and what it computes afterwards, survive.
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch.Tests;

public partial class FailuresFuzz
{
    /// <summary>An operator as the headers declare it: name, overload, the parameters' types.</summary>
    sealed record Schema(string Name, string Overload, string[] Types);

    // Internals (a leading underscore) and the derivatives' kernels get arguments that forward has checked: they promise nothing.
    // So do those of convolutions, rrelu and channel_shuffle, whose callers check. histogramdd and align_tensors read past an empty list in libtorch 1.13.
    // The others need a back end of their own, read or write files, or print.
    [GeneratedRegex("^(_|mkldnn_|cudnn_|miopen_|fbgemm_|quantized_|quantize_|fake_quantize_|fused_|from_file|record_stream|q_|choose_qparams|sspaddmm|.*dequant|.*_backward|native_channel_shuffle|slow_conv|thnn_|rrelu_with_noise|histogramdd|align_tensors)")]
    private static partial Regex Skipped();

    [GeneratedRegex("schema_str[^\"]*\"(?<name>\\w+)(\\.(?<overload>\\w+))?\\((?<parameters>.*)\\) -> ")]
    private static partial Regex SchemaLine();

    static IEnumerable<Schema> Schemas()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Workbook.sln"))) root = Path.GetDirectoryName(root)!;
        var include = File.ReadLines(Path.Combine(root, "artifacts/native/libtorch.txt")).First(l => l.StartsWith("INCLUDE="))[8..].Split(';')[0];
        return from file in Directory.GetFiles(Path.Combine(include, "ATen/ops"), "*_ops.h").Order(StringComparer.Ordinal)
               from line in File.ReadLines(file)
               let match = SchemaLine().Match(line)
               where match.Success && !Skipped().IsMatch(match.Groups["name"].Value)
               let types = match.Groups["parameters"].Value.Split(", ").Where(p => p.Contains(' ')).Select(p => p.Split(' ')[0])
               select new Schema(match.Groups["name"].Value, match.Groups["overload"].Value, [.. types]);
    }

    sealed class Arguments(int seed)
    {
        readonly Random random = new(seed);

        T Of<T>(params ReadOnlySpan<T> choices) => choices[random.Next(choices.Length)];

        public bool Chance(double probability) => random.NextDouble() < probability;

        public int Next(int bound) => random.Next(bound);

        Tensor Tensor() => random.Next(9) switch
        {
            0 => ones(2, 3),
            1 => rand(3, 3),
            2 => arange(6, int64).reshape(2, 3),
            3 => ones(new long[] { 2, 2 }, dtype: @bool),
            4 => empty(0, 3),
            5 => ones(Array.Empty<long>(), dtype: float64),
            6 => rand(1, 2, 4, 4),
            7 => ones(new long[] { 2, 3 }, dtype: bfloat16),
            _ => ones(new long[] { 3 }, dtype: int32),
        };

        /// <summary>What a parameter of this type might be given.</summary>
        public Argument Fitting(string type) => type.TrimEnd('?') switch
        {
            var t when type.EndsWith('?') && Chance(0.4) => Argument.None,
            var t when t.StartsWith("Tensor") && t.EndsWith(']') => Argument.OptionalTensors([Tensor(), Tensor()]),
            var t when t.StartsWith("Tensor") => Tensor(),
            var t when (t.StartsWith("int[") || t.StartsWith("SymInt[")) => Of<long[]>([], [0], [1], [2, 2], [0, 1], [-1], [1, 1, 1], [-9]),
            "int" or "SymInt" => Of(0L, 1, 2, -1, 3, -7),
            "float" or "Scalar" => Of(0.0, 1, -1, 0.5, double.NaN, double.PositiveInfinity),
            "bool" => Chance(0.5),
            "str" => Of("none", "mean", "reduce", "nonsense", "ij", ""),
            "ScalarType" => Of(float32, float64, int64, @bool, bfloat16, (ScalarType)12),
            "Device" => Of(CPU, META),
            "Layout" or "MemoryFormat" => Of(0, 1, 2, 3),
            "Generator" => new Generator(1),
            var t when t.StartsWith("float[") => new[] { 1.0, 0.5 },
            var t when t.StartsWith("bool[") => new[] { true, false, true },
            _ => Argument.Default,
        };

        public Argument Absurd() => random.Next(16) switch
        {
            0 => Argument.None,
            1 => Argument.Default,
            2 => Of(long.MinValue, long.MaxValue, -1_000_000_007L, int.MinValue),
            3 => Of(double.NaN, double.NegativeInfinity, 1e308),
            4 => true,
            5 => Of("", "\0", new string('x', 3_000), "✓"),
            6 => Of<long[]>([long.MaxValue, 2], [-1, -1], [], [0, 0, 0, 0, 0, 0, 0, 0, 0]),
            7 => new double[] { double.NaN },
            8 => Array.Empty<bool>(),
            9 => Array.Empty<Tensor>(),
            10 => Argument.OptionalTensors([null, Tensor(), null]),
            11 => (ScalarType)(sbyte)random.Next(-128, 128),
            12 => Of(CPU, META, new Device(DeviceType.CUDA, 0), new Device((DeviceType)random.Next(-3, 40), random.Next(-3, 300))),
            13 => new Generator(3),
            _ => Tensor(),
        };
    }

    /// <summary>Where the call under way is written: what to look at should a libtorch end the process after all.</summary>
    static readonly string LastCall = Path.Combine(AppContext.BaseDirectory, "last-random-call.txt");

    static string Describe(Argument argument) => argument.Reference switch
    {
        Tensor { IsInvalid: false } tensor => $"{tensor.dtype}[{string.Join(", ", tensor.shape)}]",
        Array list => $"[{string.Join(", ", list.Cast<object>())}]",
        { } other => other.ToString()!,
        null => $"{argument.Tag} {argument.Integer} {argument.Real}",
    };

    [Fact]
    public void Random_wrong_calls_return_or_throw()
    {
        Schema[] schemas = [.. Schemas()];
        Assert.InRange(schemas.Length, 800, 10_000);
        var arguments = new Arguments(seed: 20261123);
        int returned = 0, thrown = 0;
        for (var i = 0; i < 4_000; i++)
        {
            using var scope = NewDisposeScope();
            var schema = schemas[arguments.Next(schemas.Length)];
            var count = arguments.Chance(0.1) ? arguments.Next(schema.Types.Length + 3) : schema.Types.Length;
            var wildness = arguments.Chance(0.5) ? 0.0 : 0.3;
            var given = Enumerable.Range(0, count)
                .Select(k => k >= schema.Types.Length || arguments.Chance(wildness) ? arguments.Absurd() : arguments.Fitting(schema.Types[k])).ToArray();
            File.WriteAllText(LastCall, $"call {i}: {schema.Name}.{schema.Overload}({string.Join(", ", schema.Types.Zip(given, (type, argument) => $"{type} {Describe(argument)}"))})");
            try
            {
                new Operator(schema.Name, schema.Overload).CallVoid(given);
                returned++;
            }
            catch (ExternalException e)
            {
                Assert.NotEmpty(e.Message);
                thrown++;
            }
        }
        Assert.True(returned > 500, $"only {returned} of 4,000 calls got through to a kernel");
        Assert.True(thrown > 1_000, $"only {thrown} of 4,000 calls were refused");
        using var sum = ones(3, 3).matmul(ones(3, 3)).sum();
        Assert.Equal(27f, sum.item<float>());
    }
}
