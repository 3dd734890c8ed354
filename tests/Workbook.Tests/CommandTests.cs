using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using Spectre.Console;
using Workbook.Commands;
using Workbook.Engine;
using Workbook.Notebooks;
using Workbook.Running;

namespace Workbook.Tests;

/// <summary>The command as its user meets it: a process with arguments, output and an exit code.</summary>
public sealed class CommandTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("workbook-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    async Task<(int Code, string Output)> Workbook(params string[] arguments) =>
        await ChildProcess.RunAsync(DotnetHost.Path, [DotnetHost.WorkbookAssembly, .. arguments], _folder, TimeSpan.FromMinutes(3));

    string Save(string name, params string[] cells)
    {
        var notebook = Notebook.Create();
        foreach (string cell in cells)
            notebook.Add("code", cell, cell.StartsWith("// parameters", StringComparison.Ordinal) ? ["parameters"] : []);
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(_folder, name))!);
        notebook.Save(Path.Combine(_folder, name));
        return name;
    }

    [Fact]
    public async Task RunSavesTheNotebookAndAPageAndSaysWhere()
    {
        Save("a.ipynb", "// parameters\nint rank = 8;", "rank * 2");
        var (code, output) = await Workbook("run", "a.ipynb", "-p", "rank=21", "--junit", "junit.xml");
        Assert.True(code == 0, output);
        Assert.Contains("saved out/a.ipynb and out/a.html", output);
        var executed = Notebook.Load(Path.Combine(_folder, "out", "a.ipynb"));
        Assert.Equal("42", NotebookJson.Join(executed.Cells[2].Outputs[0]!["data"]!["text/plain"]));
        Assert.Contains("<pre>42</pre>", File.ReadAllText(Path.Combine(_folder, "out", "a.html")));
        Assert.Empty(Notebook.Load(Path.Combine(_folder, "a.ipynb")).Cells[1].Outputs); // the source stays as it was
        Assert.Equal("3", XDocument.Load(Path.Combine(_folder, "junit.xml")).Root!.Attribute("tests")!.Value);
    }

    [Fact]
    public async Task ExportWritesASiteAndRunsOnlyWhatHasNoOutputs()
    {
        var executed = Notebook.Create();
        executed.Add("markdown", "# Matrices & *rank*\n\nWhat a **rank** is, with $x^2$.\n\nMore.");
        executed.Add("code", "throw new System.Exception(\"must not run\");").Outputs.Add(new JsonObject { ["output_type"] = "stream", ["name"] = "stdout", ["text"] = "was run" });
        executed.Save(Path.Combine(_folder, "01-rank.ipynb"));
        Save("02-second.ipynb", "// parameters\nint rank = 8;", "HTML($\"<svg id='picture'>{rank}</svg>\").Display();");
        Save("03-broken.ipynb", "throw new System.Exception(\"broken\");");

        var (code, output) = await Workbook("export", "01-rank.ipynb", "02-second.ipynb", "-o", "site");
        Assert.True(code == 0, output);
        Assert.Contains("2 pages and an index in site", output);
        string index = File.ReadAllText(Path.Combine(_folder, "site", "index.html"));
        Assert.Contains("<a href=\"01-rank.html\">Matrices &amp; rank</a>", index);
        Assert.Contains("What a <strong>rank</strong> is, with <math", index);
        string first = File.ReadAllText(Path.Combine(_folder, "site", "01-rank.html"));
        Assert.Contains("was run", first);
        Assert.Contains("<a href=\"02-second.html\">02-second →</a>", first);
        Assert.DoesNotMatch("(src|href)=\"https?:", first + index); // no network
        Assert.Contains("<svg id='picture'>8</svg>", File.ReadAllText(Path.Combine(_folder, "site", "02-second.html")));

        (code, output) = await Workbook("export", "03-broken.ipynb", "01-rank.ipynb", "-o", "other");
        Assert.Equal(1, code);
        Assert.Contains("03-broken.ipynb is not in the site", output);
        Assert.True(File.Exists(Path.Combine(_folder, "other", "01-rank.html")));
    }

    [Fact]
    public async Task TheSitesFirstPageIsALedgerOfWhatTheNotebooksAsserted()
    {
        string charts = typeof(Charts.Claim).Assembly.Location;
        Save("01-lora.ipynb", "// parameters\nvar seed = 3;", $"#r \"{charts}\"\nusing Charts;",
            "display(Claim.Reproduced(\"a < b\", \"Hu et al. 2021, Table 5\", 1 < 2, $\"1 | {seed}\", [seed]));\ndisplay(Claim.NotHere(\"c beats d\", \"ibid.\", true, \"0.1 nats\"));");
        Save("02-plain.ipynb", "// parameters", "1 + 1");

        var (code, output) = await Workbook("export", "01-lora.ipynb", "02-plain.ipynb", "-o", "site");
        Assert.True(code == 0, output);
        string index = File.ReadAllText(Path.Combine(_folder, "site", "index.html"));
        Assert.Contains("2 claims: 1 reproduced, 1 not at this size", index);
        Assert.Contains("a &lt; b <small>Hu et al. 2021, Table 5</small>", index);
        Assert.Contains("1 | 3 <small>seed 3</small>", index);
        var link = System.Text.RegularExpressions.Regex.Match(index, "href=\"(01-lora\\.html)#([^\"]+)\"");
        Assert.Contains($"id=\"{link.Groups[2].Value}\"", File.ReadAllText(Path.Combine(_folder, "site", link.Groups[1].Value)));
        string claims = File.ReadAllText(Path.Combine(_folder, "site", "claims.md"));
        Assert.Contains("| a \\< b (Hu et al. 2021, Table 5) | ✓ reproduced | 1 \\| 3 (seed 3) | 01-lora", claims);

        (code, output) = await Workbook("export", "02-plain.ipynb", "-o", "plain");
        Assert.True(code == 0, output);
        Assert.DoesNotContain("claims", File.ReadAllText(Path.Combine(_folder, "plain", "index.html")));
        Assert.False(File.Exists(Path.Combine(_folder, "plain", "claims.md")));
    }

    [Fact]
    public async Task ZooRefusesWhatItDoesNotHaveAndAPartInPlaceOfTheWhole()
    {
        var (code, output) = await Workbook("zoo", "fod", "--output", "zoo");
        Assert.Equal(2, code);
        Assert.Contains("the zoo has no \"fod\"; nearest: food", output);
        (code, output) = await Workbook("zoo", "food");
        Assert.Equal(2, code);
        Assert.Contains("name a folder with --output", output);
        Assert.Equal(2, (await Workbook("zoo", "--steps", "0")).Code);
    }

    [Fact]
    public async Task SweepRunsEveryLessonThatHasASearchWithItSwitchedOn()
    {
        Save("notebooks/a.ipynb", "// parameters\nvar sweep = false;", "System.IO.File.WriteAllText(\"found.txt\", $\"{sweep}\");");
        Save("notebooks/b.ipynb", "// parameters\nvar fast = false;", "System.IO.File.WriteAllText(\"no.txt\", \"b ran\");");
        var quiet = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(TextWriter.Null) });
        string output = Path.Combine(_folder, "out");
        Assert.Equal(0, await SweepCommand.RunAsync(_folder, [], output, quiet, TestContext.Current.CancellationToken));
        Assert.Equal("True", File.ReadAllText(Path.Combine(_folder, "notebooks", "found.txt")));
        Assert.False(File.Exists(Path.Combine(_folder, "notebooks", "no.txt")));
        Assert.True(File.Exists(Path.Combine(output, "a.html")));
        Assert.Equal(1, await SweepCommand.RunAsync(Path.Combine(_folder, "none"), [], output, quiet, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task AnErrorNamesNotebookCellLineAndSource()
    {
        Save("deep/b.ipynb", "int x = 1;", "x = 2;\nthrow new InvalidOperationException(\"boom\");");
        var (code, output) = await Workbook("run", "deep/b.ipynb", "--output", "results", "--no-html");
        Assert.Equal(1, code);
        Assert.Contains("deep/b.ipynb, cell 2, line 2: InvalidOperationException: boom\n    throw new InvalidOperationException(\"boom\");", output);
        Assert.DoesNotContain(_folder, File.ReadAllText(Path.Combine(_folder, "results", "b.ipynb")));
        Assert.False(File.Exists(Path.Combine(_folder, "results", "b.html")));
    }

    [Fact]
    public async Task ACrashOfOneIsReportedAndTheOthersRun()
    {
        Save("crash.ipynb", "Console.WriteLine(\"before\");", "int Deep(int n) => Deep(n + 1) + 1;\nDeep(0)");
        Save("abort.ipynb", "Environment.FailFast(\"on purpose\");");
        Save("exit.ipynb", "Environment.Exit(3);");
        Save("fine.ipynb", "1 + 1");
        var (code, output) = await Workbook("run", "crash.ipynb", "abort.ipynb", "exit.ipynb", "fine.ipynb", "--no-html");
        Assert.Equal(1, code);
        Assert.Contains("crash.ipynb, cell 2: the session's process aborted: Stack overflow", output);
        Assert.Contains("abort.ipynb, cell 1: the session's process aborted: ", output);
        Assert.Contains("exit.ipynb, cell 1: the session's process ended with code 3", output);
        Assert.Matches(@"fine\.ipynb\s+1\s+[\d.]+\s+ok", output);
        Assert.Equal("before\n", NotebookJson.Join(Notebook.Load(Path.Combine(_folder, "out", "crash.ipynb")).Cells[0].Outputs[0]!["text"]));
    }

    [Theory]
    [InlineData("run", "missing.ipynb", "missing.ipynb")]
    [InlineData("run", "a.ipynb -p rnak=1", "no parameter is named \"rnak\"; known are rank")]
    [InlineData("run", "a.ipynb -p rank", "-p wants name=value")]
    [InlineData("run", "broken.ipynb", "broken.ipynb is not a notebook")]
    [InlineData("sweep", "a.ipynb", "no parameter is named \"sweep\"; known are rank")]
    [InlineData("run", "", "notebooks")]
    [InlineData("rum", "", "rum")]
    public async Task AWrongCallSaysWhatIsWrong(string verb, string arguments, string message)
    {
        Save("a.ipynb", "// parameters\nint rank = 8;");
        File.WriteAllText(Path.Combine(_folder, "broken.ipynb"), "{ \"cells\"");
        var (code, output) = await Workbook([verb, .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
        Assert.NotEqual(0, code);
        Assert.Contains(message, output);
        Assert.DoesNotContain("   at ", output);
    }

    [Fact]
    public async Task ACellThatBlocksIsEndedWithItsProcess()
    {
        Save("sleep.ipynb", "[System.Runtime.InteropServices.DllImport(\"libc\")] static extern uint sleep(uint seconds);\nsleep(600);");
        var clock = Stopwatch.StartNew();
        var (code, output) = await Workbook("run", "sleep.ipynb", "--timeout-cell", "1", "--no-html");
        Assert.Equal(1, code);
        Assert.Contains("sleep.ipynb, cell 1: the cell's time limit of 1 s was reached", output);
        Assert.InRange(clock.Elapsed.TotalSeconds, 1, 120);
    }

    [Fact]
    public async Task ALoopReachesItsTimeLimitAndTheOthersRun()
    {
        Save("loop.ipynb", "int i = 0;", "while (true) { i++; }");
        Save("fine.ipynb", "1 + 1");
        var (code, output) = await Workbook("run", "loop.ipynb", "fine.ipynb", "--timeout-cell", "2", "--no-html");
        Assert.Equal(1, code);
        Assert.Contains("loop.ipynb, cell 2: the cell's time limit of 2 s was reached\n    while (true) { i++; }", output);
        Assert.Matches(@"fine\.ipynb\s+1\s+[\d.]+\s+ok", output);
        Assert.DoesNotContain("process", NotebookJson.Join(Notebook.Load(Path.Combine(_folder, "out", "loop.ipynb")).Cells[1].Outputs[^1]!["traceback"]));
    }

    [Fact]
    public async Task NativeTextComesInItsPlace()
    {
        Save("native.ipynb", """
            using System.Runtime.InteropServices;
            [DllImport("libc")] static extern int puts(string text);
            Console.WriteLine("one");
            puts("two");
            display("three");
            puts("four");
            """);
        var (code, output) = await Workbook("run", "native.ipynb", "--no-html");
        Assert.True(code == 0, output);
        var outputs = Notebook.Load(Path.Combine(_folder, "out", "native.ipynb")).Cells[0].Outputs;
        Assert.Equal(["one\ntwo\n", "three", "four\n"], outputs.OfType<JsonObject>().Select(item => NotebookJson.Join(item["text"] ?? item["data"]!["text/plain"])));
    }

    [Fact]
    public async Task ASessionEndsWithItsParent()
    {
        using var session = await SessionProcess.StartAsync(_folder);
        var running = session.ExecuteAsync(new CellCode("while (true) { }", Path.Combine(_folder, "a.ipynb"), 1), new Recorder(), TestContext.Current.CancellationToken);
        session.Dispose(); // closes its input, as the end of this process would
        Assert.True(session.HasEnded);
        Assert.Equal(CellErrorKind.Crash, (await running.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken)).Error!.Kind);
    }

    [Fact]
    public async Task ASessionGoesOnAfterAnInterrupt()
    {
        using var session = await SessionProcess.StartAsync(_folder);
        var output = new Recorder();
        string path = Path.Combine(_folder, "a.ipynb");
        await session.ExecuteAsync(new CellCode("int x = 5;", path, 1), output, TestContext.Current.CancellationToken);
        using var interrupt = new CancellationTokenSource(500);
        var stopped = await session.ExecuteAsync(new CellCode("while (true) { }", path, 2), output, interrupt.Token);
        Assert.Equal(CellErrorKind.Interrupted, stopped.Error!.Kind);
        Assert.Null((await session.ExecuteAsync(new CellCode("x", path, 3), output, TestContext.Current.CancellationToken)).Error);
        Assert.Equal("value:5", output.Text);
    }

    [Fact]
    public async Task ASinkThatThrowsFailsItsCellAndNoOther()
    {
        using var session = await SessionProcess.StartAsync(_folder);
        string path = Path.Combine(_folder, "a.ipynb");
        var failing = session.ExecuteAsync(new CellCode("1", path, 1), new FullSink(), TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<IOException>(() => failing.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        var output = new Recorder();
        await session.ExecuteAsync(new CellCode("2", path, 2), output, TestContext.Current.CancellationToken);
        Assert.Equal("value:2", output.Text);
    }

    sealed class FullSink : IOutputSink
    {
        public void Stream(string name, string text) => throw new IOException("full");
        public void Display(Formatting.MimeBundle data, string id) => throw new IOException("full");
        public void Update(Formatting.MimeBundle data, string id) => throw new IOException("full");
        public void Result(Formatting.MimeBundle data) => throw new IOException("full");
    }

    [Fact]
    public void ASuitesReportIsRead()
    {
        string report = Path.Combine(_folder, "report.xml");
        File.WriteAllText(report, """
            <assemblies><assembly passed="3" failed="1" skipped="2" errors="0"><collection><test name="A.B" result="Fail"><failure><message>wrong</message><stack-trace>at C</stack-trace></failure></test></collection></assembly></assemblies>
            """);
        var result = TestSuite.Read("X.Tests", report, 1, "", TimeSpan.Zero);
        Assert.Equal((3, 1, 2), (result.Passed, result.Failed, result.Skipped));
        Assert.Equal(["A.B\nwrong\nat C"], result.Failures);
    }

    [Theory]
    [InlineData("""<assemblies><assembly passed="3" failed="0" skipped="0" errors="0"/></assemblies>""", 139, 3, 1)]
    [InlineData("""<assemblies><assembly passed="3" failed="0" skipped="0" errors="0"/></assemblies>""", 0, 3, 0)]
    [InlineData("""<assemblies><assembly passed="3" """, 134, 0, 1)]
    [InlineData(null, 134, 0, 1)]
    public void ACrashedSuiteIsAFailure(string? report, int code, int passed, int failed)
    {
        string path = Path.Combine(_folder, "report.xml");
        if (report is not null)
            File.WriteAllText(path, report);
        var result = TestSuite.Read("X.Tests", path, code, "last words", TimeSpan.Zero);
        Assert.Equal((passed, failed), (result.Passed, result.Failed));
        Assert.Equal(failed, result.Failures.Count);
    }

    [Fact]
    public void TheClosingLineCounts()
    {
        var output = new StringWriter();
        Assert.Equal(1, TestCommand.Close(output, []));
        Assert.Equal(0, TestCommand.Close(output, [new SuiteResult("a", 2, 0, 1, [], TimeSpan.Zero), new SuiteResult("b", 1, 0, 0, [], TimeSpan.Zero)]));
        Assert.Equal(1, TestCommand.Close(output, [new SuiteResult("a", 2, 1, 0, [], TimeSpan.Zero)]));
        Assert.Equal(["0 passed, 0 failed", "3 passed, 0 failed, 1 skipped", "2 passed, 1 failed"], output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void TheDoctorKnowsEveryBlas()
    {
        foreach (var (target, state) in new[] { ("/usr/lib/x/openblas-openmp/libblas.so.3", FindingState.Good), ("/usr/lib/x/openblas-pthread/libblas.so.3", FindingState.Warning), ("/usr/lib/x/blas/libblas.so.3", FindingState.Warning) })
        {
            string link = Path.Combine(_folder, "libblas.so.3-x86_64-linux-gnu");
            File.Delete(link);
            File.CreateSymbolicLink(link, target);
            var finding = Diagnosis.Blas("debian", _folder);
            Assert.Equal(state, finding.State);
            Assert.Equal(state == FindingState.Warning ? "apt-get install libopenblas0-openmp" : null, finding.Remedy);
        }
        Assert.Contains("20 times slower", Diagnosis.Blas("debian", _folder).Found);
        Assert.Equal(FindingState.Missing, Diagnosis.Blas("debian", Path.Combine(_folder, "none")).State);
        Assert.Equal(FindingState.Good, Diagnosis.Blas("python", _folder).State);
    }

    [Fact]
    public void TheDoctorReadsWhatTheNativeBuildLeft()
    {
        string path = Path.Combine(_folder, "libtorch.txt");
        File.WriteAllText(path, "FOLDER=/usr\nINCLUDE=/a;/b=c\n\n");
        Assert.Equal("/a;/b=c", Diagnosis.ReadKeyValues(path)["INCLUDE"]);
        Assert.Empty(Diagnosis.ReadKeyValues(path + ".none"));
    }
}
