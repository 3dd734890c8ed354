// What a cell writes, as messages on iopub under the request that runs it; and its questions, as input requests to the client
// that sent that request.

using System.Text.Json.Nodes;
using Workbook.Engine;
using Workbook.Formatting;

namespace Workbook.Jupyter;

/// <summary>Publishes one cell's output.</summary>
internal sealed class CellPublisher : IOutputSink, IDisposable
{
    private static readonly TimeSpan RetryPeriod = TimeSpan.FromMilliseconds(500);
    private readonly Action<string, JsonObject> _publish;
    private readonly Func<string, bool, Task<string?>> _ask;
    private readonly int _count;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, StreamThrottle> _streams = [];
    private readonly Timer _timer;

    /// <summary><paramref name="publish"/> gets a message's type and content, <paramref name="ask"/> a prompt and whether the answer is hidden.</summary>
    public CellPublisher(Action<string, JsonObject> publish, Func<string, bool, Task<string?>> ask, OutputBudget budget, int executionCount)
    {
        (_publish, _ask, _count) = (publish, ask, executionCount);
        foreach (string name in (string[])["stdout", "stderr"])
            _streams[name] = new StreamThrottle(budget, text => publish("stream", new JsonObject { ["name"] = name, ["text"] = text }));
        _timer = new Timer(_ => Each(stream => stream.Retry()), null, RetryPeriod, RetryPeriod);
    }

    public void Stream(string name, string text)
    {
        lock (_lock)
            _streams[name].Write(text);
    }

    public void Display(MimeBundle data, string id) => PublishDisplay("display_data", data, id);

    public void Update(MimeBundle data, string id) => PublishDisplay("update_display_data", data, id);

    public void Result(MimeBundle data) => Publish("execute_result",
        new JsonObject { ["execution_count"] = _count, ["data"] = data.ToJson(), ["metadata"] = new JsonObject() });

    public Task<string?> ReadLineAsync(string prompt, bool hidden)
    {
        Flush();
        return _ask(prompt, hidden);
    }

    /// <summary>Sends what was held back.</summary>
    public void Flush() => Each(stream => stream.Release());

    /// <summary>Nothing more is expected: neither of the cell nor of what it left running.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        Flush();
    }

    private void PublishDisplay(string type, MimeBundle data, string id) => Publish(type,
        new JsonObject { ["data"] = data.ToJson(), ["metadata"] = new JsonObject(), ["transient"] = new JsonObject { ["display_id"] = id } });

    private void Publish(string type, JsonObject content)
    {
        lock (_lock)
        {
            foreach (var stream in _streams.Values)
                stream.Release();
            _publish(type, content);
        }
    }

    private void Each(Action<StreamThrottle> action)
    {
        lock (_lock)
        {
            foreach (var stream in _streams.Values)
                action(stream);
        }
    }
}
