using System.Xml.Linq;
using Workbook.Engine;
using Workbook.Notebooks;
using Workbook.Running;

namespace Workbook.Tests;

public sealed class RunnerTests : IDisposable, IRunProgress
{
    readonly Bench _bench = new();
    readonly Notebook _notebook = Notebook.Create();

    public void Dispose() => _bench.Dispose();
    void IRunProgress.CellStarted(int number, int count, string title) { }
    void IRunProgress.CellEnded(CellOutcome outcome, int count) { }
    void IRunProgress.Wrote(string text) { }

    Task<NotebookOutcome> Run(RunLimits? limits = null) =>
        new NotebookRunner(_bench.Session, this).RunAsync(_notebook, _bench.NotebookPath, limits ?? new RunLimits(), TestContext.Current.CancellationToken);

    [Fact]
    public async Task OutputsArePutIntoTheNotebook()
    {
        _notebook.Add("markdown", "# text");
        var cell = _notebook.Add("code", "Console.Write(\"a\"); Console.WriteLine(\"b\"); var d = display(1); Console.Error.WriteLine(\"c\"); 5");
        _notebook.Add("code", "d.Update(2);");
        Assert.Null((await Run()).Error);
        Assert.Equal(["stream", "display_data", "stream", "execute_result"], cell.Outputs.Select(output => output!["output_type"]!.GetValue<string>()));
        Assert.Equal("ab\n", cell.Outputs[0]!["text"]!.GetValue<string>());
        Assert.Equal("2", cell.Outputs[1]!["data"]!["text/plain"]!.GetValue<string>());
        Assert.Equal(1, cell.Outputs[3]!["execution_count"]!.GetValue<int>());
        Assert.Equal((1, 2), (cell.ExecutionCount, _notebook.Cells[2].ExecutionCount));
        Assert.Equal(_notebook.ToJson(), Notebook.Parse(_notebook.ToJson()).ToJson());
    }

    [Fact]
    public async Task TheFirstErrorEndsTheRunAndNamesItsPlace()
    {
        _notebook.Add("markdown", "# text");
        _notebook.Add("code", "int x = 1;");
        _notebook.Add("code", "x = 2;\nif (x == 2) throw new Exception(\"two\");");
        _notebook.Add("code", "Console.WriteLine(\"never\");");
        var outcome = await Run();
        Assert.Equal((3, 2), (outcome.Error!.Cell, outcome.Error.Line));
        Assert.Contains("lesson.ipynb, cell 3, line 2: Exception: two\n    if (x == 2) throw", outcome.Error.ToString());
        Assert.Equal(2, outcome.Cells.Count);
        Assert.Equal("error", _notebook.Cells[2].Outputs[^1]!["output_type"]!.GetValue<string>());
        Assert.Equal("Exception: two", _notebook.Cells[2].Outputs[^1]!["evalue"]!.GetValue<string>());
        Assert.Empty(_notebook.Cells[3].Outputs);
    }

    [Fact]
    public async Task ACompileErrorIsOnStderrToo()
    {
        var cell = _notebook.Add("code", "int x = y;");
        await Run();
        Assert.Contains("error CS0103", cell.Outputs[0]!["text"]!.GetValue<string>());
        Assert.Equal(("Error", "compilation error"), (cell.Outputs[1]!["ename"]!.GetValue<string>(), cell.Outputs[1]!["evalue"]!.GetValue<string>()));
    }

    [Fact]
    public async Task TagsSkipAndExpect()
    {
        _notebook.Add("code", "throw new Exception(\"skipped\");", "skip-execution");
        _notebook.Add("code", "throw new Exception(\"expected\");", "raises-exception");
        _notebook.Add("code", "int fine = 1;", "raises-exception");
        var outcome = await Run();
        Assert.Equal((3, 2), (outcome.Error!.Cell, outcome.Cells.Count));
        Assert.Contains("raised none", outcome.Error.Message);
        Assert.Empty(_notebook.Cells[0].Outputs);
    }

    [Fact]
    public async Task LimitsEndACellAndANotebook()
    {
        _notebook.Add("code", "int warm = 1;");
        Assert.Null((await Run()).Error);
        _notebook.Add("code", "while (true) { }");
        var cell = await Run(new RunLimits(Cell: TimeSpan.FromSeconds(3)));
        Assert.Equal((2, "the cell's time limit of 3 s was reached"), (cell.Error!.Cell, cell.Error.Message));
        var whole = await Run(new RunLimits(Cell: TimeSpan.FromSeconds(60), Notebook: TimeSpan.FromSeconds(3)));
        Assert.Equal((2, "the notebook's time limit of 3 s was reached"), (whole.Error!.Cell, whole.Error.Message));
    }

    [Fact]
    public void ParametersAreTypedByWhatTheCellAssigns()
    {
        _notebook.Add("code", "int rank = 8; var lr = 2e-4;\nbool fast = false;\nvar domain = \"noun\";\nconst int steps = 10;\nvar ranks = new[] { 1, 2 };\nvar scale = -1f;\nint? limit = null;", "parameters");
        _notebook.Add("code", "rank");
        Parameters.Inject(_notebook, Pairs(("rank", "16"), ("lr", "1"), ("fast", "True"), ("domain", "a\"b"), ("steps", "5"), ("ranks", "new[] { 4 }"), ("scale", "2"), ("limit", "3")));
        Assert.Equal("// Parameters\nrank = 16;\nlr = 1;\nfast = true;\ndomain = \"a\\\"b\";\nconst int steps = 5;\nranks = new[] { 4 };\nscale = 2f;\nlimit = 3;", _notebook.Cells[1].Source);
        Assert.True(_notebook.Cells[1].Has("injected-parameters"));
        Parameters.Inject(_notebook, Pairs(("rank", "4")));
        Assert.Equal(["// Parameters\nrank = 4;"], _notebook.Cells.Where(cell => cell.Has("injected-parameters")).Select(cell => cell.Source));
        Assert.Equal(["rank", "lr", "fast", "domain", "steps", "ranks", "scale", "limit"], Parameters.Names(_notebook));
    }

    [Theory]
    [InlineData("rnak", "1", "\"rnak\"; known are rank, fast, lr")]
    [InlineData("rank", "1.5", "rank is an integer, but \"1.5\"")]
    [InlineData("fast", "yes", "fast is true or false")]
    [InlineData("lr", "much", "lr is a number")]
    public void AWrongParameterIsAnError(string name, string value, string message)
    {
        _notebook.Add("code", "int rank = 8; bool fast = false; double lr = 1;", "parameters");
        Assert.Contains(message, Assert.Throws<ParameterException>(() => Parameters.Inject(_notebook, Pairs((name, value)))).Message);
    }

    [Fact]
    public void ParametersNeedTheirCell() =>
        Assert.Contains("no cell tagged \"parameters\"", Assert.Throws<ParameterException>(() => Parameters.Inject(_notebook, Pairs(("a", "1")))).Message);

    [Fact]
    public async Task AnInjectedValueReachesTheCells()
    {
        _notebook.Add("code", "double lr = 0.5;", "parameters");
        var cell = _notebook.Add("code", "lr * 2");
        Parameters.Inject(_notebook, Pairs(("lr", "3")));
        Assert.Null((await Run()).Error);
        Assert.Equal("6", cell.Outputs[0]!["data"]!["text/plain"]!.GetValue<string>());
    }

    [Fact]
    public void JUnitHasACaseACell()
    {
        string path = Path.Combine(_bench.Folder, "deep", "junit.xml");
        var error = new CellError(CellErrorKind.Runtime, "bad \u001b[1m", "details", "a.ipynb", 2, 1, "x");
        JUnit.Write(path, [new NotebookOutcome("n/a.ipynb", null, [new CellOutcome(1, "one", null, TimeSpan.FromSeconds(1)), new CellOutcome(2, "two", error, TimeSpan.Zero)], error, TimeSpan.FromSeconds(2)),
            new NotebookOutcome("b.ipynb", null, [], error, TimeSpan.Zero)]);
        var xml = XDocument.Load(path);
        Assert.Equal(("3", "2"), (xml.Root!.Attribute("tests")!.Value, xml.Root.Attribute("failures")!.Value));
        Assert.Equal(["cell 1: one", "cell 2: two", "notebook"], xml.Descendants("testcase").Select(item => item.Attribute("name")!.Value));
        Assert.Equal(2, xml.Descendants("failure").Count());
    }

    static KeyValuePair<string, string>[] Pairs(params (string Name, string Value)[] pairs) => [.. pairs.Select(pair => KeyValuePair.Create(pair.Name, pair.Value))];
}
