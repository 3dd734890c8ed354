// What the assembler's log (--ptxas-options=-v) says of each kernel. A spill is a register that went to memory.
using System.Globalization;
using System.Text.RegularExpressions;

namespace LowRank;

/// <summary>What one kernel needs of a multiprocessor.</summary>
/// <param name="Name">The kernel.</param>
/// <param name="Registers">A thread.</param>
/// <param name="SharedBytes">A block of threads.</param>
/// <param name="StackBytes">A thread: local memory for arrays that registers can't hold.</param>
/// <param name="SpillBytes">A thread: registers stored to memory, and loaded from it.</param>
public sealed record KernelResources(string Name, int Registers, int SharedBytes, int StackBytes, int SpillBytes)
{
    private static readonly Regex Entry = new(
        @"Compiling entry function '(?<name>\w+)'.*?"
        + @"(?<stack>\d+) bytes stack frame, (?<stores>\d+) bytes spill stores, (?<loads>\d+) bytes spill loads.*?"
        + @"Used (?<registers>\d+) registers(?:[^\n]*?(?<shared>\d+) bytes smem)?", RegexOptions.Singleline);

    /// <summary>The kernels that a log tells of, in its order.</summary>
    public static IReadOnlyList<KernelResources> Parse(string log) =>
        [.. Entry.Matches(log).Select(m => new KernelResources(m.Groups["name"].Value, Number(m, "registers"), Number(m, "shared"), Number(m, "stack"), Number(m, "stores") + Number(m, "loads")))];

    private static int Number(Match match, string group) =>
        match.Groups[group].Success ? int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture) : 0;
}
