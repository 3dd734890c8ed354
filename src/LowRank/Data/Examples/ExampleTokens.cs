// An example as tokens. Prompt and answer are encoded as one text, as they are read, and a token is learned if it ends in the answer.

namespace LowRank;

internal static class ExampleTokens
{
    public static TokenRow Of(Tokenizer tokenizer, Example example, bool learnPrompts)
    {
        if (example.IsChat) return OfChat(tokenizer, example, learnPrompts);
        var spans = tokenizer.EncodeSpans(example.Prompt + example.Answer);
        var opening = tokenizer.Opening;
        return new([.. opening, .. spans.Select(span => span.Id), tokenizer.Separator],
            [.. opening.Select(_ => false), .. spans.Select(span => learnPrompts || span.End > example.Prompt.Length || span.Start >= example.Prompt.Length), true]);
    }

    /// <summary>A conversation as its template writes it, which has what begins and ends it.</summary>
    private static TokenRow OfChat(Tokenizer tokenizer, Example example, bool learnPrompts)
    {
        var ids = learnPrompts ? tokenizer.Chat(example.Messages, tools: example.Tools) : null;
        if (ids is not null) return new(ids, [.. ids.Select(_ => true)]);
        var chat = tokenizer.RenderChat(example.Messages, tools: example.Tools);
        return new(chat.Ids, chat.Assistant);
    }
}
