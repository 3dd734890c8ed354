using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.Scripting;
using Workbook.Commands;
using Workbook.Notebooks;

namespace Workbook.Tests;

/// <summary>The lessons as files for any C# kernel: what they may use, and how they begin. Running them is `workbook test`'s part.</summary>
public sealed class LessonTests
{
    const string SetUp = "../artifacts/workbook/notebook.csx";

    /// <summary>The namespaces that C# kernels import.</summary>
    static readonly string[] Imports = ["System", "System.Text", "System.Collections", "System.Collections.Generic", "System.Threading.Tasks", "System.Linq"];

    public static TheoryData<string> Lessons() => ConvertTests.Lessons();

    static Notebook Load(string lesson) => Notebook.Load(Path.Combine(Repository.Root, "notebooks", lesson));

    [Theory, MemberData(nameof(Lessons))]
    public void EveryCellCompilesWithWhatCSharpKernelsHaveInCommon(string lesson) => Assert.Empty(Complaints(Load(lesson)));

    [Theory]
    [InlineData("var x = 1;\nx + 1", "")]
    [InlineData("using System.IO;\nvar shown = display(File.Exists(\"a\"), \"text/plain\");\nshown.Update(HTML(\"<b>\"));\n\"a\".Display();\nawait Task.Yield();", "")]
    [InlineData("#!time\nenum Colour { Red }\n#!markdown\n# text", "")]
    [InlineData("var name = await Kernel.GetInputAsync();", "cell 2: CS0103")]      // this repository's kernel has it
    [InlineData("display(1).DisplayId", "cell 2: CS1061")]
    [InlineData("#!javascript\nalert(1)", "cell 2: #!javascript")]
    [InlineData("int x = \"text\";", "cell 2: CS0029")]
    public void TheStubTellsWhatIsInScope(string cell, string complaint)
    {
        var notebook = Notebook.Create();
        notebook.Add("markdown", "# Title");
        notebook.Add("code", cell);
        if (complaint.Length == 0) Assert.Empty(Complaints(notebook));
        else Assert.StartsWith(complaint, Assert.Single(Complaints(notebook)));
    }

    [Theory, MemberData(nameof(Lessons))]
    public void ALessonBeginsAsAllOthersDo(string lesson)
    {
        var notebook = Load(lesson);
        var code = notebook.Cells.Where(cell => cell.Type == "code").ToList();
        Assert.StartsWith("# ", notebook.Cells[0].Source);
        string[] first = code[0].Source.Split('\n');
        Assert.Equal(($"#!import {SetUp}", "display(Plotly.Library);"), (first[0], Regex.Replace(first[1], " *//.*", "")));
        Assert.Contains(first, line => line.StartsWith("Console.WriteLine(Machine.Here);", StringComparison.Ordinal));
        var parameters = Assert.Single(notebook.Cells, cell => cell.Has("parameters"));
        Assert.Contains("var fast = false;", parameters.Source);
        Assert.Contains("var seed = 1;", parameters.Source);
    }

    [Theory, MemberData(nameof(Lessons))]
    public void ALessonIsCommittedWithoutOutputsAndFitsAPage(string lesson)
    {
        var notebook = Load(lesson);
        Assert.All(notebook.Cells, cell => Assert.Matches("^[A-Za-z0-9_-]{1,64}$", cell.Id));
        Assert.Equal(notebook.Cells.Count, notebook.Cells.Select(cell => cell.Id).Distinct().Count());
        foreach (var cell in notebook.Cells.Where(cell => cell.Type == "code"))
        {
            Assert.Empty(cell.Outputs);
            Assert.Null(cell.ExecutionCount);
            Assert.All(cell.Source.Split('\n'), line => Assert.True(line.Length <= 92, $"{cell.Id}: {line.Length} characters: {line}"));
        }
    }

    /// <summary>What keeps a notebook from a kernel that has no more than the stub: "cell 3: CS0103 …".</summary>
    static IEnumerable<string> Complaints(Notebook notebook)
    {
        var options = ScriptOptions.Default.WithReferences(Framework()).AddReferences(Libraries()).WithImports([.. Imports, typeof(KernelStub.Functions).FullName!])
            .WithLanguageVersion(LanguageVersion.Latest).WithOptimizationLevel(OptimizationLevel.Debug);
        Script<object>? script = null;
        var complaints = new List<string>();
        foreach (var (index, cell) in notebook.Cells.Index())
        {
            if (cell.Type != "code") continue;
            var text = new System.Text.StringBuilder();
            bool csharp = true;
            foreach (string line in cell.Source.Split('\n'))
            {
                if (!line.StartsWith("#!", StringComparison.Ordinal)) text.Append(csharp ? line : "").Append('\n');
                else switch (line.Split(' ')[0])
                {
                    case "#!import" when line == $"#!import {SetUp}": Compile("using TorchSharp;\nusing LowRank;\nusing Charts;", index); break;
                    case "#!time": break;
                    case "#!csharp": csharp = true; break;
                    case "#!markdown" or "#!html": csharp = false; break;
                    case var magic: complaints.Add($"cell {index + 1}: {magic} is not a magic of every kernel"); csharp = false; break;
                }
            }
            Compile(text.ToString(), index);
        }
        return complaints;

        void Compile(string code, int index)
        {
            var next = script is null ? CSharpScript.Create<object>(code, options) : script.ContinueWith<object>(code, ScriptOptions.Default.WithLanguageVersion(LanguageVersion.Latest));
            var errors = next.Compile().Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error).ToList();
            complaints.AddRange(errors.Select(error => $"cell {index + 1}: {error.Id} {error.GetMessage()}"));
            if (errors.Count == 0) script = next;
        }
    }

    static IEnumerable<MetadataReference> Framework()
    {
        string folder = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        return ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => Path.GetDirectoryName(path) == folder).Select(path => MetadataReference.CreateFromFile(path));
    }

    static IEnumerable<MetadataReference> Libraries() =>
        new[] { typeof(TorchSharp.torch).Assembly, typeof(LowRank.CausalLm).Assembly, typeof(Charts.Chart).Assembly, typeof(KernelStub.Functions).Assembly }
            .Select(assembly => MetadataReference.CreateFromFile(assembly.Location));
}
