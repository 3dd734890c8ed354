// The README's program, run as it stands there.
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Workbook.Tests;

public sealed class ReadmeTests : IDisposable
{
    readonly Bench _bench = new();

    public void Dispose() => _bench.Dispose();

    static string Root([CallerFilePath] string file = "") => Path.GetFullPath("../..", Path.GetDirectoryName(file)!);

    static string Readme => File.ReadAllText(Path.Combine(Root(), "README.md"));

    [Fact]
    public async Task ItsProgramTrainsAndWritesAnAdapterWithACard()
    {
        var program = Readme.Split("```csharp\n")[1].Split("```")[0];
        var (output, error) = await _bench.Run(
            $"#r \"{Path.Combine(AppContext.BaseDirectory, "LowRank.dll")}\"\n" + program
                .Replace("\"data/base\"", $"\"{Path.Combine(Root(), "data/tiny")}\"", StringComparison.Ordinal)
                .Replace("out/dora", Path.Combine(_bench.Folder, "dora"), StringComparison.Ordinal));
        Assert.True(error is null, error?.ToString());
        Assert.Contains("stdout:", output.Text);
        foreach (var file in new[] { "adapter_config.json", "adapter_model.safetensors", "README.md" })
            Assert.True(new FileInfo(Path.Combine(_bench.Folder, "dora", file)).Length > 100, file);
        Assert.Contains("| method | LORA with a magnitude |", await File.ReadAllTextAsync(Path.Combine(_bench.Folder, "dora/README.md"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public void ItsLinksLeadToFilesAndItsNamesAreTheLibrarys()
    {
        foreach (Match link in Regex.Matches(Readme, @"\]\((?!http)([^)#]+)\)"))
            Assert.True(Path.Exists(Path.Combine(Root(), link.Groups[1].Value)), link.Value);
        var policies = typeof(LowRank.TrainingPolicy).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(LowRank.TrainingPolicy))).Select(t => t.Name);
        Assert.All(policies, name => Assert.Contains($"`{name}`", Readme));
        var methods = typeof(LowRank.Adapter).GetMethods().Where(m => m.DeclaringType == typeof(LowRank.Adapter) && m.Name != "WithMagnitude").Select(m => m.Name);
        Assert.All(methods, name => Assert.Contains($"`{name}`", Readme));
    }
}
