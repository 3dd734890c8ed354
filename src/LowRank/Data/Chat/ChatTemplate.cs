// A model's chat template, the Jinja text in its tokenizer's files: how turns become one text. Carried out as transformers sets Jinja up.

using System.Globalization;

namespace LowRank;

/// <summary>How a model writes conversations. Supported of Jinja: if, for, set, macro, generation, break and continue, expressions, slices, the
/// usual filters, tests and methods; not include, import, extends, call and filter blocks.</summary>
public sealed partial class ChatTemplate
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

    private (string Text, IReadOnlyList<(int Start, int End)> Generated) Run(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, IReadOnlyDictionary<string, object?>? variables)
    {
        var known = new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["tools"] = null,
            ["documents"] = null,
            ["range"] = (JinjaFunction)Range,
            ["namespace"] = (JinjaFunction)((given, named) => Namespace(given, named)),
            ["dict"] = (JinjaFunction)((given, named) => JinjaValue.Map(given.OfType<JinjaMap>().SelectMany(map => map).Concat(named).Select(pair => (pair.Key, pair.Value)))),
            ["raise_exception"] = (JinjaFunction)((given, _) => throw new ChatTemplateException($"{name} refuses the conversation: {(given.Count > 0 ? JinjaValue.Show(given[0]) : "")}")),
            ["strftime_now"] = (JinjaFunction)((given, _) => Now(given.Count > 0 ? JinjaValue.Text(given[0]) : throw new FormatException("strftime_now needs a format"))),
        };
        foreach (var (key, value) in variables ?? new Dictionary<string, object?>()) known[key] = JinjaValue.From(value);
        known["messages"] = messages.Select(message => (object?)message.Values()).ToList();
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
