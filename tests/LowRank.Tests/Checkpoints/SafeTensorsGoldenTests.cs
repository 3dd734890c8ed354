using static TorchSharp.torch;

namespace LowRank.Tests.Checkpoints;

/// <summary>Files that the reference writer made: read and written again they are the same, byte for byte.</summary>
public sealed class SafeTensorsGoldenTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Every_fixture_written_again_is_the_same_file()
    {
        var fixtures = Directory.GetFiles(Golden.Folder, "*.safetensors", SearchOption.AllDirectories);
        Assert.NotEmpty(fixtures);
        foreach (var fixture in fixtures)
        {
            using var scope = NewDisposeScope();
            using var file = SafeTensorsFile.Open(fixture);
            var again = folder.File("again.safetensors");
            SafeTensors.Save(again, file.Names.Reverse().ToDictionary(name => name, name => file.Read(name)), file.Metadata);
            Assert.True(File.ReadAllBytes(fixture).AsSpan().SequenceEqual(File.ReadAllBytes(again)), $"{fixture} differs from what was written again");
        }
    }
}
