// Text that was written for a terminal, once it stands still.

namespace Workbook.Formatting;

/// <summary>Reads text as a terminal does.</summary>
internal static class TerminalText
{
    /// <summary>What a terminal would leave: a carriage return begins its line anew, so of a line that renewed itself the last state stays.</summary>
    public static string Settled(string text) => !text.Contains('\r') ? text : string.Join("\n", text.Replace("\r\n", "\n", StringComparison.Ordinal).Split('\n')
        .Select(line => line.Contains('\r') ? line.Split('\r', StringSplitOptions.RemoveEmptyEntries).LastOrDefault("") : line));
}
