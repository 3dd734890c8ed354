using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Workbook.Engine;
using Workbook.Notebooks;

namespace Workbook.Tests;

public sealed class ImportTests : IDisposable
{
    readonly Bench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Fact]
    public async Task AReferenceBringsTheAssembliesBesideIt()
    {
        string inner = Compile("Inner", "namespace Inner { public class Box { public int Size => 3; } }");
        Compile("Outer", "namespace Outer { public static class Maker { public static Inner.Box Make() => new(); } }", inner);
        Assert.Equal("value:3", await _bench.Show("#r \"lib/Outer.dll\"\nusing Outer;\nMaker.Make().Size"));
        Assert.Equal("value:3", await _bench.Show("new Inner.Box().Size")); // the dependency's own types are usable, and later too
    }

    [Fact]
    public async Task AMissingReferenceIsCS0006()
    {
        var (_, error) = await _bench.Run("#r \"lib/missing.dll\"\n1");
        Assert.StartsWith("CS0006", error!.Message);
        Assert.Equal(1, error.Line);
    }

    [Fact]
    public async Task AScriptImportsReferencesRelativeToItself()
    {
        Compile("Alone", "namespace Alone { public static class One { public const int Value = 1; } }");
        _bench.Write("lib/notebook.csx", "#r \"Alone.dll\"\nusing Alone;\n");
        Assert.Equal("value:1", await _bench.Show("#!import lib/notebook.csx\nOne.Value"));
        Assert.Equal("value:1", await _bench.Show("One.Value"));
    }

    [Fact]
    public async Task LoadKeepsDeclarations()
    {
        _bench.Write("helper.csx", "int Three() => 3;");
        Assert.Equal("value:3", await _bench.Show("#load \"helper.csx\"\nThree()"));
    }

    [Fact]
    public async Task ImportRunsEveryKindOfFile()
    {
        var notebook = Notebook.Create();
        notebook.Add("markdown", "no code");
        notebook.Add("code", "using System.Globalization;\nint a = 1;");
        notebook.Add("code", "int b = a + 1;\nConsole.WriteLine(b);");
        notebook.Save(Path.Combine(_bench.Folder, "other.ipynb"));
        _bench.Write("three.cs", "static class Three { public static int Value => 3; }");
        _bench.Write("four.dib", "#!meta\n{\"kernelInfo\":{}}\n#!markdown\n# text\n#!csharp\nint four = 4;\n");
        var (output, error) = await _bench.Run("#!import other.ipynb\n#!import three.cs\n#!import four.dib\nvar i = CultureInfo.InvariantCulture;\na + b + Three.Value + four");
        Assert.True(error is null, error?.ToString());
        Assert.Equal("stdout:2", output.Events[0]);
        Assert.Equal("value:10", output.Events[^1]);
    }

    [Fact]
    public async Task AnErrorInAnImportedNotebookNamesItsCell()
    {
        var notebook = Notebook.Create();
        notebook.Add("markdown", "text");
        notebook.Add("code", "int a = 1;\nint b = nothing;");
        notebook.Save(Path.Combine(_bench.Folder, "other.ipynb"));
        var (_, error) = await _bench.Run("int first = 1;\n#!import other.ipynb");
        Assert.EndsWith("other.ipynb", error!.Path);
        Assert.Equal((2, 2, "int b = nothing;"), (error.Cell, error.Line, error.SourceLine));
        Assert.Equal("value:1", await _bench.Show("first"));
    }

    [Fact]
    public async Task AFileThatImportsItselfIsAnError()
    {
        _bench.Write("loop.csx", "#!import loop.csx\n");
        var (_, error) = await _bench.Run("#!import loop.csx");
        Assert.Equal(CellErrorKind.Magic, error!.Kind);
        Assert.Contains("imports itself", error.Message);
    }

    [Fact]
    public async Task LineNumbersCountTheLinesBeforeAnImport()
    {
        _bench.Write("empty.csx", "int one = 1;");
        var (_, error) = await _bench.Run("#!time\n#!import empty.csx\nint two = 2;\nthrow new Exception(\"here\");");
        Assert.Equal((4, "throw new Exception(\"here\");"), (error!.Line, error.SourceLine));
    }

    string Compile(string name, string code, params string[] references)
    {
        string framework = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        var metadata = references.Append(typeof(object).Assembly.Location).Append(Path.Combine(framework, "System.Runtime.dll"))
            .Select(path => MetadataReference.CreateFromFile(path));
        string path = Path.Combine(Directory.CreateDirectory(Path.Combine(_bench.Folder, "lib")).FullName, name + ".dll");
        var result = CSharpCompilation.Create(name, [CSharpSyntaxTree.ParseText(code)], metadata, new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary)).Emit(path);
        Assert.True(result.Success, string.Join("\n", result.Diagnostics));
        return path;
    }
}
