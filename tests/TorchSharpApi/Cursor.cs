namespace TorchSharpApi;

/// <summary>A position in one line of the list, for the small hand-written parsers; a line that does not fit says where.</summary>
internal sealed class Cursor(string text)
{
    private int position;

    public char Peek => position < text.Length ? text[position] : '\0';
    public bool AtEnd => position == text.Length;
    public string Rest => text[position..];

    public char Next() => AtEnd ? throw Unexpected("more text") : text[position++];

    public bool Take(string token)
    {
        if (string.CompareOrdinal(text, position, token, 0, token.Length) != 0) return false;
        position += token.Length;
        return true;
    }

    public void Expect(string token)
    {
        if (!Take(token)) throw Unexpected($"\"{token}\"");
    }

    public void ExpectEnd()
    {
        if (!AtEnd) throw Unexpected("the end of the line");
    }

    public string Identifier()
    {
        int start = position;
        while (char.IsLetterOrDigit(Peek) || Peek == '_') position++;
        return position > start ? text[start..position] : throw Unexpected("a name");
    }

    /// <summary>Text up to one of the characters at this level, quoted text skipped.</summary>
    public string Until(params ReadOnlySpan<char> ends)
    {
        int start = position;
        for (bool quoted = false; !AtEnd && (quoted || !ends.Contains(Peek)); position++)
            if (Peek == '"') quoted = !quoted;
        return text[start..position];
    }

    /// <summary>Tuple element names: " [first,-,second]".</summary>
    public IReadOnlyList<string>? TupleNames()
    {
        if (!Take(" [")) return null;
        var names = Until(']').Split(',');
        Expect("]");
        return names;
    }

    private FormatException Unexpected(string wanted) => new($"expected {wanted} at column {position + 1} of: {text}");
}
