// What native code (libtorch's own prints) writes to the process's standard output: file descriptor 1 becomes a pipe whose
// text is given to the session; the real standard output stays for whoever started the process.

using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Workbook.Engine;

/// <summary>Captures file descriptor 1.</summary>
internal sealed partial class NativeOutput
{
    private static readonly byte[] Mark = [0x1e, (byte)'w', (byte)'b', 0x1f]; // no text has this
    private readonly FileStream _pipe;
    private readonly Action<string> _write;
    private readonly SemaphoreSlim _seen = new(0);
    private readonly Lock _flushing = new();

    private NativeOutput(FileStream pipe, FileStream real, Action<string> write)
    {
        (_pipe, Real, _write) = (pipe, real, write);
        new Thread(Read) { IsBackground = true, Name = "native output" }.Start();
    }

    /// <summary>What file descriptor 1 was before.</summary>
    public FileStream Real { get; }

    /// <summary>Puts a pipe in the place of standard output; <paramref name="write"/> gets what comes through it.</summary>
    public static NativeOutput Capture(Action<string> write)
    {
        Span<int> ends = stackalloc int[2];
        int real = dup(1);
        if (real < 0 || pipe(ends) != 0 || dup2(ends[1], 1) < 0)
            throw new IOException($"standard output cannot be redirected (error {Marshal.GetLastPInvokeError()})");
        return new NativeOutput(Open(ends[0], FileAccess.Read), Open(real, FileAccess.Write), write);
    }

    /// <summary>Waits until everything that native code has printed so far was given on.</summary>
    public void Flush()
    {
        lock (_flushing)
        {
            fflush(0);
            if (write(1, Mark, Mark.Length) == Mark.Length)
                _seen.Wait();
        }
    }

    private static FileStream Open(int descriptor, FileAccess access) => new(new SafeFileHandle(descriptor, ownsHandle: true), access, bufferSize: 0);

    private void Read()
    {
        var decoder = Encoding.UTF8.GetDecoder();
        var buffer = new byte[1 << 16];
        int kept = 0; // the beginning of a mark at the end of the last block
        int count;
        while ((count = _pipe.Read(buffer, kept, buffer.Length - kept)) > 0)
        {
            var block = buffer.AsSpan(0, kept + count);
            int at;
            while ((at = block.IndexOf(Mark)) >= 0)
            {
                Give(block[..at]);
                block = block[(at + Mark.Length)..];
                _seen.Release();
            }
            kept = 0;
            for (int n = Math.Min(Mark.Length - 1, block.Length); n > 0 && kept == 0; n--)
            {
                if (block[^n..].SequenceEqual(Mark.AsSpan(0, n)))
                    kept = n;
            }
            Give(block[..^kept]);
            block[^kept..].CopyTo(buffer);
        }

        void Give(ReadOnlySpan<byte> bytes)
        {
            var text = new char[decoder.GetCharCount(bytes, flush: false)];
            decoder.GetChars(bytes, text, flush: false);
            if (text.Length > 0)
                _write(new string(text));
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int pipe(Span<int> ends);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int dup(int descriptor);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int dup2(int descriptor, int target);

    [LibraryImport("libc")]
    private static partial int fflush(nint stream);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int descriptor, byte[] bytes, nint count);
}
