// The JUnit file of a run: a suite a notebook, a test case a code cell.

using System.Globalization;
using System.Xml.Linq;

namespace Workbook.Running;

/// <summary>Writes outcomes as CI servers read them.</summary>
public static class JUnit
{
    /// <summary>Writes the file.</summary>
    public static void Write(string path, IEnumerable<NotebookOutcome> outcomes)
    {
        var suites = outcomes.Select(Suite).ToList();
        var root = new XElement("testsuites",
            new XAttribute("tests", suites.Sum(suite => (int)suite.Attribute("tests")!)),
            new XAttribute("failures", suites.Sum(suite => (int)suite.Attribute("failures")!)), suites);
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        new XDocument(root).Save(path);
    }

    private static XElement Suite(NotebookOutcome outcome)
    {
        string name = Path.GetFileNameWithoutExtension(outcome.Path);
        var cases = outcome.Cells.Select(cell => Case(name, $"cell {cell.Number}: {cell.Title}", cell.Error, cell.Elapsed)).ToList();
        if (outcome.Error is not null && outcome.Cells.All(cell => cell.Error is null))
            cases.Add(Case(name, "notebook", outcome.Error, TimeSpan.Zero)); // it did not come to a cell
        return new XElement("testsuite", new XAttribute("name", name), new XAttribute("tests", cases.Count),
            new XAttribute("failures", outcome.Error is null ? 0 : 1), Time(outcome.Elapsed), cases);
    }

    private static XElement Case(string suite, string name, Engine.CellError? error, TimeSpan elapsed)
    {
        var item = new XElement("testcase", new XAttribute("classname", suite), new XAttribute("name", Clean(name)), Time(elapsed));
        if (error is not null)
            item.Add(new XElement("failure", new XAttribute("message", Clean(error.Message)), Clean($"{error}\n{error.Details}")));
        return item;
    }

    private static XAttribute Time(TimeSpan time) => new("time", time.TotalSeconds.ToString("F3", CultureInfo.InvariantCulture));

    /// <summary>Without the characters that XML cannot hold (terminal colours).</summary>
    private static string Clean(string text) => string.Concat(text.Where(System.Xml.XmlConvert.IsXmlChar));
}
