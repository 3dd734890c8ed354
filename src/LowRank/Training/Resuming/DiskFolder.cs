// A new name in a folder is on the disk when the folder has been flushed, not when the file has. .NET has no call for that.
using System.Runtime.InteropServices;

namespace LowRank;

internal static class DiskFolder
{
    /// <summary>Waits until the folder's names are on the disk. Where the system or the file system has no such thing (Windows keeps names in
    /// order by itself), nothing happens.</summary>
    public static void Flush(string folder)
    {
        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS()) return;
        const int ReadOnly = 0;
        var file = Open(folder, ReadOnly);
        if (file < 0) return;
        _ = Sync(file);
        _ = Close(file);
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync")]
    private static extern int Sync(int file);

    [DllImport("libc", EntryPoint = "close")]
    private static extern int Close(int file);
}
