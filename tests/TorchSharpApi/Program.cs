using TorchSharpApi;

// Writes the stub assembly: dotnet run --project tests/TorchSharpApi -- FILE.dll  (FILE.cs writes its source instead)
if (args is not [var file])
{
    Console.Error.WriteLine("usage: TorchSharpApi FILE.dll | FILE.cs");
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
