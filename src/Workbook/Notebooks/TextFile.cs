// A text file that is whole or not there: written beside its place and moved into it.

using System.Text;

namespace Workbook.Notebooks;

/// <summary>Writes text files.</summary>
internal static class TextFile
{
    /// <summary>Puts the text into the file in one step; a reader sees the old text or the new one.</summary>
    public static void Replace(string path, string text)
    {
        string partial = $"{path}.{Environment.ProcessId}.partial";
        File.WriteAllText(partial, text, new UTF8Encoding(false));
        File.Move(partial, path, overwrite: true);
    }
}
