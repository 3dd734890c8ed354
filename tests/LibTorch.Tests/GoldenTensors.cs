// Reads the golden fixtures: the folder that GOLDEN names, else tests/Golden.
using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch.Tests;

static class GoldenTensors
{
    static string Folder { get; } = Environment.GetEnvironmentVariable("GOLDEN") is { Length: > 0 } folder ? folder
        : Path.Combine(TestsFolder(AppContext.BaseDirectory), "Golden");

    public static string PathOf(string file) => Path.Combine(Folder, file);

    /// <summary>The manifest's fixtures of a method; at least one, so that a renamed method can't pass by testing nothing.</summary>
    public static IReadOnlyList<JsonNode> Fixtures(string method)
    {
        JsonNode[] found = [.. JsonNode.Parse(File.ReadAllText(PathOf("manifest.json")))!["fixtures"]!.AsArray().Where(f => f!["method"]!.GetValue<string>() == method).Select(f => f!)];
        return found.Length > 0 ? found : throw new InvalidOperationException($"{Folder} has no fixture of {method}");
    }

    /// <summary>The float32 tensors of a safetensors file: length of the header, header in JSON, values.</summary>
    public static Dictionary<string, Tensor> Read(string file)
    {
        var bytes = File.ReadAllBytes(PathOf(file));
        var start = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        using var header = JsonDocument.Parse(bytes.AsMemory(8, start - 8));
        var tensors = new Dictionary<string, Tensor>();
        foreach (var entry in header.RootElement.EnumerateObject().Where(e => e.Name != "__metadata__" && e.Value.GetProperty("dtype").GetString() == "F32"))
        {
            long[] shape = [.. entry.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())];
            int[] place = [.. entry.Value.GetProperty("data_offsets").EnumerateArray().Select(o => start + o.GetInt32())];
            var tensor = empty(shape, float32);
            bytes.AsSpan(place[0]..place[1]).CopyTo(tensor.bytes);
            tensors.Add(entry.Name, tensor);
        }
        return tensors;
    }

    /// <summary>tests/ of the checkout or of an unpacked archive of tests/Gpu: beside Workbook.sln, above the assembly.</summary>
    static string TestsFolder(string folder) => File.Exists(Path.Combine(folder, "Workbook.sln")) ? Path.Combine(folder, "tests") : TestsFolder(Path.GetDirectoryName(folder)!);
}
