// The chain of Roslyn submissions behind a session. A submission is compiled first; only what compiled becomes part of the
// chain, so a compile error changes nothing. What a run assigned before it threw stays. What runs is the cell's text with
// checks for an interrupt (LoopChecks); diagnostics are those of the text as it was written.

using System.Collections.Immutable;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Scripting;
using Microsoft.CodeAnalysis.Scripting.Hosting;

namespace Workbook.Engine;

/// <summary>A submission that compiled, or the diagnostics that say why it did not.</summary>
internal sealed record Compiled(Script<object> Script, bool HasValue, ImmutableArray<Diagnostic> Errors);

/// <summary>Compiles and runs submissions one after another.</summary>
internal sealed class ScriptChain : IDisposable
{
    /// <summary>The namespaces that every cell has without a using.</summary>
    public static IReadOnlyList<string> Namespaces { get; } =
        ["System", "System.Text", "System.Collections", "System.Collections.Generic", "System.Threading.Tasks", "System.Linq"];

    /// <summary>How cells are compiled before they refer to anything.</summary>
    public static ScriptOptions Options { get; } = ScriptOptions.Default
        .WithReferences(FrameworkReferences())
        .WithImports([.. Namespaces, typeof(CellFunctions).FullName!])
        .WithLanguageVersion(LanguageVersion.Latest)
        .WithAllowUnsafe(true)
        .WithOptimizationLevel(OptimizationLevel.Release)
        .WithEmitDebugInformation(true) // lines in stack traces
        .WithFileEncoding(Encoding.UTF8);

    private readonly InteractiveAssemblyLoader _loader = new();
    private ScriptOptions _options = Options;
    private ScriptState<object>? _state;

    /// <summary>Compiles code that stands in <paramref name="path"/> (the name that its stack frames carry).</summary>
    public Compiled Compile(string code, string path)
    {
        var options = OptionsFor(code, path);
        var written = Continue(code, options);
        var script = WithChecks(written, options, Path.GetDirectoryName(path)!);
        var errors = Errors(script);
        if (!errors.IsEmpty && script != written)
            (script, errors) = (written, Errors(written)); // its author's places; and no check is worth a cell that does not compile
        if (errors.IsEmpty)
            _options = _options.WithReferences(options.MetadataReferences);
        return new Compiled(script, errors.IsEmpty && HasValue(script), errors);
    }

    /// <summary>What the compiler makes of code that may be broken, after what has run; nothing becomes part of the chain.</summary>
    public Compilation Model(string code, string path) => Continue(code, OptionsFor(code, path)).GetCompilation();

    private ScriptOptions OptionsFor(string code, string path)
    {
        string folder = Path.GetDirectoryName(path)!;
        var options = _options
            .WithFilePath(path)
            .WithMetadataResolver(ScriptMetadataResolver.Default.WithBaseDirectory(folder))
            .WithSourceResolver(ScriptSourceResolver.Default.WithBaseDirectory(folder));
        return options.AddReferences(Dependencies(code, path, options));
    }

    /// <summary>A submission has the imports and references of those before it. Given again, every cell would repeat all of them: its
    /// compilation grew with the number of cells, 5 MB each after a thousand.</summary>
    private Script<object> Continue(string code, ScriptOptions options) => _state is null
        ? CSharpScript.Create<object>(code, options, assemblyLoader: _loader)
        : _state.Script.ContinueWith<object>(code, options.WithImports([]).WithReferences(options.MetadataReferences.Except(Options.MetadataReferences)));

    private Script<object> WithChecks(Script<object> written, ScriptOptions options, string folder)
    {
        var compilation = written.GetCompilation();
        var tree = compilation.SyntaxTrees.Last();
        string code = LoopChecks.Insert(tree, compilation.GetSemanticModel(tree));
        bool loads = tree.GetCompilationUnitRoot().GetLoadDirectives().Any();
        if (loads)
            options = options.WithSourceResolver(new CheckedSources(folder, (CSharpParseOptions)tree.Options));
        return loads || code.Length != written.Code.Length ? Continue(code, options) : written;
    }

    private static ImmutableArray<Diagnostic> Errors(Script script) =>
        [.. script.Compile().Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error)];

    /// <summary>Runs what compiled; the returned state carries the exception if the code threw.</summary>
    public Task<ScriptState<object>> Run(Compiled compiled) => _state is null
        ? compiled.Script.RunAsync(globals: null, catchException: _ => true)
        : compiled.Script.RunFromAsync(_state, catchException: _ => true);

    /// <summary>Makes the state of a run the one that the next submission continues.</summary>
    public void Accept(ScriptState<object> state) => _state = state;

    /// <summary>Forgets the value of the last submission, so that it can be collected once no variable holds it.</summary>
    public void Dispose() => _loader.Dispose();

    /// <summary>A trailing expression without a semicolon that is not void.</summary>
    private static bool HasValue(Script script)
    {
        var tree = script.GetCompilation().SyntaxTrees.Last();
        return tree.GetRoot() is CompilationUnitSyntax { Members: [.., GlobalStatementSyntax { Statement: ExpressionStatementSyntax { SemicolonToken.IsMissing: true } last }] }
            && script.GetCompilation().GetSemanticModel(tree).GetTypeInfo(last.Expression).Type?.SpecialType != SpecialType.System_Void;
    }

    /// <summary>The assemblies beside each <c>#r</c>'d one that it references: their types are for cells to use as well.</summary>
    public static IEnumerable<MetadataReference> Dependencies(string code, string path, ScriptOptions options)
    {
        if (!code.Contains("#r", StringComparison.Ordinal))
            return [];
        var root = CSharpSyntaxTree.ParseText(code, new CSharpParseOptions(kind: SourceCodeKind.Script)).GetCompilationUnitRoot();
        var known = options.MetadataReferences.OfType<PortableExecutableReference>().Select(reference => reference.FilePath).ToHashSet();
        var waiting = new Queue<string>(root.GetReferenceDirectives()
            .SelectMany(directive => options.MetadataResolver.ResolveReference(directive.File.ValueText, path, MetadataReferenceProperties.Assembly))
            .Select(reference => reference.FilePath!));
        var found = new List<MetadataReference>();
        while (waiting.TryDequeue(out string? assembly))
        {
            using var metadata = AssemblyMetadata.CreateFromFile(assembly);
            foreach (var module in metadata.GetModules())
            {
                var reader = module.GetMetadataReader();
                foreach (var handle in reader.AssemblyReferences)
                {
                    string beside = Path.Combine(Path.GetDirectoryName(assembly)!, reader.GetString(reader.GetAssemblyReference(handle).Name) + ".dll");
                    if (!File.Exists(beside) || !known.Add(beside))
                        continue;
                    found.Add(MetadataReference.CreateFromFile(beside));
                    waiting.Enqueue(beside);
                }
            }
        }
        return found;
    }

    /// <summary>.NET's own assemblies and this one, for <c>display</c>.</summary>
    private static IEnumerable<MetadataReference> FrameworkReferences()
    {
        string framework = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        string all = (string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!;
        return all.Split(Path.PathSeparator)
            .Where(path => Path.GetDirectoryName(path) == framework)
            .Append(typeof(CellFunctions).Assembly.Location)
            .Select(path => MetadataReference.CreateFromFile(path));
    }
}
