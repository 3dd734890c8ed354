// The guide to a method of one's own (src/LowRank/Updates/README.md): its code is what the suite checks, and what it says is so.
using LowRank.Tests.Adapters;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Methods;

public sealed class OwnMethod
{
    private static string Source(string path) => File.ReadAllText(Path.GetFullPath(path, Golden.TestsFolder));

    private static string Code(int block) => Source("../src/LowRank/Updates/README.md").Split("```csharp\n")[block].Split("```")[0];

    [Fact]
    public void TheGuidesUpdateIsTheOneThatTheSuiteChecksInThirtyLines()
    {
        Assert.Contains(Code(1), Source("LowRank.Tests/Methods/OuterUpdate.cs"));
        Assert.InRange(Code(1).Split('\n').Count(line => line.Trim() is not ("" or "{" or "}")), 10, 30);
        Assert.IsType<OwnConfig>(MethodList.All["a method of one's own"].Config);
    }

    [Fact]
    public void TheGuidesThreeLinesDoWhatTheySay()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var model = new Skeleton(1, 12, 6, 20);
        var outer = Adapter.Own("OUTER", (inFeatures, outFeatures, dtype, device) => new OuterUpdate(inFeatures, outFeatures, dtype, device));
        model.Adapt(outer, "q_proj|v_proj");                                // or outer.WithMagnitude()
        model.SaveAdapter(folder.File("outer"));                            // peft_type "OUTER"
        static string Words(string line) => line.Split("//")[0].Replace("\"out/outer\"", "folder.File(\"outer\")").Trim();
        var here = Source("LowRank.Tests/Methods/OwnMethod.cs").Split('\n').Select(Words).ToHashSet();
        Assert.All(Code(2).TrimEnd('\n').Split('\n'), line => Assert.Contains(Words(line), here));

        Assert.Contains("\"peft_type\": \"OUTER\"", File.ReadAllText(folder.File("outer/adapter_config.json")));
        Assert.Equal(["q_proj", "v_proj"], model.LayersOf("default").Select(l => l.Path.Split('.')[^1]));
        Assert.Equal(12 + 12 + 12 + 6, TrainableParameters.Of(model).Trainable);
    }

    [Fact]
    public void NamesAndUpdatesThatDoNotFitAreRefused()
    {
        static Update Create(long i, long o, ScalarType dtype, Device device) => new OuterUpdate(i, o, dtype, device);
        foreach (var name in new[] { "LORA", "", "MORA", "PREFIX_TUNING" })
            Assert.Contains("can't be the name of a method of your own", Assert.Throws<ArgumentException>(() => Adapter.Own(name, Create)).Message);
        var model = new Skeleton(1, 12, 6, 20);
        var turned = Adapter.Own("TURNED", (i, o, dtype, device) => new OuterUpdate(o + 1, i, dtype, device));
        Assert.Contains("TURNED made an update [12, 13] for", Assert.Throws<ArgumentException>(() => model.Adapt(turned, "q_proj")).Message);
        Assert.Empty(model.AdapterNames());

        using var folder = new TemporaryFolder();
        model.Adapt(Adapter.Own("UNHEARD", Create));
        model.SaveAdapter(folder.File("own"));
        var path = folder.File("own/adapter_config.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("UNHEARD", "UNHEARD_OF"));
        Assert.Contains("known once Adapter.Own has been called", Assert.Throws<InvalidDataException>(() => new Skeleton(1, 12, 6, 20).LoadAdapter(folder.File("own"))).Message);
    }
}
