// Console.Out and Console.Error as streams of the running cell, one event a call, so that text and displays stay in order;
// Console.In as lines that whoever runs the cell is asked for.

using System.Text;

namespace Workbook.Engine;

/// <summary>Redirects the console to the running cell while it lives.</summary>
internal sealed class ConsoleCapture : IDisposable
{
    private readonly TextWriter _out = Console.Out;
    private readonly TextWriter _error = Console.Error;
    private readonly TextReader _in = Console.In;
    private readonly LineReader _lines;

    /// <summary><paramref name="readLine"/> gives the next line of input, null when there is none.</summary>
    public ConsoleCapture(Action<string, string> stream, Func<string?> readLine)
    {
        Console.SetOut(new StreamWriter(text => stream("stdout", text)));
        Console.SetError(new StreamWriter(text => stream("stderr", text)));
        Console.SetIn(_lines = new LineReader(readLine));
    }

    /// <summary>Drops what the last cell has left of a line: the next one asks for a line of its own.</summary>
    public void ForgetInput() => _lines.Forget();

    public void Dispose()
    {
        Console.SetOut(_out);
        Console.SetError(_error);
        Console.SetIn(_in);
    }

    private sealed class StreamWriter(Action<string> write) : TextWriter
    {
        public override Encoding Encoding => Encoding.UTF8;
        public override string NewLine => "\n";
        public override void Write(char value) => write(value.ToString());
        public override void Write(string? value)
        {
            if (!string.IsNullOrEmpty(value))
                write(value);
        }
        public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));
        public override void Write(ReadOnlySpan<char> buffer) => Write(buffer.ToString());
        public override void WriteLine() => write("\n");
        public override void WriteLine(string? value) => write(value + "\n");
        public override void WriteLine(ReadOnlySpan<char> buffer) => write(buffer.ToString() + "\n");
    }

    private sealed class LineReader(Func<string?> readLine) : TextReader
    {
        private string _rest = ""; // of the line that Read took a character of, with its end

        public void Forget() => _rest = "";

        public override int Peek() => _rest.Length > 0 ? _rest[0] : -1;

        public override int Read()
        {
            if (_rest.Length == 0)
            {
                if (readLine() is not { } line)
                    return -1;
                _rest = line + "\n";
            }
            char first = _rest[0];
            _rest = _rest[1..];
            return first;
        }

        public override string? ReadLine()
        {
            if (_rest.Length == 0)
                return readLine();
            string line = _rest[..^1];
            _rest = "";
            return line;
        }
    }
}
