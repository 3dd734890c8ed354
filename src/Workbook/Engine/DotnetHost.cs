// How this program starts itself again.

namespace Workbook.Engine;

/// <summary>The paths that start a child of the same build.</summary>
internal static class DotnetHost
{
    /// <summary>The dotnet executable of the runtime that runs this process.</summary>
    public static string Path { get; } = System.IO.Path.GetFullPath(System.IO.Path.Combine(
        System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));

    /// <summary>This assembly, which is a program.</summary>
    public static string WorkbookAssembly { get; } = typeof(DotnetHost).Assembly.Location;
}
