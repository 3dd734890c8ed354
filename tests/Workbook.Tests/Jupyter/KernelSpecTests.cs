using System.Text.Json.Nodes;
using Workbook.Commands;
using Workbook.Engine;
using Workbook.Jupyter;
using Workbook.Running;

namespace Workbook.Tests.Jupyter;

public sealed class KernelSpecTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("workbook-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    async Task<(int Code, string Output)> Kernel(params string[] arguments) => await ChildProcess.RunAsync(
        DotnetHost.Path, [DotnetHost.WorkbookAssembly, "kernel", .. arguments], AppContext.BaseDirectory, TimeSpan.FromMinutes(1));

    [Fact]
    public async Task InstallWritesWhatJupyterReadsAndUninstallRemovesIt()
    {
        var (code, output) = await Kernel("install", "--prefix", _folder, "--timeout-cell", "90");
        Assert.True(code == 0, output);
        string folder = Path.Combine(_folder, "share", "jupyter", "kernels", ".net-csharp");
        var spec = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "kernel.json")))!;
        var argv = spec["argv"]!.AsArray().Select(argument => (string)argument!).ToList();
        Assert.True(File.Exists(argv[0]), argv[0]);
        Assert.Equal(["kernel", "run", "{connection_file}", "--timeout-cell", "90"], argv[1..]);
        Assert.Equal((".NET (C#)", "C#", "message"), ((string)spec["display_name"]!, (string)spec["language"]!, (string)spec["interrupt_mode"]!));
        Assert.Contains(folder, output);
        (code, output) = await Kernel("uninstall", "--prefix", _folder);
        Assert.True(code == 0, output);
        Assert.False(Directory.Exists(folder));
        (code, output) = await Kernel("uninstall", "--prefix", _folder);
        Assert.Equal(1, code);
        Assert.Contains("nothing was removed", output);
    }

    [Fact]
    public void AnotherKernelOfThisNameIsReplacedAndSaidButNotRemoved()
    {
        string folder = Path.Combine(_folder, KernelSpec.Name);
        Assert.Equal("./workbook kernel install", Diagnosis.JupyterKernel("/a/workbook", folder).Remedy);
        Assert.Null(KernelSpec.Install(folder, "/a/workbook", null));
        Assert.Equal(FindingState.Good, Diagnosis.JupyterKernel("/a/workbook", folder).State);
        Assert.Contains("/a/workbook", Diagnosis.JupyterKernel("/b/workbook", folder).Found);
        Assert.Equal("/a/workbook", KernelSpec.Install(folder, "/b/workbook", null));
        Assert.Contains("/b/workbook", Assert.Throws<InvalidOperationException>(() => KernelSpec.Uninstall(folder, "/a/workbook")).Message);
        Assert.True(KernelSpec.Uninstall(folder, "/b/workbook"));
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "kernel.json"), "broken");
        Assert.Null(KernelSpec.Install(folder, "/b/workbook", null));
    }

    [Fact]
    public async Task AFolderThatCannotBeWrittenIsSaid()
    {
        string file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        var (code, output) = await Kernel("install", "--prefix", file);
        Assert.Equal(1, code);
        Assert.DoesNotContain("   at ", output);
    }
}
