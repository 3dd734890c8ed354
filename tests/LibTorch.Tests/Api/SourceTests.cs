// Sources that are written against TorchSharp's public API build against the whole of it, overloads and all, not only against our subset.
using TorchSharpApi;

namespace LibTorch.Tests.Api;

public class SourceTests
{
    static readonly string Root = Directories(AppContext.BaseDirectory).First(d => File.Exists(Path.Combine(d, "Workbook.sln")));

    static IEnumerable<string> Directories(string? start)
    {
        for (; start is not null; start = Path.GetDirectoryName(start)) yield return start;
    }

    [Fact]
    public void LowRank_builds_against_TorchSharp()
    {
        var sources = Directory.GetFiles(Path.Combine(Root, "src/LowRank"), "*.cs", SearchOption.AllDirectories);
        Assert.NotEmpty(sources);
        var errors = StubCompiler.Check(sources.Select(f => (Path.GetRelativePath(Root, f), File.ReadAllText(f))));
        Assert.True(errors.Count == 0, $"{errors.Count} errors against TorchSharp's API:\n{string.Join("\n", errors)}");
    }

    [Theory]
    [InlineData("x.frobnicate()", "frobnicate")]
    [InlineData("x.matmul(other: x)", "other")]
    [InlineData("LibTorch.Memory.LiveBytes", "LibTorch")]
    [InlineData("new nn.Linear(2, 3)", "Linear")]
    public void A_member_that_TorchSharp_lacks_does_not_build(string expression, string named)
    {
        var errors = StubCompiler.Check([("Wrong.cs", Method($"object y = {expression};"))]);
        Assert.Contains(errors, e => e.StartsWith("Wrong.cs") && e.Contains(named));
    }

    [Fact]
    public void Everyday_code_builds()
    {
        Assert.Empty(StubCompiler.Check([("Right.cs", Method("""
            using var scope = NewDisposeScope();
            var layer = nn.Linear(4, 3).to(float64);
            var y = functional.silu(layer.call(x) * 2 + 1)[.., 0].sum().MoveToOuterDisposeScope();
            Tensor z = x[TensorIndex.Slice(0, 2), TensorIndex.Ellipsis] + 1.5f;
            foreach (var (name, parameter) in layer.named_parameters()) Console.WriteLine($"{name} {parameter.shape.Length}");
            var optimizer = optim.AdamW(layer.parameters(), lr: 1e-3, weight_decay: 0.01);
            float value = y.ToSingle() + z.item<float>() + x.data<float>()[0];
            """))]));
    }

    static string Method(string body) =>
        "using TorchSharp; using static TorchSharp.torch; using static TorchSharp.torch.nn;\nstatic class Sample { static void Run(Tensor x) {\n" + body + "\n} }";
}
