// The requests about cells: execute, complete, inspect, is_complete. Places in a cell are counted in Unicode characters on the
// wire and in UTF-16 units in .NET.

using System.Text.Json.Nodes;
using Workbook.Engine;
using Workbook.Formatting;
using Workbook.Running;

namespace Workbook.Jupyter;

/// <summary>Answers requests about cells, one at a time.</summary>
internal sealed class CellRequests(KernelSession session, string folder, Action<Request, string, JsonObject> publish, Action<Request, JsonObject> ask)
{
    private const int Burst = 1_000_000, PerSecond = 200_000; // characters; a notebook server drops more than a megabyte a second
    private readonly OutputBudget _budget = new(Burst, PerSecond);
    private readonly string _path = Path.Combine(folder, "notebook");
    private CellPublisher? _output;
    private TaskCompletionSource<string?>? _question;
    private int _count;
    private long _abortedUntil;

    /// <summary>Runs a cell. After an error, what had <paramref name="arrived"/> until then is not run.</summary>
    public async Task<JsonObject> ExecuteAsync(Request request, long number, Func<long> arrived)
    {
        if (number <= _abortedUntil)
            return new JsonObject { ["status"] = "aborted", ["execution_count"] = _count };
        bool silent = request.Flag("silent", otherwise: false);
        string code = request.Text("code");
        if (!silent && request.Flag("store_history", otherwise: true))
            _count++;
        if (!silent)
            publish(request, "execute_input", new JsonObject { ["code"] = code, ["execution_count"] = _count });
        _output?.Dispose();
        _output = new CellPublisher(
            silent ? (_, _) => { } : (type, content) => publish(request, type, content),
            (prompt, hidden) => AskAsync(request, prompt, hidden), _budget, _count);
        var error = await RunAsync(code, _output);
        _output.Flush();
        var reply = new JsonObject { ["status"] = error is null ? "ok" : "error", ["execution_count"] = _count };
        if (error is null)
        {
            reply["payload"] = new JsonArray();
            reply["user_expressions"] = await EvaluateAsync(request.Content["user_expressions"] as JsonObject);
            return reply;
        }
        foreach (var (name, value) in CellOutputs.ErrorContent(error))
            reply[name] = value?.DeepClone();
        if (!silent)
        {
            if (error.Kind == CellErrorKind.Compilation)
                publish(request, "stream", new JsonObject { ["name"] = "stderr", ["text"] = error.Details + "\n" });
            publish(request, "error", CellOutputs.ErrorContent(error));
        }
        if (request.Flag("stop_on_error", otherwise: true))
            _abortedUntil = arrived();
        return reply;
    }

    /// <summary>What fits at the cursor.</summary>
    public async Task<JsonObject> CompleteAsync(Request request)
    {
        var at = At(request);
        var found = await session.CompleteAsync(at);
        var (start, end) = (Characters(at.Source, found.Start), Characters(at.Source, found.End));
        return new JsonObject
        {
            ["status"] = "ok",
            ["matches"] = new JsonArray([.. found.Items.Select(item => JsonValue.Create(item.Text))]),
            ["cursor_start"] = start,
            ["cursor_end"] = end,
            ["metadata"] = new JsonObject
            {
                ["_jupyter_types_experimental"] = new JsonArray([.. found.Items.Select(item => new JsonObject
                {
                    ["text"] = item.Text, ["type"] = item.Kind, ["signature"] = item.Detail, ["start"] = start, ["end"] = end,
                })]),
            },
        };
    }

    /// <summary>What stands at the cursor.</summary>
    public async Task<JsonObject> InspectAsync(Request request)
    {
        var found = await session.InspectAsync(At(request));
        return new JsonObject { ["status"] = "ok", ["found"] = found is not null, ["data"] = found?.ToJson() ?? [], ["metadata"] = new JsonObject() };
    }

    /// <summary>Whether the cell can be run as it stands.</summary>
    public async Task<JsonObject> IsCompleteAsync(Request request)
    {
        var (status, indent) = await session.IsCompleteAsync(request.Text("code"));
        var reply = new JsonObject { ["status"] = status };
        if (status == "incomplete")
            reply["indent"] = indent;
        return reply;
    }

    /// <summary>The answer to an input request; on the sockets' thread.</summary>
    public void Typed(Request reply)
    {
        if (reply.Type == "input_reply")
            Volatile.Read(ref _question)?.TrySetResult(reply.Text("value"));
    }

    private Task<string?> AskAsync(Request request, string prompt, bool hidden)
    {
        if (!request.Flag("allow_stdin", otherwise: false))
            return Task.FromResult<string?>(null);
        var question = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        Volatile.Write(ref _question, question);
        ask(request, new JsonObject { ["prompt"] = prompt, ["password"] = hidden });
        return question.Task;
    }

    private async Task<CellError?> RunAsync(string code, IOutputSink output)
    {
        if (string.IsNullOrWhiteSpace(code))
            return null;
        var error = await session.RunAsync(new CellCode(code, _path, _count), output);
        return error?.Path == _path ? error with { Path = null } : error; // the notebook's name is not sent to kernels
    }

    private async Task<JsonObject> EvaluateAsync(JsonObject? expressions)
    {
        var values = new JsonObject();
        foreach (var (name, expression) in expressions ?? [])
        {
            var value = new ValueOnly();
            var error = await RunAsync(expression?.ToString() ?? "", value);
            var content = error is null ? new JsonObject { ["data"] = value.Data.ToJson(), ["metadata"] = new JsonObject() } : CellOutputs.ErrorContent(error);
            content["status"] = error is null ? "ok" : "error";
            values[name] = content;
        }
        return values;
    }

    private CodePosition At(Request request)
    {
        string code = request.Text("code");
        return new CodePosition(code, Units(code, request.Number("cursor_pos", int.MaxValue)), _path);
    }

    private static int Units(string text, int characters)
    {
        int at = 0;
        for (; characters > 0 && at < text.Length; characters--)
            at += char.IsSurrogatePair(text, at) ? 2 : 1;
        return at;
    }

    private static int Characters(string text, int units)
    {
        int characters = 0;
        for (int at = 0; at < units; characters++)
            at += char.IsSurrogatePair(text, at) ? 2 : 1;
        return characters;
    }

    /// <summary>Keeps the value of an expression.</summary>
    private sealed class ValueOnly : IOutputSink
    {
        public MimeBundle Data { get; private set; } = [];
        public void Stream(string name, string text) { }
        public void Display(MimeBundle data, string id) { }
        public void Update(MimeBundle data, string id) { }
        public void Result(MimeBundle data) => Data = data;
    }
}
