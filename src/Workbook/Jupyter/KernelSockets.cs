// A kernel's sockets. One thread owns them all, for a socket of libzmq belongs to one thread; whoever wants to send puts the
// message into a queue, in whose order all channels are served, and wakes that thread through a pair of sockets inside the
// process. The heartbeat is libzmq's own echo on a thread of its own: it answers whatever a cell does.

using System.Collections.Concurrent;

namespace Workbook.Jupyter;

/// <summary>Listens on a connection file's ports.</summary>
internal sealed class KernelSockets : IDisposable
{
    private const string WakeAddress = "inproc://wake";
    private const int LingerMilliseconds = 1000;
    private const int LateMilliseconds = 10_000; // a client's own connections may be up after its first request has come
    private const long LargestFrame = 64L << 20; // a cell is text, its pasted pictures too
    private static readonly List<byte[]> Token = [[]];

    private readonly ZmqContext _context = new();
    private readonly Dictionary<Channel, ZmqSocket> _sockets = [];
    private readonly ConcurrentQueue<(Channel Channel, List<byte[]> Frames)> _outgoing = new();
    private readonly Action<Channel, List<byte[]>> _received;
    private readonly ZmqSocket _sleeper, _waker; // the waker is shared by all senders, one at a time
    private readonly Lock _waking = new();
    private readonly Thread _thread, _heartbeat;
    private volatile bool _closing;

    /// <summary>Binds every socket; from <see cref="Start"/> on, messages are given to <paramref name="received"/> on the sockets' thread, control before shell.
    /// On the channel IoPub that is what a subscriber asks for: a byte that says whether it comes or goes, and its topic.</summary>
    /// <exception cref="ZmqException">A port is in use.</exception>
    public KernelSockets(ConnectionFile connection, Action<Channel, List<byte[]>> received)
    {
        _received = received;
        try
        {
            foreach (var channel in Enum.GetValues<Channel>())
            {
                var socket = _sockets[channel] = _context.Open(channel switch { Channel.IoPub => ZmqKind.XPub, Channel.Heartbeat => ZmqKind.Rep, _ => ZmqKind.Router });
                socket.Linger = LingerMilliseconds;
                socket.HighWaterMark = 0; // a client that reads slowly gets everything late, not a part
                socket.MaximumFrame = LargestFrame;
                if (channel == Channel.IoPub)
                    socket.VerboseSubscriptions = true;
                if (channel == Channel.StdIn)
                    socket.KnowsItsPeers = true;
                socket.Bind(connection.Address(channel));
            }
            _sleeper = _context.Open(ZmqKind.Pair);
            _sleeper.Bind(WakeAddress);
            _waker = _context.Open(ZmqKind.Pair);
            _waker.Connect(WakeAddress);
        }
        catch (ZmqException)
        {
            foreach (var socket in _sockets.Values)
                socket.Dispose();
            _context.Dispose();
            throw;
        }
        _thread = new Thread(Work) { Name = "jupyter sockets", IsBackground = true };
        _heartbeat = new Thread(() => Beat(_sockets[Channel.Heartbeat])) { Name = "jupyter heartbeat", IsBackground = true };
    }

    /// <summary>Begins to receive and send.</summary>
    public void Start()
    {
        _thread.Start();
        _heartbeat.Start();
    }

    /// <summary>Sends a message after those that were given before; does not wait. After the closing nothing is sent.</summary>
    public void Send(Channel channel, List<byte[]> frames)
    {
        if (_closing)
            return;
        _outgoing.Enqueue((channel, frames));
        Wake();
    }

    /// <summary>Sends what is waiting and closes.</summary>
    public void Dispose()
    {
        if (_closing)
            return;
        Wake(() => _closing = true);
        _thread.Join();
        _context.Shutdown();
        _heartbeat.Join();
        _waker.Dispose();
        _context.Dispose();
    }

    private void Wake(Action? first = null)
    {
        lock (_waking)
        {
            if (_closing)
                return;
            first?.Invoke();
            _waker.Send(Token);
        }
    }

    private void Work()
    {
        var (control, shell, stdin, iopub) = (_sockets[Channel.Control], _sockets[Channel.Shell], _sockets[Channel.StdIn], _sockets[Channel.IoPub]);
        var late = new List<(List<byte[]> Frames, long Until)>(); // questions to a client that is not connected yet
        while (true)
        {
            while (_sleeper.TryReceive() is not null) { }
            bool last = _closing; // asked before sending, so that nothing that was given before the closing stays behind
            while (_outgoing.TryDequeue(out var message))
            {
                if (!_sockets[message.Channel].TrySend(message.Frames))
                    late.Add((message.Frames, Environment.TickCount64 + LateMilliseconds));
            }
            late.RemoveAll(question => stdin.TrySend(question.Frames) || Environment.TickCount64 > question.Until);
            if (last)
                break;
            ZmqSocket.WaitForAny(late.Count > 0 ? TimeSpan.FromMilliseconds(10) : Timeout.InfiniteTimeSpan, _sleeper, control, stdin, iopub, shell);
            foreach (var (channel, socket) in ((Channel, ZmqSocket)[])[(Channel.Control, control), (Channel.StdIn, stdin), (Channel.IoPub, iopub), (Channel.Shell, shell)])
            {
                while (socket.TryReceive() is { } frames)
                    _received(channel, frames);
            }
        }
        foreach (var socket in (ZmqSocket[])[control, shell, stdin, iopub, _sleeper])
            socket.Dispose();
    }

    private static void Beat(ZmqSocket socket)
    {
        socket.Echo();
        socket.Dispose();
    }
}
