// The "decoder" of a tokenizer.json: what turns a row of tokens into text. Each step gives tokens to the next one; in the end they
// are put side by side.

using System.Globalization;
using System.Text;

namespace LowRank;

internal abstract class TextDecoder
{
    public abstract List<string> Apply(List<string> tokens);

    /// <summary>True for ByteLevel alone, which a tokenizer decodes faster itself.</summary>
    public virtual bool IsByteLevel => false;

    /// <summary>Null for a file without one: then tokens are joined with spaces.</summary>
    public static TextDecoder? Read(JsonPart? part) => part is { } some ? Of(some) : null;

    private static TextDecoder Of(JsonPart part)
    {
        switch (part.Type)
        {
            case "Sequence": return new Several([.. part.Parts("decoders").Select(Of)]);
            case "ByteLevel": return new Bytes();
            case "ByteFallback": return new ByteFallback();
            case "Fuse": return new Fuse();
            case "Replace": return new Replace(TextPattern.Read(part), part.Text("content"));
            case "Strip":
                var content = part.Text("content");
                return content.Length == 1 ? new Strip(content[0], part.Whole("start"), part.Whole("stop")) : throw part.Wrong("content", $"is \"{content}\"; it must be one character");
            case "Metaspace":
                var (replacement, scheme) = PreTokenizer.ReadReplacement(part);
                return new Metaspace(replacement, scheme != "never");
            default: throw part.NotSupported("type", part.Type, "Sequence, ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace");
        }
    }

    private sealed class Several(TextDecoder[] steps) : TextDecoder
    {
        public override List<string> Apply(List<string> tokens) => steps.Aggregate(tokens, (current, step) => step.Apply(current));
    }

    private sealed class Fuse : TextDecoder
    {
        public override List<string> Apply(List<string> tokens) => [string.Concat(tokens)];
    }

    private sealed class Replace(TextPattern pattern, string content) : TextDecoder
    {
        public override List<string> Apply(List<string> tokens) => [.. tokens.Select(token => pattern.Replace(token, content))];
    }

    private sealed class Bytes : TextDecoder
    {
        public override bool IsByteLevel => true;

        public override List<string> Apply(List<string> tokens)
        {
            using var buffer = new MemoryStream();
            foreach (var token in tokens) buffer.Write(ByteLevel.TryBytes(token, out var bytes) ? bytes : Encoding.UTF8.GetBytes(token));
            return [Encoding.UTF8.GetString(buffer.GetBuffer().AsSpan(0, (int)buffer.Length))];
        }
    }

    /// <summary>Runs of tokens such as &lt;0xE2&gt; are UTF-8; each byte of a run that is not becomes U+FFFD.</summary>
    private sealed class ByteFallback : TextDecoder
    {
        public override List<string> Apply(List<string> tokens)
        {
            var (output, run) = (new List<string>(tokens.Count), new List<byte>());
            foreach (var token in tokens)
            {
                if (BpeModel.FallbackByte(token) is { } value)
                {
                    run.Add(value);
                    continue;
                }
                End();
                output.Add(token);
            }
            End();
            return output;

            void End()
            {
                if (run.Count == 0) return;
                try { output.Add(PlainJson.Utf8.GetString([.. run])); }
                catch (DecoderFallbackException) { output.AddRange(Enumerable.Repeat("\uFFFD", run.Count)); }
                run.Clear();
            }
        }
    }

    /// <summary>Of each token at most so many characters at its start and at its end.</summary>
    private sealed class Strip(char content, int start, int stop) : TextDecoder
    {
        public override List<string> Apply(List<string> tokens) => [.. tokens.Select(token =>
        {
            var (from, to) = (0, token.Length);
            while (from < Math.Min(start, token.Length) && token[from] == content) from++;
            while (token.Length - to < stop && to > from && token[to - 1] == content) to--;
            return token[from..to];
        })];
    }

    private sealed class Metaspace(char replacement, bool prefixed) : TextDecoder
    {
        public override List<string> Apply(List<string> tokens) =>
            [.. tokens.Select((token, i) => i == 0 && prefixed ? token.Replace(replacement.ToString(), "") : token.Replace(replacement, ' '))];
    }
}
