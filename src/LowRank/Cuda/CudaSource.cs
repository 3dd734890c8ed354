// The kernels' text: kernels/*.cu and the header that they share, embedded in the assembly. Each file states its contract at its top.
using System.Collections.Frozen;
using System.Reflection;

namespace LowRank;

/// <summary>One CUDA source and the headers that it may include, by name.</summary>
/// <param name="Name">What the compiler's messages call it, e.g. dequantize4.cu.</param>
/// <param name="Text">The source.</param>
/// <param name="Headers">Name and text of each header.</param>
public sealed record CudaSource(string Name, string Text, IReadOnlyDictionary<string, string> Headers)
{
    private const string Folder = "kernels/";

    private static readonly FrozenDictionary<string, string> Files = Assembly.GetExecutingAssembly().GetManifestResourceNames()
        .Where(name => name.StartsWith(Folder, StringComparison.Ordinal)).ToFrozenDictionary(name => name[Folder.Length..], Read);

    private static readonly FrozenDictionary<string, string> SharedHeaders =
        Files.Where(file => file.Key.EndsWith(".cuh", StringComparison.Ordinal)).ToFrozenDictionary();

    /// <summary>The names of the sources that the library brings, in order.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. Files.Keys.Where(name => name.EndsWith(".cu", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    /// <summary>One of the library's own sources.</summary>
    /// <exception cref="ArgumentException">There is none of this name; the message names the nearest.</exception>
    public static CudaSource Of(string name) =>
        Names.Contains(name) ? new(name, Files[name], SharedHeaders)
            : throw new ArgumentException($"no CUDA source \"{name}\"{NearestNames.Suggest(name, Names)}", nameof(name));

    private static string Read(string resource)
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream(resource)!);
        return reader.ReadToEnd();
    }
}
