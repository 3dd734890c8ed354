// A Jupyter kernel. Requests on the shell channel are served one after another; on the control channel at once, also while a
// cell runs: an interrupt, a shutdown. Each is framed by the states "busy" and "idle" on iopub, under the request's header.

using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace Workbook.Jupyter;

/// <summary>Serves the clients of one connection file until one of them shuts it down.</summary>
internal sealed class Kernel : IDisposable
{
    private readonly Wire _wire;
    private readonly TextWriter _log;
    private readonly KernelSockets _sockets;
    private readonly KernelSession _session;
    private readonly CellRequests _cells;
    private readonly Channel<(long Number, Request Request)> _queue = System.Threading.Channels.Channel.CreateUnbounded<(long, Request)>();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _arrived;

    /// <summary>Listens, and starts the session in <paramref name="folder"/>, the notebook's. <paramref name="log"/> is told what was dropped.</summary>
    /// <exception cref="ZmqException">A port is in use.</exception>
    public Kernel(ConnectionFile connection, string folder, TimeSpan? cellLimit, TextWriter log)
    {
        _wire = new Wire(connection.Key);
        _log = log;
        _session = new KernelSession(folder, cellLimit);
        _cells = new CellRequests(_session, folder, Publish, Ask);
        try
        {
            _sockets = new KernelSockets(connection, Receive);
        }
        catch
        {
            _session.Dispose();
            throw;
        }
        _sockets.Start();
        Publish(null, "status", new JsonObject { ["execution_state"] = "starting" });
    }

    /// <summary>Serves until a shutdown or <see cref="End"/>.</summary>
    public async Task RunAsync() => await await Task.WhenAny(ServeAsync(), _ended.Task);

    /// <summary>Stops the cell that runs.</summary>
    public void Interrupt() => _session.Interrupt();

    /// <summary>Lets <see cref="RunAsync"/> return.</summary>
    public void End() => _ended.TrySetResult();

    /// <summary>Sends what is still to send and ends the session.</summary>
    public void Dispose()
    {
        _sockets.Dispose();
        _session.Dispose();
    }

    private async Task ServeAsync()
    {
        await foreach (var (number, request) in _queue.Reader.ReadAllAsync())
            await FrameAsync(Channel.Shell, request, () => AnswerAsync(number, request));
    }

    /// <summary>On the sockets' thread: nothing here waits.</summary>
    private void Receive(Channel channel, List<byte[]> frames)
    {
        if (channel == Channel.IoPub)
        {
            Welcome(frames[0]);
            return;
        }
        if (_wire.Read(frames, out string? fault) is not { } request)
        {
            _log.WriteLine($"a message on {channel} was dropped: {fault}");
            return;
        }
        if (channel == Channel.StdIn)
            _cells.Typed(request);
        else if (channel == Channel.Shell)
            _queue.Writer.TryWrite((Interlocked.Increment(ref _arrived), request));
        else
            FrameAsync(channel, request, () => Task.FromResult(Control(request))).GetAwaiter().GetResult(); // never waits
    }

    /// <summary>Who has just subscribed learns that from now on it misses nothing (protocol 5.4).</summary>
    private void Welcome(byte[] subscription)
    {
        if (subscription is not [1, .. var topic])
            return;
        var content = new JsonObject { ["subscription"] = Encoding.UTF8.GetString(topic) };
        _sockets.Send(Channel.IoPub, _wire.Write([topic], "iopub_welcome", null, content));
    }

    private async Task FrameAsync(Channel channel, Request request, Func<Task<JsonObject?>> answer)
    {
        Publish(request, "status", new JsonObject { ["execution_state"] = "busy" });
        JsonObject? content;
        try
        {
            content = await answer();
        }
        catch (Exception error) // a fault of the kernel's own: the client is told, the kernel stays
        {
            _log.WriteLine(error);
            content = new JsonObject { ["status"] = "error", ["ename"] = "Error", ["evalue"] = $"the kernel failed: {error.Message}", ["traceback"] = new JsonArray() };
        }
        if (content is not null)
            _sockets.Send(channel, _wire.Write(request.Identities, request.Type.Replace("_request", "_reply", StringComparison.Ordinal), request.Header, content));
        Publish(request, "status", new JsonObject { ["execution_state"] = "idle" });
        if (request.Type == "shutdown_request")
            End();
    }

    /// <summary>What is answered at once. The reply of a shutdown is published too, for other clients.</summary>
    private JsonObject? Control(Request request)
    {
        switch (request.Type)
        {
            case "kernel_info_request":
                return KernelInfo.Reply();
            case "interrupt_request":
                _session.Interrupt();
                return new JsonObject { ["status"] = "ok" };
            case "shutdown_request":
                JsonObject Reply() => new() { ["status"] = "ok", ["restart"] = request.Flag("restart", otherwise: false) };
                Publish(request, "shutdown_reply", Reply());
                return Reply();
            default: // a debugger's requests, and what later protocols bring
                return null;
        }
    }

    private async Task<JsonObject?> AnswerAsync(long number, Request request)
    {
        switch (request.Type)
        {
            case "execute_request":
                return await _cells.ExecuteAsync(request, number, () => Interlocked.Read(ref _arrived));
            case "complete_request":
                return await _cells.CompleteAsync(request);
            case "inspect_request":
                return await _cells.InspectAsync(request);
            case "is_complete_request":
                return await _cells.IsCompleteAsync(request);
            case "history_request":
                return new JsonObject { ["status"] = "ok", ["history"] = new JsonArray() };
            case "comm_info_request":
                return new JsonObject { ["status"] = "ok", ["comms"] = new JsonObject() };
            case "comm_open": // no cell listens to comms; the protocol's answer is to close it
                Publish(request, "comm_close", new JsonObject { ["comm_id"] = request.Text("comm_id"), ["data"] = new JsonObject() });
                return null;
            default:
                return Control(request);
        }
    }

    private void Publish(Request? parent, string type, JsonObject content) =>
        _sockets.Send(Channel.IoPub, _wire.Write([Encoding.UTF8.GetBytes(type)], type, parent?.Header, content));

    private void Ask(Request parent, JsonObject content) =>
        _sockets.Send(Channel.StdIn, _wire.Write(parent.Identities, "input_request", parent.Header, content));
}
