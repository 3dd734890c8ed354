// Paths in #r "…", #load "…" and #!import …: folders, and the files that the directive takes.

using System.Text.RegularExpressions;

namespace Workbook.Engine;

/// <summary>Completes the path of a directive.</summary>
internal static partial class PathCompletions
{
    /// <summary>What can follow in the directive's path; null when the line is no such directive.</summary>
    public static CompletionList? At(string line, CodePosition at)
    {
        var match = Directive().Match(line);
        if (!match.Success)
            return null;
        string[] extensions = match.Groups["name"].Value switch
        {
            "#r" => [".dll"],
            "#load" => [".csx", ".cs"],
            _ => [".ipynb", ".dib", ".csx", ".cs"],
        };
        string path = match.Groups["path"].Value;
        string typed = path[(path.LastIndexOf('/') + 1)..];
        int start = at.Position - typed.Length;
        string folder = Path.GetFullPath(path[..^typed.Length], Path.GetDirectoryName(Path.GetFullPath(at.Path))!);
        if (!Directory.Exists(folder))
            return new CompletionList(start, at.Position, []);
        var entries = new DirectoryInfo(folder).EnumerateFileSystemInfos(typed + "*", new EnumerationOptions { MatchType = MatchType.Simple, IgnoreInaccessible = true })
            .Where(entry => entry is DirectoryInfo || extensions.Contains(entry.Extension))
            .OrderBy(entry => entry.Name, StringComparer.OrdinalIgnoreCase)
            .Select(entry => new Completion(entry is DirectoryInfo ? entry.Name + "/" : entry.Name, "path"));
        return new CompletionList(start, at.Position, [.. entries]);
    }

    [GeneratedRegex("""^(?<name>#r|#load|#!import)\s+"?(?<path>[^"]*)$""")]
    private static partial Regex Directive();
}
