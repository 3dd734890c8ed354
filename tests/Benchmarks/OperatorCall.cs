using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>What a call from C# costs: an addition of two 2×2 matrices, a view, and reading a shape.</summary>
internal static class OperatorCall
{
    public static void Run()
    {
        const int Calls = 100_000;
        using var a = ones(2, 2);
        using var b = ones(2, 2);
        using var guard = no_grad();
        void Print(string what, Action call) =>
            Console.WriteLine($"  {what,-24} {Machine.Time(5, () => { for (var i = 0; i < Calls; i++) call(); }).Best * 1e6 / Calls,6:0} ns");
        Console.WriteLine("cost of a call");
        Print("add, 2x2", () => a.add(b).Dispose());
        Print("view, 2x2 -> 4", () => a.view(4).Dispose());
        Print("shape", () => _ = a.shape);
    }
}
