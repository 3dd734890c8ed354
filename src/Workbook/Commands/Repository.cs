// Where the project's folders are, whatever folder the command was started in.

namespace Workbook.Commands;

/// <summary>The checkout that this program belongs to.</summary>
internal static class Repository
{
    private const string Marker = "Workbook.sln";

    /// <summary>The folder with the solution, above the current folder or above this program.</summary>
    /// <exception cref="DirectoryNotFoundException">There is none.</exception>
    public static string Root { get; } = Above(Environment.CurrentDirectory) ?? Above(AppContext.BaseDirectory)
        ?? throw new DirectoryNotFoundException($"no folder above {Environment.CurrentDirectory} has {Marker}; start the command inside the checkout");

    private static string? Above(string folder)
    {
        for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, Marker)))
                return at.FullName;
        }
        return null;
    }
}
