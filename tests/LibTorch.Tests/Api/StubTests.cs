// The stubs are TorchSharp's list again: compiled, loaded and printed, they give the list's own lines.
using System.Runtime.Loader;
using TorchSharpApi;

namespace LibTorch.Tests.Api;

public class StubTests
{
    [Fact]
    public void Compiled_stubs_print_the_list_they_were_made_from()
    {
        var stubs = StubCompiler.TorchSharp;
        var context = new AssemblyLoadContext("stubs", isCollectible: true);
        var lines = PublicSurface.Lines(context.LoadFromStream(new MemoryStream(stubs.Image)), "TorchSharp");
        context.Unload();
        Assert.Empty(stubs.Included.Except(lines));
        Assert.Empty(lines.Except(stubs.Included));
    }

    [Fact]
    public void Only_what_needs_protobuf_is_left_out()
    {
        Assert.DoesNotContain(StubCompiler.TorchSharp.LeftOut, line => !line.Contains("Tensorboard."));
        Assert.True(StubCompiler.TorchSharp.LeftOut.Count(line => line.StartsWith("TorchSharp.")) < 15, "more of TorchSharp's own members were left out than those that name Tensorboard's types");
    }
}
