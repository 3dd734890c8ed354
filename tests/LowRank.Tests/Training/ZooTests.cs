namespace LowRank.Tests.Training;

/// <summary>The zoo: that it is made, and that what is committed loads and does what its table says.</summary>
public class ZooTests
{
    private static readonly string Root = Path.GetFullPath(Path.Combine(Golden.TestsFolder, ".."));

    public static TheoryData<string> Animals() => [.. Zoo.Names];

    [Theory, MemberData(nameof(Animals))]
    public void EveryAnimalLoadsAndIsAsGoodAsItsTableSays(string name)
    {
        var row = File.ReadLines(Path.Combine(Root, "data/zoo/README.md")).Single(line => line.StartsWith($"| {name} |", StringComparison.Ordinal)).Split('|', StringSplitOptions.TrimEntries);
        var entry = ZooEntry.All.Single(e => e.Name == name);
        using var model = CausalLm.Load(Path.Combine(Root, "data/base"));
        if (entry.Storage is { } storage) model.Quantize(storage);
        var folder = Path.Combine(Root, "data/zoo", name);
        if (entry.Baseline is null) model.LoadAdapter(folder);
        else model.LoadBaseline(folder);
        var (_, test) = entry.Batches(model, WordNet.Load(), 1);
        var perplexity = Evaluation.Perplexity(model, test());
        double Number(int column) => double.Parse(row[column], System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(Number(6), perplexity, 0.02 * perplexity + 0.05);     // the table has one decimal
        Assert.True(perplexity < Number(5), $"{perplexity} after, {row[5]} before");
    }

    [Fact]
    public void APartOfItIsMadeAgainInAFolderOfItsOwn()
    {
        using var folder = new TemporaryFolder();
        var made = Zoo.Run(new() { Model = Path.Combine(Root, "data/base"), Output = folder.Path, Names = ["food-dvora", "food-prompt"], Steps = 2, Log = null });
        Assert.Equal(["food-dvora", "food-prompt"], made.Select(m => m.Name));
        Assert.All(made, m => Assert.True(m is { Parameters: > 0, Bytes: > 0, Before: > 1, After: > 1, Exact: null }, m.ToString()));
        Assert.True(File.Exists(Path.Combine(folder.Path, "food-dvora", "adapter_model.safetensors")));
        Assert.Contains("--steps 2", File.ReadAllText(Path.Combine(folder.Path, "README.md")));
        Assert.Contains("nearest: food-mora", Assert.Throws<ArgumentException>(() => Zoo.Run(new() { Model = "", Output = folder.Path, Names = ["food-mroa"] })).Message);
    }
}
