using System.Diagnostics;
using System.Text.Json.Nodes;
using Workbook.Engine;
using Workbook.Jupyter;
using Workbook.Running;

namespace Workbook.Tests.Jupyter;

/// <summary>How kernels begin and end, and what is left of them: nothing.</summary>
public sealed class KernelLifeTests
{
    /// <summary>Native code that no signal wakes.</summary>
    const string Deadlock = """
        using System.Runtime.InteropServices;
        [DllImport("libc")] static extern int pthread_mutex_lock(nint mutex);
        nint mutex = Marshal.AllocHGlobal(64);
        for (int i = 0; i < 64; i++) Marshal.WriteByte(mutex, i, 0);
        pthread_mutex_lock(mutex);
        pthread_mutex_lock(mutex);
        """;

    [Fact]
    public void WhatEndsTheSessionIsItsCellsErrorAndAFreshOneTakesOver()
    {
        using var kernel = new KernelProcess();
        foreach (var (code, message) in new[]
        {
            ("int Deep(int n) => Deep(n + 1) + 1;\nDeep(0)", "Stack overflow"),
            ("Environment.Exit(3);", "ended with code 3"),
            ("Environment.FailFast(\"on purpose\");", "aborted"),
            ("System.Runtime.InteropServices.Marshal.WriteByte(0, 1);", ""), // .NET turns this one into an exception or a crash
        })
        {
            kernel.Client.Run("int x = 5;");
            var reply = kernel.Client.Run(code).Reply;
            Assert.Equal("error", reply.Status);
            Assert.Contains(message, (string)reply.Content["evalue"]!);
            if (message.Length > 0)
                Assert.EndsWith("a fresh session has begun: variables are gone, run the cells that define them again", (string)reply.Content["evalue"]!);
            if (message.Length > 0)
                Assert.Equal("compilation error", (string)kernel.Client.Run("x").Reply.Content["evalue"]!);
        }
        Assert.Equal("2", kernel.Client.Value("1 + 1"));
    }

    [Theory]
    [InlineData(Channel.Control, true)]
    [InlineData(Channel.Shell, false)]
    public void AShutdownEndsEverything(object channel, bool running)
    {
        using var kernel = new KernelProcess();
        int session = int.Parse(kernel.Client.Value("Environment.ProcessId"));
        if (running)
        {
            string id = kernel.Client.SendExecute("Console.Write(\"begun\"); while (true) { }");
            kernel.Client.Published(id, message => message.Type == "stream");
        }
        var reply = kernel.Client.Ask("shutdown_request", new JsonObject { ["restart"] = true }, (Channel)channel);
        Assert.Equal(("ok", true), ((string)reply["status"]!, (bool)reply["restart"]!));
        Assert.True(kernel.Process.WaitForExit(TimeSpan.FromSeconds(30)));
        Assert.Equal(0, kernel.Process.ExitCode);
        Assert.True(KernelProcess.Ends(session));
        Assert.Equal(["connection.json"], Directory.GetFileSystemEntries(kernel.Folder).Select(Path.GetFileName));
    }

    /// <summary>The launcher stands for a client: it starts the kernel and is killed while a cell runs.</summary>
    [Fact]
    public void AKernelEndsWithTheClientThatStartedIt()
    {
        using var kernel = new KernelProcess([], launcher: "\"$@\" & wait");
        int session = int.Parse(kernel.Client.Value("Environment.ProcessId"));
        int itself = int.Parse(kernel.Client.Value($"System.IO.File.ReadAllText(\"/proc/{session}/stat\").Split(')')[1].Split(' ')[2]"));
        string id = kernel.Client.SendExecute("Console.Write(\"begun\"); while (true) { }");
        kernel.Client.Published(id, message => message.Type == "stream");
        kernel.Process.Kill(); // the launcher alone
        Assert.True(KernelProcess.Ends(itself));
        Assert.True(KernelProcess.Ends(session));
    }

    [Theory]
    [InlineData("INT", false)]
    [InlineData("TERM", true)]
    [InlineData("KILL", true)]
    public void SignalsDoWhatTheySay(string signal, bool ends)
    {
        using var kernel = new KernelProcess();
        int session = int.Parse(kernel.Client.Value("Environment.ProcessId"));
        string id = kernel.Client.SendExecute("Console.Write(\"begun\"); while (true) { }");
        kernel.Client.Published(id, message => message.Type == "stream");
        Process.Start("kill", [$"-{signal}", kernel.Process.Id.ToString()]).WaitForExit();
        if (ends)
        {
            Assert.True(kernel.Process.WaitForExit(TimeSpan.FromSeconds(30)));
            Assert.True(KernelProcess.Ends(session));
            return;
        }
        Assert.Equal("interrupted", (string)kernel.Client.Reply(id).Content["evalue"]!);
        Assert.Equal("1", kernel.Client.Value("1"));
    }

    [Fact]
    public void ATimeLimitEndsACellThatDoesNot()
    {
        using var kernel = new KernelProcess(["--timeout-cell", "1"]);
        kernel.Client.Run("int x = 5;");
        Assert.Equal("the cell's time limit of 1 s was reached: interrupted", (string)kernel.Client.Run("while (true) { }").Reply.Content["evalue"]!);
        Assert.Equal("5", kernel.Client.Value("x"));
        var reply = kernel.Client.Run(Deadlock).Reply;
        Assert.StartsWith("the cell's time limit of 1 s was reached", (string)reply.Content["evalue"]!);
        Assert.EndsWith("run the cells that define them again", (string)reply.Content["evalue"]!);
        Assert.Equal("1", kernel.Client.Value("1"));
    }

    [Fact]
    public async Task ASecondKernelOnTheSamePortsSaysSo()
    {
        using var kernel = new KernelProcess();
        var (code, output) = await ChildProcess.RunAsync(DotnetHost.Path, [DotnetHost.WorkbookAssembly, "kernel", "run", Path.Combine(kernel.Folder, "connection.json")],
            kernel.Folder, TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        Assert.Equal(1, code);
        Assert.Contains("the port is in use", output);
        Assert.DoesNotContain("   at ", output);
        Assert.Equal("1", kernel.Client.Value("1"));
    }

    [Theory]
    [InlineData("nonsense", "is not a connection file")]
    [InlineData("null", "is not a connection file")]
    [InlineData("{}", "the port of")]
    [InlineData("""{"shell_port":"a"}""", "is not a connection file")]
    [InlineData("""{"ip":"0.0.0.0"}""", "loopback only")]
    [InlineData("""{"ip":"192.168.0.7"}""", "loopback only")]
    [InlineData("""{"transport":"pgm"}""", "transport is \"pgm\"")]
    [InlineData("""{"signature_scheme":"hmac-md5"}""", "only hmac-sha256")]
    [InlineData("""{"control_port":1,"shell_port":2,"stdin_port":3,"iopub_port":4,"hb_port":70000,"key":"k"}""", "the port of Heartbeat is 70000")]
    [InlineData("""{"control_port":1,"shell_port":2,"stdin_port":3,"iopub_port":4,"hb_port":5}""", "the key is empty")]
    public void AWrongConnectionFileSaysWhatIsWrong(string text, string message)
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, text);
            Assert.Contains(message, Assert.Throws<InvalidDataException>(() => ConnectionFile.Read(file)).Message);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void AddressesAreThoseOfTheTransport()
    {
        var connection = KernelProcess.NewConnection();
        Assert.Equal($"tcp://127.0.0.1:{connection.Ports[Channel.Shell]}", connection.Address(Channel.Shell));
        Assert.Equal($"ipc:///tmp/k-{connection.Ports[Channel.Shell]}", (connection with { Transport = "ipc", Ip = "/tmp/k" }).Address(Channel.Shell));
    }
}
