// Text from a model on the GPU.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Gpus;

public sealed class Generation : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Greedy_text_is_the_CPUs()
    {
        using var model = CausalLm.Load(Path.Combine(Golden.TestsFolder, "../data/base"));
        string Text() => model.Generate("goulash (noun):", GenerationOptions.Greedy with { MaxNewTokens = 12 });
        var expected = Text();
        model.to(Gpu.Device);
        Assert.Equal(expected, Text());
    }

    [Fact]
    public void Text_is_drawn_there()
    {
        using var model = CausalLm.Load(Path.Combine(Golden.TestsFolder, "../data/tiny"), device: Gpu.Device);
        Assert.NotEmpty(model.Generate("a kind of", new() { Temperature = 0.7, TopK = 40, Seed = 0, MaxNewTokens = 12 }));
    }
}
