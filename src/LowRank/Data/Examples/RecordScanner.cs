// Finds where the records of a file end, in bytes that come piece by piece: lines of JSON, rows of a table (whose quoted fields may hold
// line ends), or the objects of one JSON list.

namespace LowRank;

internal abstract class RecordScanner
{
    /// <summary>How many of the bytes belong to the record that they begin with, or −1 if it goes on behind them.</summary>
    /// <param name="bytes">From the record's first byte on.</param>
    /// <param name="seen">How many of them an earlier call for this record has had.</param>
    public abstract int End(ReadOnlySpan<byte> bytes, int seen);

    /// <summary>What is left without an end when the file ends: true if it is a record all the same.</summary>
    public virtual bool EndsWithFile => true;

    public sealed class Lines : RecordScanner
    {
        public override int End(ReadOnlySpan<byte> bytes, int seen) => bytes[seen..].IndexOf((byte)'\n') is >= 0 and var at ? seen + at + 1 : -1;
    }

    /// <summary>A line end within quotation marks is part of a field (RFC 4180).</summary>
    public sealed class Table : RecordScanner
    {
        private bool quoted;

        public override bool EndsWithFile => !quoted;

        public override int End(ReadOnlySpan<byte> bytes, int seen)
        {
            if (seen == 0) quoted = false;
            for (int at = seen, found; (found = quoted ? bytes[at..].IndexOf((byte)'"') : bytes[at..].IndexOfAny((byte)'"', (byte)'\n')) >= 0; at++)
            {
                at += found;
                if (bytes[at] == '\n') return at + 1;
                quoted = !quoted;
            }
            return -1;
        }
    }

    public sealed class List : RecordScanner
    {
        private int depth;
        private bool quoted, escaped;

        public override bool EndsWithFile => false;

        public override int End(ReadOnlySpan<byte> bytes, int seen)
        {
            if (seen == 0) (depth, quoted, escaped) = (0, false, false);
            for (var at = seen; at < bytes.Length; at++)
            {
                var value = bytes[at];
                if (escaped) escaped = false;
                else if (quoted) (quoted, escaped) = (value != '"', value == '\\');
                else if (value == '"') quoted = true;
                else if (value == '{') depth++;
                else if (value == '}' && --depth <= 0) return at + 1;
            }
            return -1;
        }
    }
}
