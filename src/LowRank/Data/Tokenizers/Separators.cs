// What becomes of the places where a pattern matches, when a text is cut there: the "behavior" of a Split.

namespace LowRank;

internal sealed class Separators
{
    private enum Way { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous }

    private readonly Way way;

    private Separators(Way way) => this.way = way;

    public static Separators MergedWithNext { get; } = new(Way.MergedWithNext);

    public static Separators Read(JsonPart part) => Enum.TryParse<Way>(part.Text("behavior"), out var way) && Enum.IsDefined(way) && !char.IsAsciiDigit(part.Text("behavior")[0])
        ? new(way)
        : throw part.NotSupported("behavior", part.Text("behavior"), string.Join(", ", Enum.GetNames<Way>()));

    /// <summary>Cuts a word. With <paramref name="invert"/> what lies between matches separates.</summary>
    public void Cut(int start, int length, List<(int Start, int Length)> matches, bool invert, List<(int, int)> output)
    {
        // The word as a row of stretches: separators and what is between them.
        var (open, openEnd, openSeparates) = (-1, 0, false); // the piece that the next stretch may join
        var at = 0;
        foreach (var (matchStart, matchLength) in matches)
        {
            if (matchStart > at) Add(at, matchStart, invert);
            Add(matchStart, matchStart + matchLength, !invert);
            at = matchStart + matchLength;
        }
        if (at < length) Add(at, length, invert);
        Close();

        void Add(int from, int to, bool separates)
        {
            var joins = open >= 0 && way switch
            {
                Way.MergedWithPrevious => separates && !openSeparates,
                Way.MergedWithNext => !separates && openSeparates,
                Way.Contiguous => separates == openSeparates,
                _ => false,
            };
            if (!joins) Close();
            if (way == Way.Removed && separates) return;
            if (!joins) open = from;
            (openEnd, openSeparates) = (to, separates);
        }

        void Close()
        {
            if (open >= 0) output.Add((start + open, openEnd - open));
            open = -1;
        }
    }
}
