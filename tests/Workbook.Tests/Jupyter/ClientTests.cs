using Workbook.Commands;
using Workbook.Engine;
using Workbook.Running;

namespace Workbook.Tests.Jupyter;

public sealed class ClientTests
{
    const string Python = "/usr/bin/python3"; // Debian's own, whose packages the set-up installs

    /// <summary>jupyter_client, nbclient and nbconvert against this build's kernel: tests/jupyter/clients.py says what they do.</summary>
    [Fact]
    public async Task JupytersOwnClientsAreServed()
    {
        Assert.SkipUnless(File.Exists(Python) && (await Run(Python, "-c", "import jupyter_client, nbclient")).Code == 0,
            "needs Jupyter's clients: apt-get install python3-jupyter-client python3-nbclient");
        var (code, output) = await Run("env", $"KERNEL={DotnetHost.Path}\n{DotnetHost.WorkbookAssembly}", Python, Path.Combine(Repository.Root, "tests", "jupyter", "clients.py"));
        Assert.True(code == 0, output);
        Assert.Contains("\nOK", output);
    }

    static Task<(int Code, string Output)> Run(string program, params string[] arguments) =>
        ChildProcess.RunAsync(program, arguments, AppContext.BaseDirectory, TimeSpan.FromMinutes(10), TestContext.Current.CancellationToken);
}
