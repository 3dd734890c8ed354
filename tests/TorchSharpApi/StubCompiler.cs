using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace TorchSharpApi;

/// <summary>An assembly image, and the list's lines that it could not hold because their types' assemblies are absent.</summary>
public sealed record StubAssembly(byte[] Image, IReadOnlyList<string> Included, IReadOnlyList<string> LeftOut);

/// <summary>Compiles stubs of the list to an assembly named TorchSharp, and other sources against it, in memory.</summary>
public static class StubCompiler
{
    private static readonly string[] Absent = ["Tensorboard.", "Google.Protobuf."];

    private static readonly CSharpParseOptions Language = new(LanguageVersion.Latest);

    /// <summary>The reference assemblies of the SDK that matches this runtime (what a real build compiles against).</summary>
    private static readonly Lazy<MetadataReference[]> Framework = new(() =>
    {
        string runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        string packs = Path.GetFullPath(Path.Combine(runtime, "../../../packs/Microsoft.NETCore.App.Ref"));
        string target = $"net{Environment.Version.Major}.0";
        string? folder = Directory.Exists(packs)
            ? Directory.GetDirectories(packs, $"{Environment.Version.Major}.*").Select(v => Path.Combine(v, "ref", target)).LastOrDefault(Directory.Exists) : null;
        if (folder is null) throw new DirectoryNotFoundException($"no reference assemblies for {target} under {packs}: the .NET SDK is needed, the runtime alone will not do");
        return [.. Directory.GetFiles(folder, "*.dll").Select(f => MetadataReference.CreateFromFile(f))];
    });

    /// <summary>The stubs of the whole list, compiled once a process.</summary>
    public static StubAssembly TorchSharp => Stubs.Value;

    /// <summary>The stubs as C#.</summary>
    public static string Source => StubWriter.Write(ApiList.Types(ApiList.Lines, Absent, out _));

    private static readonly Lazy<StubAssembly> Stubs = new(() =>
    {
        var types = ApiList.Types(ApiList.Lines, Absent, out var leftOut);
        var (image, errors) = Compile("TorchSharp", [("TorchSharp.cs", StubWriter.Write(types))], [], nullable: false);
        if (errors.Count > 0) throw new InvalidOperationException($"the stubs do not compile, {errors.Count} errors:\n{string.Join("\n", errors.Take(20))}");
        return new StubAssembly(image, [.. ApiList.Lines.Except(leftOut)], leftOut);
    });

    /// <summary>
    /// Compiles sources (path and text) against the stubs, with the implicit usings of an SDK project; the list of errors ("file(line,column): error …") is empty when it builds.
    /// </summary>
    public static IReadOnlyList<string> Check(IEnumerable<(string Path, string Text)> sources)
    {
        const string usings = "global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq; global using System.Net.Http; global using System.Threading; global using System.Threading.Tasks;";
        return Compile("Check", sources.Prepend(("usings.cs", usings)),
            [MetadataReference.CreateFromImage(TorchSharp.Image), .. new[] { typeof(System.Numerics.Tensors.TensorPrimitives), typeof(nietras.SeparatedValues.Sep) }
                .Select(type => MetadataReference.CreateFromFile(type.Assembly.Location))],
            nullable: true).Errors;
    }

    private static (byte[] Image, IReadOnlyList<string> Errors) Compile(string name, IEnumerable<(string Path, string Text)> sources, MetadataReference[] references, bool nullable)
    {
        var options = new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true,
            nullableContextOptions: nullable ? NullableContextOptions.Enable : NullableContextOptions.Disable, optimizationLevel: OptimizationLevel.Release);
        var trees = sources.Select(s => CSharpSyntaxTree.ParseText(s.Text, Language, s.Path));
        using var image = new MemoryStream();
        var result = CSharpCompilation.Create(name, trees, [.. Framework.Value, .. references], options).Emit(image);
        return (image.ToArray(), [.. result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).Select(d => d.ToString())]);
    }
}
