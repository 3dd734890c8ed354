using Workbook.Engine;
using Workbook.Formatting;

namespace Workbook.Tests;

/// <summary>A sink that keeps what it got as lines, in order.</summary>
sealed class Recorder : IOutputSink
{
    public List<string> Events { get; } = [];
    public List<MimeBundle> Shown { get; } = [];
    public bool HasEvents { get { lock (Events) return Events.Count > 0; } }
    public string Text => string.Join("|", Events);

    public void Stream(string name, string text) => Add($"{name}:{text.TrimEnd('\n')}");
    public void Display(MimeBundle data, string id) => Add($"display:{data.GetValueOrDefault(MimeBundle.Plain) ?? data.Values.First()}", data);
    public void Update(MimeBundle data, string id) => Add($"update:{data[MimeBundle.Plain]}", data);
    public void Result(MimeBundle data) => Add($"value:{data[MimeBundle.Plain]}", data);

    void Add(string line, MimeBundle? data = null)
    {
        lock (Events)
        {
            Events.Add(line);
            if (data is not null)
                Shown.Add(data);
        }
    }
}

/// <summary>A folder that is removed after the test, and a session whose notebook stands in it.</summary>
sealed class Bench : IDisposable
{
    int _cells;

    public string Folder { get; } = Directory.CreateTempSubdirectory("workbook-test-").FullName;
    public Session Session { get; } = new();
    public string NotebookPath => Path.Combine(Folder, "lesson.ipynb");

    public string Write(string name, string text)
    {
        string path = Path.Combine(Folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    /// <summary>Runs a cell to its end; what it showed and how it ended.</summary>
    public async Task<(Recorder Output, CellError? Error)> Run(string code, CancellationToken interrupt = default, Recorder? output = null)
    {
        output ??= new Recorder();
        var result = await Session.ExecuteAsync(new CellCode(code, NotebookPath, ++_cells), output, interrupt);
        return (output, result.Error);
    }

    /// <summary>Runs a cell that must not fail and gives what it showed.</summary>
    public async Task<string> Show(string code)
    {
        var (output, error) = await Run(code);
        Assert.True(error is null, error?.ToString());
        return output.Text;
    }

    public void Dispose()
    {
        Session.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
