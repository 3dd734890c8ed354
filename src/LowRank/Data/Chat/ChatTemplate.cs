// A model's chat template, the Jinja text in its tokenizer's files: how turns become one text. Carried out as transformers sets Jinja up.

using System.Globalization;

namespace LowRank;

/// <summary>How a model writes conversations. Supported of Jinja: if, for, set, macro, generation, break and continue, expressions, slices, the
/// usual filters, tests and methods; not include, import, extends, call and filter blocks.</summary>
public sealed class ChatTemplate
{
    private readonly IReadOnlyList<JinjaStatement> body;
    private readonly string name;

    /// <summary>Reads a template.</summary>
    /// <param name="source">The Jinja text.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="ChatTemplateException">Names the template, the line, and what is wrong or not supported there.</exception>
    public ChatTemplate(string source, string name = "chat template") => (body, this.name) = (JinjaParser.Parse(source, name), name);

    /// <summary>The text of a conversation.</summary>
    /// <param name="messages">Its turns.</param>
    /// <param name="addGenerationPrompt">End with what begins the assistant's turn, so that a model goes on with it.</param>
    /// <param name="variables">What the template may ask for besides (tools, enable_thinking, bos_token …): null, bool, numbers, texts, lists,
    /// dictionaries, JSON.</param>
    /// <exception cref="ChatTemplateException">With the template's name and line: it can't be carried out, or refuses the conversation.</exception>
    public string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt = false, IReadOnlyDictionary<string, object?>? variables = null) =>
        Run(messages, addGenerationPrompt, variables).Text;

    /// <summary>The text, and where in it the assistant speaks: generation blocks if the template has them; else what a turn adds to the text
    /// of the turns before it; else, where earlier turns are written otherwise than the last (thoughts left out, say), what stands of its
    /// content.</summary>
    /// <param name="messages">The turns.</param>
    /// <param name="variables">As for <see cref="Render"/>.</param>
    /// <param name="endings">Tokens that may end a turn and then belong to it.</param>
    internal (string Text, IReadOnlyList<(int Start, int End)> Answers) RenderAnswers(IReadOnlyList<ChatMessage> messages, IReadOnlyDictionary<string, object?>? variables, IReadOnlyList<string> endings)
    {
        var (text, generated) = Run(messages, false, variables);
        if (generated.Count > 0) return (text, generated);
        return (text, [.. messages.Index().Where(turn => turn.Item.Role == ChatMessage.Assistant).Select(turn => Added(turn.Index) ?? Content(turn.Index)
            ?? throw new ChatTemplateException($"{name}: what the assistant says in turn {turn.Index + 1} can't be found in the text: mark it with {{% generation %}} and {{% endgeneration %}}, or learn all turns"))]);

        (int, int)? Added(int index)
        {
            string Of(int turns, bool asks) => turns == messages.Count && !asks ? text : Run([.. messages.Take(turns)], asks, variables).Text;
            var (before, after) = (Of(index, false), Of(index + 1, false));
            if (!text.StartsWith(before, StringComparison.Ordinal) || !text.StartsWith(after, StringComparison.Ordinal) || after.Length < before.Length) return null;
            // What begins the turn is given; white space behind what ends it is not waited for.
            var start = Math.Min(after.Length, Math.Max(before.Length, text.AsSpan().CommonPrefixLength(Of(index, true))));
            return (start, messages[index].Content is [.., var last] && char.IsWhiteSpace(last) ? after.Length : Math.Max(start, after.TrimEnd().Length));
        }

        (int, int)? Content(int index)
        {
            const char mark = '\uE000';
            var content = messages[index].Content.TrimEnd();
            var marked = Run([.. messages.Select((turn, i) => i == index ? turn with { Content = content + mark } : turn)], false, variables).Text;
            var end = marked.IndexOf(mark);
            if (end < 0 || marked.LastIndexOf(mark) != end || !text.AsSpan().StartsWith(marked.AsSpan(0, end)) || !text.AsSpan(end).EndsWith(marked.AsSpan(end + 1))) return null;
            var length = 0;
            while (length < Math.Min(content.Length, end) && text[end - length - 1] == content[^(length + 1)]) length++;
            // A beginning that a template leaves out is thoughts between tags; anything else means that it writes the content otherwise.
            if (length == 0 || content.AsSpan(0, content.Length - length).TrimEnd() is not ([] or [.., '>'])) return null;
            var rest = text.AsSpan(end).TrimStart();
            foreach (var ending in endings)
                if (rest.StartsWith(ending)) return (end - length, text.Length - rest.Length + ending.Length);
            return (end - length, end);
        }
    }

    private (string Text, IReadOnlyList<(int Start, int End)> Generated) Run(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, IReadOnlyDictionary<string, object?>? variables)
    {
        var known = new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["tools"] = null,
            ["documents"] = null,
            ["range"] = (JinjaFunction)Range,
            ["namespace"] = (JinjaFunction)((given, named) => Namespace(given, named)),
            ["dict"] = (JinjaFunction)((_, named) => JinjaValue.Map(named.Select(pair => (pair.Key, pair.Value)))),
            ["raise_exception"] = (JinjaFunction)((given, _) => throw new ChatTemplateException($"{name} refuses the conversation: {(given.Count > 0 ? JinjaValue.Show(given[0]) : "")}")),
            ["strftime_now"] = (JinjaFunction)((given, _) => Now(given.Count > 0 ? JinjaValue.Text(given[0]) : throw new FormatException("strftime_now needs a format"))),
        };
        foreach (var (key, value) in variables ?? new Dictionary<string, object?>()) known[key] = JinjaValue.From(value);
        known["messages"] = messages.Select(message => (object?)JinjaValue.Map([("role", message.Role), ("content", message.Content)])).ToList();
        known["add_generation_prompt"] = addGenerationPrompt;
        return new JinjaInterpreter(name, known).Render(body);
    }

    private static List<object?> Range(IReadOnlyList<object?> given, IReadOnlyDictionary<string, object?> named)
    {
        const int longest = 100_000;
        if (given.Count is < 1 or > 3) throw new FormatException("range() takes one to three numbers");
        var (start, stop, step) = (given.Count > 1 ? JinjaValue.Whole(given[0]) : 0, JinjaValue.Whole(given[given.Count > 1 ? 1 : 0]), given.Count > 2 ? JinjaValue.Whole(given[2]) : 1);
        if (step == 0) throw new FormatException("range() with step 0");
        var numbers = new List<object?>();
        for (var i = start; step > 0 ? i < stop : i > stop; i = checked(i + step))
        {
            if (numbers.Count == longest) throw new FormatException($"range() has more than {longest:N0} numbers");
            numbers.Add(i);
        }
        return numbers;
    }

    private static JinjaMap Namespace(IReadOnlyList<object?> given, IReadOnlyDictionary<string, object?> named)
    {
        var space = new JinjaMap { IsNamespace = true };
        foreach (var (key, value) in given.OfType<JinjaMap>().SelectMany(map => map).Concat(named)) space[key] = value;
        return space;
    }

    private static string Now(string format)
    {
        var (text, now) = ("", DateTime.Now);
        for (var i = 0; i < format.Length; i++)
            text += format[i] != '%' || i + 1 == format.Length ? format[i].ToString() : format[++i] switch
            {
                '%' => "%",
                var code and ('d' or 'm' or 'Y' or 'y' or 'b' or 'B' or 'a' or 'A' or 'H' or 'M' or 'S') => now.ToString(code switch
                {
                    'd' => "dd", 'm' => "MM", 'Y' => "yyyy", 'y' => "yy", 'b' => "MMM", 'B' => "MMMM", 'a' => "ddd", 'A' => "dddd", 'H' => "HH", 'M' => "mm", _ => "ss",
                }, CultureInfo.InvariantCulture),
                var other => throw new FormatException($"strftime_now: %{other} is not supported"),
            };
        return text;
    }
}
