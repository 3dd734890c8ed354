// Namespace TorchSharp, as src/LibTorch defines it, holds nothing that TorchSharp does not.
using TorchSharp;
using TorchSharpApi;

namespace LibTorch.Tests.Api;

public class SubsetTests
{
    [Fact]
    public void Every_public_member_is_TorchSharps()
    {
        var ours = PublicSurface.Lines(typeof(torch).Assembly, "TorchSharp");
        var strangers = SurfaceComparer.Strangers(ours, ApiList.Lines);
        Assert.True(strangers.Count == 0, $"{strangers.Count} of {ours.Count} lines are not TorchSharp's:\n{string.Join("\n", strangers)}");
    }

    [Theory]
    [InlineData("TorchSharp.torch+Tensor  public TorchSharp.torch+Tensor frobnicate()", "no member of this name")]
    [InlineData("TorchSharp.torch+Tensor  public TorchSharp.torch+Tensor matmul(TorchSharp.torch+Tensor other)", "matmul(TorchSharp.torch+Tensor target)")]
    [InlineData("TorchSharp.torch  public static TorchSharp.torch+Tensor dropout(TorchSharp.torch+Tensor input, System.Double p = 0.25)", "no member of this name")]
    [InlineData("class TorchSharp.Invented", "no such type")]
    [InlineData("struct TorchSharp.Scalar", "is a sealed class")]
    [InlineData("class TorchSharp.Modules.Sequential : TorchSharp.Scalar", "does not derive from")]
    [InlineData("sealed class TorchSharp.Scalar implements System.ICloneable", "does not implement")]
    [InlineData("abstract class TorchSharp.torch+autograd+SingleTensorFunction<T> : TorchSharp.torch+autograd+Function<T>", "type parameters")]
    public void An_invented_line_is_found(string line, string why) =>
        Assert.Contains(why, Assert.Single(SurfaceComparer.Strangers([line], ApiList.Lines)));

    [Fact]
    public void A_base_class_outside_the_subset_may_be_skipped() =>
        Assert.Empty(SurfaceComparer.Strangers(["sealed class TorchSharp.Modules.SiLU : TorchSharp.torch+nn+Module"], ApiList.Lines));
}
