// The list of methods as data for theories.
namespace LowRank.Tests.Methods;

public static class MethodData
{
    public static TheoryData<string> Names => [.. MethodList.All.Keys.Select(name => new TheoryDataRow<string>(name))];

    /// <summary>Inputs and outputs: equal, unequal either way, one, primes.</summary>
    public static IReadOnlyList<(long In, long Out)> Shapes { get; } = [(6, 6), (5, 8), (8, 5), (1, 7), (7, 1), (11, 13)];

    public static TheoryData<string, long, long> NamesAndShapes =>
        [.. from name in MethodList.All.Keys from shape in Shapes select new TheoryDataRow<string, long, long>(name, shape.In, shape.Out)];
}
