using System.Diagnostics;
using Workbook.Engine;
using Workbook.Formatting;

namespace Workbook.Tests;

public sealed class SessionTests : IDisposable
{
    readonly Bench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Fact]
    public async Task ATrailingExpressionIsTheValue()
    {
        Assert.Equal("value:42", await _bench.Show("var x = 40;\nx + 2"));
        Assert.Equal("", await _bench.Show("x + 2;".Replace("x + 2;", "x = x + 2;")));
        Assert.Equal("value:42", await _bench.Show("x"));
        Assert.Equal("value:null", await _bench.Show("(string?)null"));
        Assert.Equal("stdout:hi", await _bench.Show("Console.WriteLine(\"hi\")")); // void: no value
    }

    [Fact]
    public async Task TheImportsAreThere() =>
        Assert.Equal("value:[3, 4]", await _bench.Show("var b = new StringBuilder(); Task t = Task.CompletedTask; IEnumerable e = new List<int>();\nnew[] { 1, 2 }.Select(i => i + 2).ToList()"));

    [Fact]
    public async Task AwaitWorksAtTheTop() => Assert.Equal("value:7", await _bench.Show("await Task.Delay(5);\nawait Task.FromResult(7)"));

    [Fact]
    public async Task ALaterCellMayDeclareANameAgain()
    {
        await _bench.Show("int x = 1; int Twice() => 2 * x;");
        await _bench.Show("string x = \"text\";");
        Assert.Equal("value:text2", await _bench.Show("x + Twice()"));
    }

    [Fact]
    public async Task UsingsPersist()
    {
        await _bench.Show("using System.Globalization;");
        Assert.Equal("value:Invariant Language (Invariant Country)", await _bench.Show("CultureInfo.InvariantCulture.EnglishName"));
    }

    [Fact]
    public async Task AnExceptionKeepsWhatTheCellHadAssigned()
    {
        await _bench.Show("int x = 1;");
        var (_, error) = await _bench.Run("x = 2;\nint y = 3;\nthrow new InvalidOperationException(\"boom\");");
        Assert.Equal(CellErrorKind.Runtime, error!.Kind);
        Assert.Equal("InvalidOperationException: boom", error.Message);
        Assert.Equal((2, 3, "throw new InvalidOperationException(\"boom\");"), (error.Cell, error.Line, error.SourceLine));
        Assert.EndsWith("lesson.ipynb", error.Path);
        Assert.DoesNotContain("Microsoft.CodeAnalysis", error.Details);
        Assert.Equal("value:5", await _bench.Show("x + y"));
    }

    [Fact]
    public async Task ACompileErrorChangesNothing()
    {
        await _bench.Show("int x = 1;");
        var (output, error) = await _bench.Run("Console.WriteLine(x);\nx = 5;\nint x2 = nonsense;");
        Assert.Equal((CellErrorKind.Compilation, 2, 3), (error!.Kind, error.Cell, error.Line));
        Assert.StartsWith("CS0103", error.Message);
        Assert.Equal("int x2 = nonsense;", error.SourceLine);
        Assert.Contains("(3,10): error CS0103", error.Details);
        Assert.Empty(output.Events);
        Assert.Equal("value:1", await _bench.Show("x"));
        Assert.Equal(CellErrorKind.Compilation, (await _bench.Run("x2")).Error!.Kind);
    }

    [Fact]
    public async Task AnErrorInAFunctionOfAnEarlierCellNamesThatCell()
    {
        await _bench.Show("int Half(int n)\n{\n    if (n % 2 == 1) throw new ArgumentException($\"{n} is odd\");\n    return n / 2;\n}");
        var (_, error) = await _bench.Run("Half(4) + Half(3)");
        Assert.Equal((1, 3), (error!.Cell, error.Line));
    }

    [Fact]
    public async Task DisplaysAndStreamsStayInOrder()
    {
        string shown = await _bench.Show("""
            Console.WriteLine("one");
            display(2);
            Console.Error.WriteLine("three");
            "four".Display();
            var d = display("five");
            Console.Write('6');
            d.Update("seven");
            8
            """);
        Assert.Equal("stdout:one|display:2|stderr:three|display:four|display:five|stdout:6|update:seven|value:8", shown);
    }

    [Fact]
    public async Task ADisplayCanBeUpdatedByALaterCell()
    {
        await _bench.Show("var d = display(1);");
        Assert.Equal("update:2", await _bench.Show("d.Update(2);"));
    }

    [Fact]
    public async Task HtmlIsShownAsHtml()
    {
        var (output, _) = await _bench.Run("display(HTML(\"<b>x</b>\")); display(\"<i>\", \"text/html\"); 1");
        Assert.Equal("<b>x</b>", output.Shown[0][MimeBundle.Html]);
        Assert.Equal([MimeBundle.Html], output.Shown[1].Keys);
        Assert.Equal("<div class=\"dni-plaintext\"><pre>1</pre></div>", output.Shown[2][MimeBundle.Html]);
    }

    [Fact]
    public async Task MarkdownAndHtmlCellsAreShown()
    {
        var (output, _) = await _bench.Run("#!html\n<b>x</b>\n#!markdown\n# title\n#!csharp\n1");
        Assert.Equal("display:<b>x</b>|display:# title|value:1", output.Text);
        Assert.Equal([MimeBundle.Html], output.Shown[0].Keys);
        Assert.Equal([MimeBundle.Markdown], output.Shown[1].Keys);
    }

    [Fact]
    public async Task TimeIsShown() => Assert.Matches(@"^display:Wall time: [\d.]+ms$", await _bench.Show("#!time\nint i = 1;"));

    [Theory]
    [InlineData("int a = 1;\n#!fsharp\nlet x = 1", "#!fsharp", 2)]
    [InlineData("#!import", "#!import needs a file", 1)]
    [InlineData("\n#!import missing.csx", "missing.csx", 2)]
    [InlineData("#!import data.txt", ".ipynb, .dib, .csx and .cs", 1)]
    public async Task AWrongMagicIsAnErrorThatNamesIt(string code, string message, int line)
    {
        _bench.Write("data.txt", "x");
        var (_, error) = await _bench.Run(code);
        Assert.Equal((CellErrorKind.Magic, line), (error!.Kind, error.Line));
        Assert.Contains(message, error.Message);
    }

    [Fact]
    public async Task ATightLoopIsInterruptedAndTheStateSurvives()
    {
        await _bench.Show("int x = 7;");
        foreach (string loop in new[] { "while (true) { }", "await Task.Delay(-1);", "await Task.Delay(1); while (true) { }", "while (true) { try { while (true) { } } catch { } }" })
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
            var clock = Stopwatch.StartNew();
            var (_, error) = await _bench.Run(loop, limit.Token).WaitAsync(TimeSpan.FromSeconds(100), TestContext.Current.CancellationToken);
            Assert.Equal(CellErrorKind.Interrupted, error!.Kind);
            Assert.InRange(clock.Elapsed.TotalSeconds, 0.1, 10);
        }
        Assert.Equal("value:7", await _bench.Show("x"));
    }

    [Fact]
    public async Task BlockingOnAContinuationDoesNotDeadlock()
    {
        var run = _bench.Show("async Task<int> Later() { await Task.Delay(5); return 4; }\nLater().Result + Task.Run(Later).Result");
        Assert.Equal("value:8", await run.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task ATaskThatIsNotAwaitedGoesOn()
    {
        await _bench.Show("async Task Later() { await Task.Delay(20); done = true; }\nbool done = false;\nvar later = Later();");
        Assert.Equal("value:True", await _bench.Show("await later;\ndone"));
    }

    [Fact]
    public async Task AFormatterThatThrowsIsTheCellsError()
    {
        var (_, error) = await _bench.Run("class Bad { public override string ToString() => throw new InvalidOperationException(\"no text\"); }\nnew Bad()");
        Assert.Equal(CellErrorKind.Runtime, error!.Kind);
        Assert.Contains("no text", error.Message);
        Assert.Equal("value:1", await _bench.Show("1"));
    }

    [Fact]
    public async Task ReadingTheConsoleGivesNothing() => Assert.Equal("value:null", await _bench.Show("Console.ReadLine()"));

    /// <summary>Roslyn keeps a submission's compilation and assembly, some 60 KB; nothing in it may grow with the number of cells before it.</summary>
    [Fact]
    public async Task ACellCostsTheSameMemoryHoweverManyCameBefore()
    {
        const int cells = 60;
        for (int i = 0; i < 2 * cells; i++)
            await _bench.Show($"{i} + 1");
        long before = GC.GetTotalMemory(forceFullCollection: true);
        for (int i = 0; i < cells; i++)
            await _bench.Show($"{i} + 1");
        Assert.InRange((GC.GetTotalMemory(forceFullCollection: true) - before) / (double)cells, 0, 200_000);
    }

    [Fact]
    public void AProcessHasOneSession() => Assert.Throws<InvalidOperationException>(() => new Session());
}
