using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>What a call from C# costs: an addition of two 2×2 matrices, a view, and reading a shape.</summary>
internal static class OperatorCall
{
    private const int Calls = 100_000;

    public static void Run(Results results)
    {
        using var a = ones(2, 2);
        using var b = ones(2, 2);
        using var guard = no_grad();
        var table = results.Table("call", "Cost of a call", "call", "ns");
        void Measure(string what, Action call) =>
            table.Add(what, Enumerable.Range(0, 7).Min(_ => Machine.Once(() => { for (var i = 0; i < Calls; i++) call(); })) * 1e6 / Calls);
        Measure("add, 2 × 2", () => a.add(b).Dispose());
        Measure("view, 2 × 2 to 4", () => a.view(4).Dispose());
        Measure("shape", () => _ = a.shape);
    }
}
