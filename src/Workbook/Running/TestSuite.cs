// One test project's executable (xunit.v3's in-process runner): started, limited, and its report read. A process that ends
// without a report, or with a failure code beside a clean report, counts as a failure of its own.

using System.Diagnostics;
using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using Workbook.Engine;

namespace Workbook.Running;

/// <summary>The counts of a suite and the failures in full.</summary>
public sealed record SuiteResult(string Name, int Passed, int Failed, int Skipped, IReadOnlyList<string> Failures, TimeSpan Elapsed)
{
    /// <summary>Whether anything was selected and run.</summary>
    public bool IsEmpty => Passed + Failed + Skipped == 0;
}

/// <summary>Runs a test project.</summary>
public static class TestSuite
{
    private const int OutputLines = 40;

    /// <summary>Runs a test assembly in its folder; <paramref name="filter"/> limits it to tests whose full name contains the text.</summary>
    public static async Task<SuiteResult> RunAsync(string assembly, string? filter, TimeSpan limit, CancellationToken cancel)
    {
        string name = Path.GetFileNameWithoutExtension(assembly);
        string report = Path.Combine(Path.GetTempPath(), $"{name}-{Guid.NewGuid():n}.xml");
        var clock = Stopwatch.StartNew();
        try
        {
            List<string> arguments = ["-noLogo", "-noColor", "-xml", report];
            if (filter is not null)
                arguments.AddRange("-method", $"*{filter}*");
            var (code, output) = await ChildProcess.RunAsync(DotnetHost.Path, [assembly, .. arguments], Path.GetDirectoryName(assembly)!, limit, cancel);
            return Read(name, report, code, output, clock.Elapsed);
        }
        finally
        {
            File.Delete(report);
        }
    }

    /// <summary>The result of a run that ended with <paramref name="code"/> and left <paramref name="report"/>, if it did.</summary>
    internal static SuiteResult Read(string name, string report, int code, string output, TimeSpan elapsed)
    {
        string tail = string.Join("\n", output.Split('\n').TakeLast(OutputLines));
        string ended = $"{name}: the process ended with code {code.ToString(CultureInfo.InvariantCulture)}";
        XDocument xml;
        try
        {
            xml = XDocument.Load(report);
        }
        catch (Exception error) when (error is IOException or XmlException)
        {
            return new SuiteResult(name, 0, 1, 0, [$"{ended} and left no report\n{tail}"], elapsed);
        }
        int Count(string attribute) => xml.Descendants("assembly").Sum(assembly => (int?)assembly.Attribute(attribute) ?? 0);
        var failures = xml.Descendants("failure")
            .Select(failure => $"{NameOf(failure)}\n{failure.Element("message")?.Value}\n{failure.Element("stack-trace")?.Value}".TrimEnd()).ToList();
        int failed = Count("failed") + Count("errors");
        if (code != 0 && failed == 0 && Count("passed") + Count("skipped") > 0)
        {
            failed = 1;
            failures.Add($"{ended} though its report has no failure\n{tail}");
        }
        return new SuiteResult(name, Count("passed"), failed, Count("skipped"), failures, elapsed);

        string NameOf(XElement failure) => (string?)failure.Parent?.Attribute("name") ?? name;
    }
}
