// The cells of a file that #!import names.

using Workbook.Notebooks;

namespace Workbook.Engine;

/// <summary>Reads the code cells of notebooks and scripts.</summary>
internal static class FileCells
{
    /// <summary>The code cells of a .ipynb, .dib, .csx or .cs file.</summary>
    /// <exception cref="MagicException">The file is missing or of another kind.</exception>
    public static IReadOnlyList<CellCode> Read(string path, int line)
    {
        if (!File.Exists(path))
            throw new MagicException($"#!import: there is no file {path}", line);
        return Path.GetExtension(path) switch
        {
            ".ipynb" => [.. Notebook.Load(path).Cells.Select((cell, i) => (cell, number: i + 1))
                .Where(item => item.cell.Type == "code").Select(item => new CellCode(item.cell.Source, path, item.number))],
            ".dib" or ".csx" or ".cs" => [new CellCode(File.ReadAllText(path), path, 0)],
            var other => throw new MagicException($"#!import: {path} is a \"{other}\" file; .ipynb, .dib, .csx and .cs can be imported", line),
        };
    }
}
