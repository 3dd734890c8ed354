// Every operator that the tensor methods name is part of the libtorch that was found.
using System.Reflection;
using TorchSharp;

namespace LibTorch.Tests;

public class OperatorsExistTests
{
    [Fact]
    public void Every_named_operator_exists()
    {
        var table = typeof(torch).GetNestedType("Op", BindingFlags.NonPublic)!;
        var operators = table.GetFields(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public)
            .Where(f => f.FieldType == typeof(Operator)).Select(f => (Operator)f.GetValue(null)!).ToList();
        Assert.True(operators.Count > 300);
        Assert.Empty(operators.Where(op => !op.Exists).Select(op => op.ToString()));
    }
}
