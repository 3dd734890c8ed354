// The folder by which Jupyter knows a kernel: kernels/.net-csharp/kernel.json in the user's data folder, or under a prefix (a
// virtual environment's, conda's, /usr/local). It starts the checkout's entry, which builds what has changed first.

using System.Text.Json;
using System.Text.Json.Nodes;

namespace Workbook.Jupyter;

/// <summary>Registers this checkout's kernel with Jupyter.</summary>
internal static class KernelSpec
{
    public const string Name = ".net-csharp";
    private const string File = "kernel.json";

    /// <summary>Where kernels are looked for: under <paramref name="prefix"/>, or in the user's own data folder.</summary>
    public static string Folder(string? prefix)
    {
        if (prefix is not null)
            return Path.Combine(Path.GetFullPath(prefix), "share", "jupyter", "kernels", Name);
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string data = Variable("JUPYTER_DATA_DIR") ?? (OperatingSystem.IsMacOS() ? Path.Combine(home, "Library", "Jupyter")
            : OperatingSystem.IsWindows() ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData), "jupyter")
            : Path.Combine(Variable("XDG_DATA_HOME") ?? Path.Combine(home, ".local", "share"), "jupyter"));
        return Path.Combine(data, "kernels", Name);
    }

    /// <summary>Writes the kernel's folder; gives what the folder's kernel started before, null if there was none.</summary>
    /// <param name="folder">From <see cref="Folder"/>.</param>
    /// <param name="entry">The checkout's entry.</param>
    /// <param name="cellLimit">Seconds that a cell may take.</param>
    public static string? Install(string folder, string entry, double? cellLimit)
    {
        string? before = Entry(folder);
        var arguments = new JsonArray(entry, "kernel", "run", "{connection_file}");
        if (cellLimit is { } seconds)
        {
            arguments.Add("--timeout-cell");
            arguments.Add(seconds.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
        var spec = new JsonObject
        {
            ["argv"] = arguments,
            ["display_name"] = ".NET (C#)",
            ["language"] = "C#",
            ["interrupt_mode"] = "message",
            ["metadata"] = new JsonObject { ["debugger"] = false },
        };
        Directory.CreateDirectory(folder);
        System.IO.File.WriteAllText(Path.Combine(folder, File), spec.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
        return before;
    }

    /// <summary>Removes the folder if this checkout's entry is what it starts.</summary>
    /// <exception cref="InvalidOperationException">It starts something else; it stays.</exception>
    public static bool Uninstall(string folder, string entry)
    {
        if (!Directory.Exists(folder))
            return false;
        if (Entry(folder) is { } other && other != entry)
            throw new InvalidOperationException($"{folder} starts {other}, not this checkout; remove it by hand if you mean it");
        Directory.Delete(folder, recursive: true);
        return true;
    }

    /// <summary>What a kernel's folder starts; null when it has no kernel.</summary>
    public static string? Entry(string folder)
    {
        try
        {
            return JsonNode.Parse(System.IO.File.ReadAllText(Path.Combine(folder, File)))?["argv"]?[0]?.ToString() ?? "nothing";
        }
        catch (Exception error) when (error is IOException or JsonException or InvalidOperationException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
