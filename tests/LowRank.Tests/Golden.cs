// The golden fixtures: numbers of reference implementations. GOLDEN names their folder; otherwise it is tests/Golden.
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank.Tests;

/// <summary>One entry of manifest.json.</summary>
public sealed record Fixture(string Id, string File, string Method, JsonObject Entry)
{
    /// <summary>A hyperparameter, or the given value where the entry has none.</summary>
    public T Hyper<T>(string name, T missing) => Entry["hyper"]?[name] is { } value ? value.GetValue<T>() : missing;

    /// <summary>A field of the entry itself, as "adapter_dir".</summary>
    public T Field<T>(string name) => Entry[name]!.GetValue<T>();

    /// <summary>The tensors, on <see cref="Golden.Device"/>.</summary>
    public Dictionary<string, Tensor> Load() => SafeTensors.Load(Golden.PathOf(File)).ToDictionary(t => t.Key, t => t.Value.to(Golden.Device));

    public override string ToString() => Id;
}

/// <summary>The fixtures' folder and comparisons with them.</summary>
public static class Golden
{
    /// <summary>For single layers, as a share of the largest value: the peer's own float32 differs from its float64 by a tenth
    /// of it.</summary>
    public const double LayerTolerance = 2e-6;

    /// <summary>For whole models.</summary>
    public const double ModelTolerance = 1e-5;

    /// <summary>For float64 against float64: only the order of summation differs.</summary>
    public const double ExactTolerance = 1e-12;

    /// <summary>Where the tests that compare with fixtures compute: the CPU, or what tests/Gpu has set.</summary>
    public static Device Device { get; set; } = CPU;

    /// <summary>The folder tests/ of the checkout, or of an unpacked archive of tests/Gpu: it lies beside Workbook.sln, above the assembly.</summary>
    public static string TestsFolder { get; } = Path.Combine(Above(AppContext.BaseDirectory).First(folder => System.IO.File.Exists(Path.Combine(folder, "Workbook.sln"))), "tests");

    public static string Folder { get; } = Environment.GetEnvironmentVariable("GOLDEN") is { Length: > 0 } folder ? folder
        : Path.Combine(TestsFolder, "Golden");

    public static IReadOnlyList<Fixture> Fixtures { get; } =
        [.. JsonNode.Parse(System.IO.File.ReadAllText(PathOf("manifest.json")))!["fixtures"]!.AsArray()
        .Select(f => new Fixture(f!["id"]!.GetValue<string>(), f["file"]!.GetValue<string>(), f["method"]!.GetValue<string>(),
            f.AsObject()))];

    public static Fixture Fixture(string id) => Fixtures.Single(f => f.Id == id);

    public static string PathOf(string relative) => Path.Combine(Folder, relative);

    /// <summary>The chosen fixtures' ids, for a theory; at least one, so that a renamed method can't pass by testing
    /// nothing.</summary>
    public static TheoryData<string> Where(Func<Fixture, bool> chosen)
    {
        var data = new TheoryData<string>(Fixtures.Where(chosen).Select(f => f.Id));
        return data.Count > 0 ? data : throw new InvalidOperationException($"{Folder} has no such fixture");
    }

    /// <summary>|actual − expected| &lt;= tolerance · max|expected|, with the shape and without NaN.</summary>
    public static void Close(Tensor expected, Tensor actual, double tolerance, string what)
    {
        Assert.Equal(expected.shape, actual.shape);
        var wide = expected.detach().to(ScalarType.Float64).cpu();
        var difference = (actual.detach().to(ScalarType.Float64).cpu() - wide).abs();
        var largest = wide.abs().max().item<double>();
        var worst = difference.max().item<double>();
        Assert.True(worst <= tolerance * largest,
            $"{what}: differs by {worst:g3}, {worst / largest:g3} of the largest value; allowed {tolerance:g3}");
    }

    private static IEnumerable<string> Above(string? folder)
    {
        for (; folder is not null; folder = Path.GetDirectoryName(folder)) yield return folder;
    }
}
