using Workbook.Commands;
using Workbook.Engine;
using Workbook.Notebooks;
using Workbook.Programs;
using Workbook.Running;

namespace Workbook.Tests;

/// <summary>Notebooks as programs for `dotnet run`, and back.</summary>
public sealed class ConvertTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("workbook-convert-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    string At(string name) => Path.Combine(_folder, name);

    string Program(params string[] cells)
    {
        var notebook = Notebook.Create();
        foreach (string cell in cells)
            notebook.Add("code", cell);
        return ProgramWriter.Write(notebook, At("n.ipynb"), At("n.cs"), Repository.Root);
    }

    static void AssertSame(Notebook expected, Notebook actual)
    {
        Assert.Equal(expected.Cells.Count, actual.Cells.Count);
        foreach (var (before, after) in expected.Cells.Zip(actual.Cells))
        {
            Assert.Equal((before.Type, before.Source, before.Id), (after.Type, after.Source, after.Id));
            Assert.Equal(before.Metadata.ToJsonString(), after.Metadata.ToJsonString());
        }
    }

    public static TheoryData<string> Lessons() => [.. Directory.GetFiles(Path.Combine(Repository.Root, "notebooks"), "*.ipynb").Select(path => Path.GetFileName(path)).Order()];

    [Theory, MemberData(nameof(Lessons))]
    public void EveryLessonBecomesAProgramAndItselfAgain(string lesson)
    {
        // the script that lessons import is the published build's; these references are as good for names
        string source = Path.Combine(Repository.Root, "notebooks", lesson);
        var notebook = Notebook.Load(source);
        string script = At("notebook.csx");
        File.WriteAllText(script, string.Join("\n", new[] { "LibTorch", "LowRank", "Charts" }.Select(name => $"#r \"{Path.Combine(AppContext.BaseDirectory, name)}.dll\""))
            + "\nusing TorchSharp;\nusing LowRank;\nusing Charts;\n");
        foreach (var cell in notebook.Cells)
            cell.Source = cell.Source.Replace("#!import ../artifacts/workbook/notebook.csx", $"#!import {script}");
        string program = ProgramWriter.Write(notebook, source, Path.ChangeExtension(source, ".cs"), Repository.Root);
        Assert.Contains("#:project ../src/LowRank/LowRank.csproj", program);
        AssertSame(notebook, ProgramReader.Read(program));
    }

    /// <summary>Everything that a script may do and a program may not.</summary>
    static Notebook Awkward()
    {
        var notebook = Notebook.Create();
        notebook.Add("markdown", "# Title\n\nwith `code`\n\n%% and a line that looks like a mark");
        notebook.Add("code", "using System.IO;\n#!time\nvar x = 1; // one\nforeach (var y in new[] { 1, 2 }) Console.Write(y);\nconst int Two = 2;\nint Twice(int n) => Two * n;", "parameters");
        notebook.Add("code", "var x = \"text\";\nvar y = x + Twice(2);\nFunc<int, int> f = x => x + 1;\ny");
        notebook.Add("code", "/// <summary>A box.</summary>\nclass Box { public int x = 3; public int Twice() => 2 * x; }\nrecord Pair(int x, int y);\nvar box = new Box();");
        notebook.Add("code", "int Twice(int n) => n + n + 1;\nclass Box { public int Side; }\nnew Box { Side = Twice(4) }.Side");
        notebook.Add("code", "Console.WriteLine($\"{x} {y} {box.Twice()} {Twice(1)} {f(1)} {new Pair(1, 2).x}\")");
        notebook.Add("code", "#!html\n<b>not C#</b>");
        notebook.Add("code", "// %% a comment like a mark\n//~ and another\nvar last = from n in new[] { 1, 2 } where n > 1 select n;\nlast.Display();\n");
        notebook.Add("raw", "raw text");
        notebook.Add("code", "");
        notebook.Cells[^1].Metadata["collapsed"] = true;
        return notebook;
    }

    [Fact]
    public void TheWayBackGivesTheSameCells() =>
        AssertSame(Awkward(), ProgramReader.Read(ProgramWriter.Write(Awkward(), At("n.ipynb"), At("n.cs"), Repository.Root)));

    [Fact]
    public async Task TheProgramRunsAndSaysWhatTheNotebookSays()
    {
        File.WriteAllText(At("n.cs"), ProgramWriter.Write(Awkward(), At("n.ipynb"), At("n.cs"), Repository.Root));
        var (code, output) = await ChildProcess.RunAsync(DotnetHost.Path, ["run", "n.cs"], _folder, TimeSpan.FromMinutes(3));
        Assert.True(code == 0, output);
        Assert.Equal("12text4\n9\ntext text4 6 3 2 1\n2", output.ReplaceLineEndings("\n").TrimEnd());
    }

    [Fact]
    public void NamesThatClashAreRenamedAndOthersAreNot()
    {
        string program = Program("var a = 1;", "var a = \"x\";\nforeach (var b in a) { }", "var b = a.Length;\nFunc<int, int> keep = a => a;");
        Assert.Contains("var a = 1;", program);
        Assert.Contains("var a2 = \"x\";\nforeach (var b2 in a2) { }", program);
        Assert.Contains("var b = a2.Length;\nFunc<int, int> keep = a => a;", program);
        Assert.Contains("// %% id=\"cell-1\" renamed={\"a2\":\"a\",\"b2\":\"b\"}", program);
    }

    [Theory]
    [InlineData("var a = ;", "n.ipynb, cell 1: CS1525")]
    [InlineData("#load \"other.csx\"", "cell 1: it has #load \"other.csx\"; a program is one file")]
    [InlineData("#!import other.csx", "other.csx to import")]
    [InlineData("#!unknown", "cell 1: unknown magic #!unknown")]
    [InlineData("public int Side { get; set; }", "cell 1: a program has no place for `public int Side { get; set; }`")]
    public void WhatHasNoPlaceInAProgramIsRefusedWithTheCell(string cell, string message) =>
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => Program(cell)).Message);

    [Fact]
    public void PercentFilesFromElsewhereAreRead()
    {
        var notebook = ProgramReader.Read("using System;\n\n// %% [markdown]\n// # Hello\n//\n// there\n\n// %%\nvar x = 1;\nx + 1\n\n// %% tags=[\"a\",\"b\"]\n// a comment\n");
        Assert.Equal([("markdown", "# Hello\n\nthere"), ("code", "var x = 1;\nx + 1"), ("code", "// a comment")], notebook.Cells.Select(cell => (cell.Type, cell.Source)));
        Assert.Equal(["a", "b"], notebook.Cells[2].Tags);
    }

    [Theory]
    [InlineData("var x = 1;", "no line \"// %%\"")]
    [InlineData("// %% [markdown]\nplain", "the markdown cell at line 1 has a line that is no comment: plain")]
    [InlineData("// %% tags=[a]\n", "line 1: tags=[a]")]
    [InlineData("// %%\n/*~> Gone, cell 1 */\n", "refers to a type that the section [types] does not have: /*~> Gone, cell 1 */")]
    public void ProgramsThatMakeNoNotebookAreRefusedWithTheLine(string text, string message) =>
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => ProgramReader.Read(text)).Message);

    [Fact]
    public void TheCommandWritesOverNothing()
    {
        Awkward().Save(At("n.ipynb"));
        var log = new StringWriter();
        Assert.Equal(0, ConvertCommand.Run(At("n.ipynb"), null, null, force: false, log));
        Assert.Contains("run it with dotnet run", log.ToString());
        Assert.Equal(1, ConvertCommand.Run(At("n.ipynb"), null, null, force: false, log));
        Assert.Contains("is there already; --force writes over it", log.ToString());
        Assert.Equal(1, ConvertCommand.Run(At("n.cs"), "cs", null, force: false, log));
        Assert.Equal(1, ConvertCommand.Run(At("none.ipynb"), null, null, force: false, log));
        Assert.Equal(0, ConvertCommand.Run(At("n.cs"), null, At("back.ipynb"), force: false, log));
        AssertSame(Awkward(), Notebook.Load(At("back.ipynb")));
    }
}
