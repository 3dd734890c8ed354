using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Workbook.Engine;
using Workbook.Jupyter;

namespace Workbook.Tests.Jupyter;

/// <summary>A message as a client sees it.</summary>
sealed record Received(JsonObject Header, JsonObject Parent, JsonObject Content)
{
    public string Type => (string)Header["msg_type"]!;
    public string ParentId => (string?)Parent["msg_id"] ?? "";
    public string Status => (string)Content["status"]!;

    /// <summary>"stream stdout hi", "display_data x": what a test compares.</summary>
    public override string ToString() => Type switch
    {
        "status" => (string)Content["execution_state"]!,
        "stream" => $"{Content["name"]}: {Content["text"]}",
        "error" => $"error: {Content["evalue"]}",
        "execute_input" => $"input: {Content["code"]}",
        _ => $"{Type}: {Content["data"]?["text/plain"]}",
    };
}

/// <summary>A client's sockets to a kernel, with the project's own wire format; several can be connected to one kernel.</summary>
sealed class KernelClient : IDisposable
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    readonly ZmqContext _context = new();
    readonly Dictionary<Channel, ZmqSocket> _sockets = [];
    readonly Queue<Received> _published = new();
    readonly byte[] _identity = Encoding.ASCII.GetBytes(Guid.NewGuid().ToString());
    readonly Wire _wire;

    /// <summary>Connects.</summary>
    /// <param name="connection">The kernel's ports and key.</param>
    /// <param name="lateStdIn">Leaves the channel for questions to <see cref="ConnectStdIn"/>.</param>
    public KernelClient(ConnectionFile connection, bool lateStdIn = false)
    {
        _wire = new Wire(connection.Key);
        foreach (var channel in Enum.GetValues<Channel>())
        {
            var socket = _sockets[channel] = _context.Open(channel == Channel.IoPub ? ZmqKind.Sub : ZmqKind.Dealer);
            socket.Linger = 0;
            if (channel == Channel.IoPub) socket.Subscription = "";
            else socket.Identity = _identity; // questions come on StdIn to who asked on Shell
            if (channel != Channel.StdIn || !lateStdIn) socket.Connect(connection.Address(channel));
        }
        Welcome = Receive(Channel.IoPub);
    }

    public void ConnectStdIn(ConnectionFile connection) => _sockets[Channel.StdIn].Connect(connection.Address(Channel.StdIn));

    /// <summary>The first thing that a subscriber hears.</summary>
    public Received Welcome { get; }

    public void SendFrames(Channel channel, params byte[][] frames) => _sockets[channel].Send(frames);

    /// <summary>Sends a request; gives its id.</summary>
    public string Send(Channel channel, string type, JsonObject? content = null, JsonObject? parent = null)
    {
        var frames = _wire.Write([], type, parent, content ?? []);
        SendFrames(channel, [.. frames]);
        return (string)JsonNode.Parse(frames[2])!["msg_id"]!;
    }

    public string SendExecute(string code, bool silent = false, bool store = true, bool stop = true, bool stdin = false, JsonObject? expressions = null) =>
        Send(Channel.Shell, "execute_request", new JsonObject
        {
            ["code"] = code, ["silent"] = silent, ["store_history"] = store, ["stop_on_error"] = stop, ["allow_stdin"] = stdin, ["user_expressions"] = expressions ?? [],
        });

    /// <summary>The next message of a channel.</summary>
    public Received Receive(Channel channel, TimeSpan? limit = null) =>
        TryReceive(channel, limit ?? Limit) ?? throw new TimeoutException($"nothing came on {channel}");

    public Received? TryReceive(Channel channel, TimeSpan limit)
    {
        ZmqSocket.WaitForAny(limit, _sockets[channel]);
        if (_sockets[channel].TryReceive() is not { } frames) return null;
        int at = frames.FindIndex(frame => Encoding.ASCII.GetString(frame) == "<IDS|MSG>");
        JsonObject Part(int i) => (JsonObject)JsonNode.Parse(frames[at + i])!;
        return new Received(Part(2), Part(3), Part(5));
    }

    /// <summary>The reply to a request, whatever else comes before it.</summary>
    public Received Reply(string id, Channel channel = Channel.Shell)
    {
        while (true)
        {
            var message = Receive(channel);
            if (message.ParentId == id) return message;
        }
    }

    /// <summary>Everything published under a request until its "idle".</summary>
    public List<Received> Published(string id)
    {
        var all = new List<Received>();
        while (all.Count == 0 || all[^1].ToString() != "idle")
        {
            var message = Receive(Channel.IoPub);
            if (message.ParentId == id) all.Add(message);
        }
        return all;
    }

    /// <summary>Waits for a published message of a request.</summary>
    public Received Published(string id, Func<Received, bool> wanted)
    {
        while (true)
        {
            var message = Receive(Channel.IoPub);
            if (message.ParentId == id && wanted(message)) return message;
        }
    }

    /// <summary>Runs a cell; what was published between busy and idle, and the reply.</summary>
    public (List<string> Output, Received Reply) Run(string code)
    {
        string id = SendExecute(code);
        var reply = Reply(id);
        return ([.. Published(id)[2..^1].Select(message => message.ToString())], reply);
    }

    /// <summary>The text of a cell's value.</summary>
    public string Value(string code)
    {
        var (output, reply) = Run(code);
        Assert.True(reply.Status == "ok", string.Join("\n", output));
        return output[^1].Replace("execute_result: ", "");
    }

    /// <summary>A request with a reply.</summary>
    public JsonObject Ask(string type, JsonObject? content = null, Channel channel = Channel.Shell) => Reply(Send(channel, type, content), channel).Content;

    public void Dispose()
    {
        foreach (var socket in _sockets.Values) socket.Dispose();
        _context.Dispose();
    }
}

/// <summary>`workbook kernel run` in a process and a folder of its own.</summary>
public sealed class KernelProcess : IDisposable
{
    readonly StringBuilder _log = new();

    public KernelProcess() : this([]) { }

    internal KernelProcess(string[] arguments, string? launcher = null)
    {
        string file = WriteConnection(Folder, Connection);
        string[] command = // a shell's background jobs, this test perhaps among them, have SIGINT ignored
            ["env", "--default-signal=INT", DotnetHost.Path, DotnetHost.WorkbookAssembly, "kernel", "run", file, .. arguments];
        if (launcher is not null) command = ["bash", "-c", launcher, "bash", .. command];
        var start = new ProcessStartInfo(command[0], command[1..]) { WorkingDirectory = Folder, RedirectStandardError = true };
        start.Environment["JPY_PARENT_PID"] = Environment.ProcessId.ToString();
        Process = Process.Start(start)!;
        Process.ErrorDataReceived += (_, line) => { lock (_log) _log.AppendLine(line.Data); };
        Process.BeginErrorReadLine();
        try
        {
            Client = new KernelClient(Connection);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"the kernel did not answer; it said: {Log}");
        }
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("workbook-kernel-").FullName;
    public Process Process { get; }
    internal ConnectionFile Connection { get; } = NewConnection();
    internal KernelClient Client { get; }
    public string Log { get { lock (_log) return _log.ToString(); } }

    /// <summary>A connection to free ports.</summary>
    internal static ConnectionFile NewConnection()
    {
        var listeners = Enum.GetValues<Channel>().ToDictionary(channel => channel, _ => new TcpListener(IPAddress.Loopback, 0));
        foreach (var listener in listeners.Values) listener.Start();
        var ports = listeners.ToDictionary(pair => pair.Key, pair => ((IPEndPoint)pair.Value.LocalEndpoint).Port);
        foreach (var listener in listeners.Values) listener.Stop();
        return new ConnectionFile("tcp", "127.0.0.1", ports, Encoding.UTF8.GetBytes(Guid.NewGuid().ToString()));
    }

    internal static string WriteConnection(string folder, ConnectionFile connection)
    {
        string file = Path.Combine(folder, "connection.json");
        File.WriteAllText(file, new JsonObject
        {
            ["transport"] = connection.Transport, ["ip"] = connection.Ip, ["key"] = Encoding.UTF8.GetString(connection.Key), ["signature_scheme"] = "hmac-sha256",
            ["control_port"] = connection.Ports[Channel.Control], ["shell_port"] = connection.Ports[Channel.Shell], ["stdin_port"] = connection.Ports[Channel.StdIn],
            ["iopub_port"] = connection.Ports[Channel.IoPub], ["hb_port"] = connection.Ports[Channel.Heartbeat],
        }.ToJsonString());
        return file;
    }

    /// <summary>Whether a process ends soon.</summary>
    public static bool Ends(int process)
    {
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < TimeSpan.FromSeconds(30); Thread.Sleep(50))
        {
            if (!File.Exists($"/proc/{process}/stat") || File.ReadAllText($"/proc/{process}/stat").Contains(") Z ")) return true;
        }
        return false;
    }

    public void Dispose()
    {
        Client.Dispose();
        if (!Process.HasExited) Process.Kill(entireProcessTree: true);
        Process.WaitForExit();
        Directory.Delete(Folder, recursive: true);
    }
}
