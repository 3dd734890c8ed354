// The "post_processor" of a tokenizer.json, for one text: the ids put before and after it where special tokens are asked for, and
// whether spaces at a token's ends belong to its span.

namespace LowRank;

internal sealed record PostProcessor
{
    /// <summary>Ids before and after the text.</summary>
    public int[] Before { get; private init; } = [];

    public int[] After { get; private init; } = [];

    private bool Trims { get; init; }

    /// <summary>One space before the first token was put there by the pre-tokenizer and is none of the text's; of more, all are.</summary>
    private bool PrefixSpace { get; init; }

    public static PostProcessor Read(JsonPart? part)
    {
        var steps = part is { } some ? Flat(some).ToList() : [];
        if (steps.Count(step => step.Type == "TemplateProcessing") > 1) throw part!.Value.Wrong("processors", "has more than one TemplateProcessing; only one is supported");
        var result = new PostProcessor();
        foreach (var step in steps)
            result = step.Type switch
            {
                "ByteLevel" => result with { Trims = step.Flag("trim_offsets", true), PrefixSpace = step.Flag("add_prefix_space", true) },
                "TemplateProcessing" => Template(step, result),
                _ => throw step.NotSupported("type", step.Type, "Sequence, ByteLevel, TemplateProcessing"),
            };
        return result;
    }

    /// <summary>With one id or none before and after instead, where told: what transformers does for add_bos_token and add_eos_token.</summary>
    public PostProcessor With(bool? begin, int? beginToken, bool? end, int? endToken) => this with
    {
        Before = begin switch { null => Before, true => [beginToken!.Value], false => [.. Before.Where(id => id != beginToken)] },
        After = end switch { null => After, true => [endToken!.Value], false => [.. After.Where(id => id != endToken)] },
    };

    /// <summary>The span of a token without the spaces at its ends, if this post-processor takes them off.</summary>
    public TokenSpan Trimmed(TokenSpan span, string token, bool first, string text)
    {
        if (!Trims) return span;
        var leading = token.TakeWhile(IsSpace).Count();
        var trailing = token.Reverse().TakeWhile(IsSpace).Count();
        if (leading == 1 && PrefixSpace && (first || span.Start == 0)) leading = 0;
        var start = Math.Min(span.Start + leading, span.End);
        if (trailing == 0 || span.End < trailing) return span with { Start = start };
        var end = Math.Max(span.End - trailing, start);
        // A space that was put there has the place of the character behind it, which may be two chars.
        return span with { Start = start, End = end > start && end < text.Length && char.IsSurrogatePair(text[end - 1], text[end]) ? end - 1 : end };
    }

    private static bool IsSpace(char character) => character == ByteLevel.Character((byte)' ') || char.IsWhiteSpace(character);

    private static IEnumerable<JsonPart> Flat(JsonPart part) => part.Type == "Sequence" ? part.Parts("processors").SelectMany(Flat) : [part];

    private static PostProcessor Template(JsonPart part, PostProcessor result)
    {
        var known = part.Part("special_tokens");
        var (before, after, seen) = (new List<int>(), new List<int>(), false);
        foreach (var piece in part.Parts("single"))
        {
            if (piece.Part("Sequence") is { } sequence)
            {
                if (seen || sequence.Text("id") != "A") throw sequence.Wrong("id", seen ? "stands for the text a second time" : $"is \"{sequence.Text("id")}\"; a template for one text has \"A\"");
                seen = true;
            }
            else
            {
                var name = piece.NeededPart("SpecialToken").Text("id");
                var token = known?.Part(name) ?? throw part.Wrong("special_tokens", $"has no \"{name}\", which \"single\" names");
                (seen ? after : before).AddRange(token.Items("ids").Select(id => JsonPart.Whole(id, $"{token.Where}.ids")));
            }
        }
        return seen ? result with { Before = [.. before], After = [.. after] } : throw part.Wrong("single", "has no Sequence: the text itself");
    }
}
