// The part of libzmq that a kernel needs: sockets that send and receive messages of several frames. A socket belongs to one
// thread. The functions and numbers are those of zmq.h, 4.x.

using System.Reflection;
using System.Runtime.InteropServices;

namespace Workbook.Jupyter;

/// <summary>The kinds of sockets, by zmq.h's numbers.</summary>
internal enum ZmqKind
{
    Pair = 0,
    Sub = 2,
    Rep = 4,
    Dealer = 5,
    Router = 6,
    XPub = 9,
}

/// <summary>libzmq refused something.</summary>
internal sealed class ZmqException(string what, int error)
    : Exception($"{what}: {(error == Zmq.AddressInUse ? "the port is in use" : Marshal.PtrToStringUTF8(Zmq.zmq_strerror(error)))}")
{
    /// <summary>errno.</summary>
    public int Error { get; } = error;
}

/// <summary>What one process's sockets have in common.</summary>
internal sealed class ZmqContext : IDisposable
{
    public ZmqContext() => Handle = Zmq.zmq_ctx_new();

    internal nint Handle { get; }

    public ZmqSocket Open(ZmqKind kind) => new(Zmq.zmq_socket(Handle, (int)kind));

    /// <summary>Ends what blocks in a socket of this context, in whatever thread.</summary>
    public void Shutdown() => Zmq.zmq_ctx_shutdown(Handle);

    /// <summary>Waits until every socket is closed and has sent what it has, within its linger time.</summary>
    public void Dispose() => Zmq.zmq_ctx_term(Handle);
}

/// <summary>One socket.</summary>
internal sealed unsafe class ZmqSocket : IDisposable
{
    private const int DontWait = 1, More = 2;

    internal ZmqSocket(nint handle)
    {
        if (handle == 0)
            throw new ZmqException("a socket could not be opened", Marshal.GetLastPInvokeError());
        Handle = handle;
    }

    internal nint Handle { get; private set; }

    /// <summary>Milliseconds for which a closed socket goes on sending.</summary>
    public int Linger { set => Set(17, value); }

    /// <summary>Messages that wait for a slow peer before more are dropped; 0: all wait.</summary>
    public int HighWaterMark { set { Set(23, value); Set(24, value); } }

    /// <summary>A peer that sends a larger frame is disconnected.</summary>
    public long MaximumFrame { set => Check(Zmq.zmq_setsockopt(Handle, 22, &value, sizeof(long)), "MAXMSGSIZE"); }

    /// <summary>Whether a second subscriber of the same topic is told of too.</summary>
    public bool VerboseSubscriptions { set => Set(40, value ? 1 : 0); }

    /// <summary>Whether a router tells of a message to a peer that is not connected (<see cref="TrySend"/>); otherwise it is dropped.</summary>
    public bool KnowsItsPeers { set => Set(33, value ? 1 : 0); }

    /// <summary>What a subscriber wants to hear; empty for everything.</summary>
    public string Subscription { set => Set(6, System.Text.Encoding.UTF8.GetBytes(value)); }

    /// <summary>The name under which a router knows this socket; unique among its peers, and not beginning with 0.</summary>
    public byte[] Identity { set => Set(5, value); }

    public void Bind(string address) => Check(Zmq.zmq_bind(Handle, address), address);

    public void Connect(string address) => Check(Zmq.zmq_connect(Handle, address), address);

    /// <summary>Sends frames as one message. A peer that is gone gets nothing, and nobody is told.</summary>
    public void Send(IReadOnlyList<byte[]> frames) => TrySend(frames);

    /// <summary>Sends frames as one message; false, and nothing is sent, where a router that <see cref="KnowsItsPeers"/> has no such peer.</summary>
    public bool TrySend(IReadOnlyList<byte[]> frames)
    {
        for (int i = 0; i < frames.Count; i++)
        {
            int flags = i + 1 < frames.Count ? More : 0;
            fixed (byte* bytes = frames[i])
            {
                while (Zmq.zmq_send(Handle, bytes, (nuint)frames[i].Length, flags) < 0)
                {
                    if (Marshal.GetLastPInvokeError() == Zmq.HostUnreachable)
                        return false;
                    ThrowUnlessInterrupted("send");
                }
            }
        }
        return true;
    }

    /// <summary>The next message's frames, null when none is there.</summary>
    public List<byte[]>? TryReceive()
    {
        List<byte[]>? frames = null;
        Zmq.Message message;
        bool more;
        do
        {
            Zmq.zmq_msg_init(&message);
            while (Zmq.zmq_msg_recv(&message, Handle, DontWait) < 0)
            {
                if (Marshal.GetLastPInvokeError() == Zmq.Again)
                    return null;
                ThrowUnlessInterrupted("receive");
            }
            (frames ??= []).Add(new ReadOnlySpan<byte>((void*)Zmq.zmq_msg_data(&message), (int)Zmq.zmq_msg_size(&message)).ToArray());
            more = Zmq.zmq_msg_more(&message) != 0;
            Zmq.zmq_msg_close(&message);
        }
        while (more);
        return frames;
    }

    /// <summary>Waits until one of the sockets has something to receive.</summary>
    public static void WaitForAny(TimeSpan limit, params ReadOnlySpan<ZmqSocket> sockets)
    {
        var items = stackalloc Zmq.PollItem[sockets.Length];
        for (int i = 0; i < sockets.Length; i++)
            items[i] = new Zmq.PollItem { Socket = sockets[i].Handle, Events = 1 };
        nint milliseconds = limit == Timeout.InfiniteTimeSpan ? -1 : (nint)limit.TotalMilliseconds;
        while (Zmq.zmq_poll(items, sockets.Length, milliseconds) < 0)
            ThrowUnlessInterrupted("poll");
    }

    /// <summary>Gives back everything that comes, until the context is shut down.</summary>
    public void Echo() => Zmq.zmq_proxy(Handle, Handle, 0);

    public void Dispose()
    {
        Zmq.zmq_close(Handle);
        Handle = 0;
    }

    private void Set(int option, int value) => Check(Zmq.zmq_setsockopt(Handle, option, &value, sizeof(int)), $"option {option}");

    private void Set(int option, byte[] value)
    {
        fixed (byte* bytes = value)
            Check(Zmq.zmq_setsockopt(Handle, option, bytes, (nuint)value.Length), $"option {option}");
    }

    private static void Check(int code, string what)
    {
        if (code != 0)
            throw new ZmqException(what, Marshal.GetLastPInvokeError());
    }

    private static void ThrowUnlessInterrupted(string what)
    {
        if (Marshal.GetLastPInvokeError() != Zmq.Interrupted)
            throw new ZmqException(what, Marshal.GetLastPInvokeError());
    }
}

/// <summary>The imported functions.</summary>
internal static unsafe partial class Zmq
{
    public const int Interrupted = 4, Again = 11, AddressInUse = 98, HostUnreachable = 113;
    private const string Library = "libzmq";

    static Zmq() => NativeLibrary.SetDllImportResolver(Assembly.GetExecutingAssembly(), static (name, assembly, _) =>
    {
        if (name != Library)
            return 0;
        foreach (string file in (string[])["libzmq.so.5", "libzmq.5.dylib", "libzmq.dll"])
        {
            if (NativeLibrary.TryLoad(file, assembly, null, out nint handle))
                return handle;
        }
        throw new DllNotFoundException("a Jupyter kernel needs libzmq: apt-get install libzmq5");
    });

    [StructLayout(LayoutKind.Sequential, Size = 64)]
    public struct Message
    {
        private long _first; // aligned as zmq.h wants it
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct PollItem
    {
        public nint Socket;
        public int Descriptor;
        public short Events, Found;
    }

    [LibraryImport(Library)]
    public static partial nint zmq_ctx_new();

    [LibraryImport(Library)]
    public static partial int zmq_ctx_shutdown(nint context);

    [LibraryImport(Library)]
    public static partial int zmq_ctx_term(nint context);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint zmq_socket(nint context, int kind);

    [LibraryImport(Library)]
    public static partial int zmq_close(nint socket);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int zmq_setsockopt(nint socket, int option, void* value, nuint length);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int zmq_bind(nint socket, string address);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int zmq_connect(nint socket, string address);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int zmq_send(nint socket, byte* bytes, nuint length, int flags);

    [LibraryImport(Library)]
    public static partial int zmq_msg_init(Message* message);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int zmq_msg_recv(Message* message, nint socket, int flags);

    [LibraryImport(Library)]
    public static partial nint zmq_msg_data(Message* message);

    [LibraryImport(Library)]
    public static partial nuint zmq_msg_size(Message* message);

    [LibraryImport(Library)]
    public static partial int zmq_msg_more(Message* message);

    [LibraryImport(Library)]
    public static partial int zmq_msg_close(Message* message);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int zmq_poll(PollItem* items, int count, nint milliseconds);

    [LibraryImport(Library)]
    public static partial int zmq_proxy(nint frontend, nint backend, nint capture);

    [LibraryImport(Library)]
    public static partial nint zmq_strerror(int error);
}
