using Workbook.Engine;

namespace Workbook.Tests;

/// <summary>Completion and inspection at the place of a "|" in a cell.</summary>
public sealed class CompletionTests : IDisposable
{
    readonly Bench _bench = new();

    public void Dispose() => _bench.Dispose();

    CodePosition At(string marked)
    {
        int at = marked.IndexOf('|');
        return new CodePosition(marked.Remove(at, 1), at, _bench.NotebookPath);
    }

    async Task<string[]> Complete(string marked) => [.. (await _bench.Session.CompleteAsync(At(marked))).Items.Select(item => item.Text)];

    async Task<string> Inspect(string marked) => (await _bench.Session.InspectAsync(At(marked)))?["text/plain"] ?? "";

    [Theory]
    [InlineData("Console.WriteL|", "WriteLine")]
    [InlineData("\"abc\".Subs|", "Substring")]
    [InlineData("new[] { 1 }.Whe|", "Where")]                       // an extension method
    [InlineData("new[] { \"a\" }.Select(s => s.Leng|", "Length")]   // in a lambda that is not finished
    [InlineData("int.MaxV|", "MaxValue")]
    [InlineData("List<int> l = new(); l.AddR|", "AddRange")]
    [InlineData("string? s = null; s?.Subs|", "Substring")]
    [InlineData("DateTime? d = null; d?.AddDa|", "AddDays")]
    [InlineData("System.Threading.Task|", "Tasks")]
    [InlineData("using System.Globaliz|", "Globalization")]
    [InlineData("using static System.Mat|", "Math")]
    [InlineData("using Syst|", "System")]
    [InlineData("var firstLocal = 1;\nfirstLo|", "firstLocal")]
    [InlineData("void F(int parameter) { parame|", "parameter")]
    [InlineData("foreach (var item in new[] { 1 }) { ite|", "item")]
    [InlineData("int Twice(int n) => 2 * n;\nTwi|", "Twice")]
    [InlineData("class Own { public int Member => 1; }\nnew Own().Mem|", "Member")]
    [InlineData("displ|", "display")]
    [InlineData("Kernel.GetIn|", "GetInputAsync")]
    [InlineData("forea|", "foreach")]
    [InlineData("DayOfWeek.Mon|", "Monday")]
    [InlineData("var s = $\"{DateTime.Now.Ye|", "Year")]
    [InlineData("if (Math.Ma|) { }", "Max")]
    [InlineData("var text = \"a\";\ntext.\nvar y = 1;|", "y")]
    [InlineData("var text = \"a\";\ntext.|\nvar y = 1;", "Length")]   // parsed as a declaration of type text.var
    [InlineData("var text = \"a\";\ntext.|\ny = 1;", "Length")]
    [InlineData("string.Join(sep|", "separator:")]
    [InlineData("new string(cou|", "count:")]
    [InlineData("string.Join(\",\", val|", "values:")]
    [InlineData("new System.Text.StringBuilder { Capa|", "Capacity")]
    [InlineData("#!html\n<b>\n#!csharp\nConsole.WriteL|", "WriteLine")]
    [InlineData("writeLine|", "")]
    [InlineData("console.|", "")]
    public async Task WhatFitsIsOffered(string marked, string expected)
    {
        string[] found = await Complete(marked);
        if (expected.Length == 0)
            Assert.Empty(found);
        else
            Assert.Contains(expected, found);
    }

    [Fact]
    public async Task EarlierCellsAreKnown()
    {
        await _bench.Show("using System.Globalization;\nvar earlierValue = \"text\";\nint EarlierFunction(int someArgument) => someArgument;\nrecord Card(int Number);");
        Assert.Contains("earlierValue", await Complete("earl|"));
        Assert.Contains("Length", await Complete("earlierValue.Len|"));
        Assert.Contains("EarlierFunction", await Complete("Earl|"));
        Assert.Contains("someArgument:", await Complete("EarlierFunction(some|"));
        Assert.Contains("CultureInfo", await Complete("CultureI|"));
        Assert.Contains("Number", await Complete("new Card(1) with { Num|"));
        Assert.StartsWith("string earlierValue", await Inspect("earlierVal|ue"));
        Assert.Equal("value:text", await _bench.Show("earlierValue")); // asking changes nothing
    }

    [Theory]
    [InlineData("// Console.|")]
    [InlineData("/* Console.| */")]
    [InlineData("\"Console.|\"")]
    [InlineData("$\"Console.|\"")]
    [InlineData("$\"|\"")]
    [InlineData("$\"{1}|\"")]
    [InlineData("\"Console.|")]
    [InlineData("@\"Console.|")]
    [InlineData("\"\"\"\nConsole.|\n\"\"\"")]
    [InlineData("'a|'")]
    [InlineData("12|")]
    public async Task TextIsNotCompleted(string marked) => Assert.Empty(await Complete(marked));

    [Fact]
    public async Task NamesOfTheRightCaseComeFirstAndHiddenOnesNever()
    {
        Assert.Equal("Console", (await Complete("Consol|"))[0]);
        string[] members = await Complete("new List<int>().|");
        Assert.Contains("Add", members);
        Assert.DoesNotContain("get_Count", members);
        Assert.DoesNotContain("MaxValue", await Complete("1.5.|"));
        Assert.DoesNotContain("Interruption", await Complete("Workbook.Engine.|"));
        Assert.Equal(["IsNullOrEmpty"], await Complete("string.NullOrE|")); // nothing begins so: a part of the name
    }

    [Fact]
    public async Task PathsAndMagicsAreCompleted()
    {
        _bench.Write("lib/One.dll", "");
        _bench.Write("lib/One.xml", "");
        _bench.Write("lib/part.csx", "");
        _bench.Write("lesson.ipynb", "");
        Assert.Equal(["lib/"], await Complete("#r \"|"));
        Assert.Equal(["One.dll"], await Complete("int x = 1;\n#r \"lib/|"));
        Assert.Equal(["part.csx"], await Complete("#load \"lib/p|"));
        Assert.Equal(["lesson.ipynb", "lib/"], await Complete("#!import l|"));
        Assert.Empty(await Complete("#r \"none/|"));
        Assert.Equal(["#!markdown"], await Complete("#!m|"));
        var found = await _bench.Session.CompleteAsync(At("#r \"lib/On|"));
        Assert.Equal((8, 10), (found.Start, found.End));
    }

    [Theory]
    [InlineData("Math.M|ax(1, 2)", "int Math.Max(int val1, int val2)", "Returns the larger of two 32-bit signed integers.")]
    [InlineData("Math.Max(1|, 2)", "int Math.Max(int val1, int val2)", "val1: The first of two 32-bit")]
    [InlineData("new Uri(|\"a:b\")", "Uri.Uri(string uriString)", "Initializes a new instance of the Uri class")]
    [InlineData("string te|xt = \"\";", "string text", "")]
    [InlineData("str|ing text = \"\";", "string", "Represents text as a sequence of UTF-16 code units.")]
    [InlineData("List<int> list = new(); list.Cou|nt", "int List<int>.Count", "Gets the number of elements contained in the List.")]
    [InlineData("/// <summary>Twice <paramref name=\"n\"/>.</summary>\nint Twice(int n) => 2 * n;\nTwi|ce(1)", "int Twice(int n)", "Twice n.")]
    [InlineData("System.Threa|ding.Thread t;", "namespace Threading", "")]
    [InlineData("disp|lay(1)", "DisplayedValue CellFunctions.display(object? value, params string[] mimeTypes)", "Shows a value below the cell")]
    public async Task AnInspectionDeclaresAndExplains(string marked, string declaration, string text)
    {
        string found = await Inspect(marked);
        Assert.StartsWith(declaration, found);
        Assert.Contains(text, found);
    }

    [Fact]
    public async Task DocumentationIsThatOfTheAssemblyThatIsReferenced()
    {
        string charts = Path.Combine(AppContext.BaseDirectory, "Charts.dll").Replace('\\', '/');
        await _bench.Show($"#r \"{charts}\"\nusing Charts;");
        Assert.StartsWith("record Chart\nA chart", await Inspect("Cha|rt chart;"));
    }

    [Theory]
    [InlineData("nothing|")]
    [InlineData("|")]
    [InlineData("// com|ment")]
    [InlineData("#!ht|ml\n<b>")]
    public async Task WhatIsUnknownIsNotExplained(string marked) => Assert.Equal("", await Inspect(marked));

    [Theory]
    [InlineData("1", "complete", "")]
    [InlineData("", "complete", "")]
    [InlineData("int x = 1;", "complete", "")]
    [InlineData("#!html\n<b>", "complete", "")]
    [InlineData("if (true)\n{", "incomplete", "    ")]
    [InlineData("class A { void F() {", "incomplete", "        ")]
    [InlineData("F(1,", "incomplete", "")]
    [InlineData("var x =", "incomplete", "")]
    [InlineData("int x = ;", "invalid", "")]
    [InlineData("}", "invalid", "")]
    [InlineData("#!nonsense", "invalid", "")]
    public async Task AConsoleKnowsWhetherToGoOn(string source, string status, string indent) =>
        Assert.Equal(new Completeness(status, indent), await _bench.Session.IsCompleteAsync(source));
}
