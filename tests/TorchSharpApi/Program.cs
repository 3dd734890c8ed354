using TorchSharpApi;

// dotnet run --project tests/TorchSharpApi -- FILE.dll         writes the stub assembly (FILE.cs: its source)
// dotnet run --project tests/TorchSharpApi -- check FOLDER…    compiles the C# under the folders against the stubs
if (args is ["check", _, ..])
{
    var sources = args.Skip(1).SelectMany(folder => Directory.GetFiles(folder, "*.cs", SearchOption.AllDirectories));
    var errors = StubCompiler.Check(sources.Select(path => (path, File.ReadAllText(path))));
    foreach (string error in errors) Console.WriteLine(error);
    Console.WriteLine($"{errors.Count} errors");
    return errors.Count == 0 ? 0 : 1;
}
if (args is not [var file])
{
    Console.Error.WriteLine("usage: TorchSharpApi FILE.dll | FILE.cs | check FOLDER…");
    return 2;
}
if (file.EndsWith(".cs"))
{
    File.WriteAllText(file, StubCompiler.Source);
    return 0;
}
var stubs = StubCompiler.TorchSharp;
File.WriteAllBytes(file, stubs.Image);
Console.WriteLine($"{file}: {stubs.Included.Count} of {ApiList.Lines.Count} lines; {stubs.LeftOut.Count} need assemblies that are absent ({stubs.LeftOut.Count(l => !l.Contains("Tensorboard.", StringComparison.Ordinal))} of them outside Tensorboard)");
return 0;
