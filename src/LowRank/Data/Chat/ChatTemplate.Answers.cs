// Where in a conversation's text the assistant speaks. A template says it with generation blocks; most have none, and then it is found by
// carrying the template out for parts of the conversation, or with a turn changed, and comparing the texts.

namespace LowRank;

public sealed partial class ChatTemplate
{
    private const char Mark = '\uE000'; // of the private use area: no text has it

    /// <summary>The text, and where in it the assistant speaks: generation blocks if the template has them; else what a turn adds to the text
    /// of the turns before it; else, where earlier turns are written otherwise than the last (thoughts left out, say), what stands of its
    /// content or of its calls.</summary>
    /// <param name="messages">The turns.</param>
    /// <param name="variables">As for <see cref="Render"/>.</param>
    /// <param name="tokens">Special tokens: one that ends a turn belongs to it.</param>
    internal (string Text, IReadOnlyList<(int Start, int End)> Answers) RenderAnswers(IReadOnlyList<ChatMessage> messages, IReadOnlyDictionary<string, object?>? variables, IReadOnlyList<string> tokens)
    {
        var (text, answers) = Run(messages, false, variables);
        if (answers.Count == 0) answers = new ChatAnswers(name, text, messages, tokens, (turns, asks) => Run(turns, asks, variables).Text).Find();
        foreach (var (index, turn) in messages.Index().Where(turn => turn.Item.Role == ChatMessage.Assistant))
            foreach (var call in turn.ToolCalls)
                if (!answers.Any(answer => text.AsSpan(answer.Start, answer.End - answer.Start).Contains(call.Name, StringComparison.Ordinal)))
                    throw new ChatTemplateException($"{name}: turn {index + 1} calls {call.Name}, and nothing of that is in what the assistant says: the template writes no calls, or only those of a turn whose content is null; change the turn, or take another template");
        return (text, answers);
    }

    private sealed class ChatAnswers(string name, string text, IReadOnlyList<ChatMessage> messages, IReadOnlyList<string> tokens, Func<IReadOnlyList<ChatMessage>, bool, string> render)
    {
        public List<(int Start, int End)> Find()
        {
            var (found, from) = (new List<(int Start, int End)>(), 0);
            foreach (var (index, turn) in messages.Index().Where(turn => turn.Item.Role == ChatMessage.Assistant))
            {
                var answer = Added(index) ?? (turn.ToolCalls.Count > 0 ? Called(index) : Content(index)) ?? Again(index, from);
                found.Add(answer is { } place && place.Start >= from ? place
                    : throw new ChatTemplateException($"{name}: what the assistant says in turn {index + 1} can't be found in the text: mark it with {{% generation %}} and {{% endgeneration %}}, or learn all turns"));
                from = found[^1].End;
            }
            return found;
        }

        /// <summary>The text of the first turns. A template may refuse a part of a conversation.</summary>
        private string? Of(int turns, bool asks = false) => turns == messages.Count && !asks ? text : Try([.. messages.Take(turns)], asks);

        private string? Changed(int index, Func<ChatMessage, ChatMessage> change) => Try([.. messages.Select((turn, i) => i == index ? change(turn) : turn)], false);

        private string? Try(IReadOnlyList<ChatMessage> turns, bool asks)
        {
            try { return render(turns, asks); }
            catch (ChatTemplateException) { return null; }
        }

        /// <summary>What a turn adds to the text of those before it, and where that ends. What begins the turn is given, and white space behind
        /// what ends it is not waited for.</summary>
        private (int Start, int End, string After)? Own(int index)
        {
            if (Of(index) is not { } before || Of(index + 1) is not { } after || !after.StartsWith(before, StringComparison.Ordinal)) return null;
            var start = Math.Max(before.Length, TokenStart(after, after.AsSpan().CommonPrefixLength(Of(index, asks: true))));
            var trimmed = messages[index] is { ToolCalls.Count: 0, Content: [.., var last] } && char.IsWhiteSpace(last) ? after.Length : after.TrimEnd().Length;
            return (start, Math.Max(start, trimmed), after);
        }

        private (int Start, int End)? Added(int index) =>
            Own(index) is var (start, end, after) && text.StartsWith(after, StringComparison.Ordinal) ? (start, end) : null;

        /// <summary>The same, where the text before it is another.</summary>
        private (int Start, int End)? Again(int index, int from)
        {
            if (Own(index) is not var (start, end, after) || start == end) return null;
            var at = text.IndexOf(after[start..end], from, StringComparison.Ordinal);
            return at < 0 ? null : (at, at + end - start);
        }

        private (int Start, int End)? Content(int index)
        {
            var content = messages[index].Content.TrimEnd();
            if (Changed(index, turn => turn with { Content = content + Mark }) is not { } marked) return null;
            var end = marked.IndexOf(Mark);
            if (end < 0 || marked.LastIndexOf(Mark) != end || !text.AsSpan().StartsWith(marked.AsSpan(0, end)) || !text.AsSpan(end).EndsWith(marked.AsSpan(end + 1))) return null;
            var length = 0;
            while (length < Math.Min(content.Length, end) && text[end - length - 1] == content[^(length + 1)]) length++;
            // A beginning that a template leaves out is thoughts between tags; anything else means that it writes the content otherwise.
            if (length == 0 || content.AsSpan(0, content.Length - length).TrimEnd() is not ([] or [.., '>'])) return null;
            return (end - length, WithEnding(end));
        }

        /// <summary>Where the text is another if the turn says something else and calls nothing.</summary>
        private (int Start, int End)? Called(int index)
        {
            if (Changed(index, turn => new(turn.Role, Mark.ToString())) is not { } other || !other.Contains(Mark)) return null;
            var start = text.AsSpan().CommonPrefixLength(other);
            var most = Math.Min(text.Length, other.Length) - start;
            var same = 0;
            while (same < most && text[^(same + 1)] == other[^(same + 1)]) same++;
            return other.IndexOf(Mark) >= start && other.LastIndexOf(Mark) < other.Length - same ? (TokenStart(text, start), WithEnding(text.Length - same)) : null;
        }

        /// <summary>Texts may part within a special token of the one, after a &lt; that both have: it is not parted.</summary>
        private int TokenStart(string of, int at)
        {
            foreach (var token in tokens)
                for (var start = Math.Max(0, at - token.Length + 1); start < at; start++)
                    if (of.AsSpan(start).StartsWith(token)) return start;
            return at;
        }

        private int WithEnding(int end)
        {
            var rest = text.AsSpan(end).TrimStart();
            foreach (var ending in tokens)
                if (rest.StartsWith(ending)) return text.Length - rest.Length + ending.Length;
            return end;
        }
    }
}
