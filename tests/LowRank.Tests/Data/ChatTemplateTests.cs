using System.Text.Json;
using System.Text.Json.Nodes;

namespace LowRank.Tests.Data;

/// <summary>Templates against Jinja2 as transformers sets it up (tests/Golden/chat), and what the library adds: masks, errors, limits.</summary>
public sealed class ChatTemplateTests
{
    private sealed record Case(string Template, JsonElement Messages, bool Prompt, JsonObject Variables, string? Text, string? Error);

    private sealed record Snippet(string Source, string? Text, string? Error);

    private static readonly JsonSerializerOptions Camel = new(JsonSerializerDefaults.Web);

    private static IEnumerable<T> Read<T>(string file) => File.ReadLines(Golden.PathOf($"chat/{file}")).Select(line => JsonSerializer.Deserialize<T>(line, Camel)!);

    private static string Source(string template) => File.ReadAllText(Golden.PathOf($"chat/{template}"));

    private static string Render(string source, params (string Name, object? Value)[] variables) => new ChatTemplate(source, "a template").Render([], false, variables.ToDictionary(pair => pair.Name, pair => pair.Value));

    public static TheoryData<string> Templates { get; } = new(Directory.GetFiles(Golden.PathOf("chat"), "*.jinja").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Templates))]
    public void Conversations_are_written_as_by_the_reference(string template)
    {
        var parsed = new ChatTemplate(Source(template), template);
        var cases = Read<Case>("cases.jsonl").Where(one => one.Template == template).ToList();
        Assert.True(cases.Count >= 14);
        foreach (var one in cases)
        {
            var variables = one.Variables.ToDictionary(pair => pair.Key, pair => (object?)pair.Value);
            ChatMessage[] messages = [.. one.Messages.EnumerateArray().Select(turn => ChatMessage.Read(new(turn, ""), "role", "content"))];
            if (one.Error is null) Assert.Equal(one.Text, parsed.Render(messages, one.Prompt, variables));
            else if (one.Error.StartsWith("can only concatenate str")) Assert.Contains("a text + a dictionary is not possible", Assert.Throws<ChatTemplateException>(() => parsed.Render(messages, one.Prompt, variables)).Message);
            else Assert.Contains(one.Error, Assert.Throws<ChatTemplateException>(() => parsed.Render(messages, one.Prompt, variables)).Message);
        }
    }

    [Fact]
    public void Pieces_are_carried_out_as_by_the_reference()
    {
        var wrong = new List<string>();
        foreach (var one in Read<Snippet>("snippets.jsonl"))
        {
            string? text = null, error = null;
            try { text = Render(one.Source); }
            catch (ChatTemplateException found) { error = found.Message; }
            if (text != one.Text) wrong.Add($"{one.Source}\n  expected {one.Text ?? one.Error}\n  found    {text ?? error}");
        }
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Theory]
    [InlineData("a\n{% include 'x' %}", "a template, line 2: {% include %} is not supported; supported: if, for, set")]
    [InlineData("{% call x() %}{% endcall %}", "line 1: {% call %} is not supported")]
    [InlineData("\n\n{% for x in y recursive %}{% endfor %}", "line 3: a recursive for is not supported")]
    [InlineData("{{ f(*args) }}", "line 1: arguments with * are not supported")]
    [InlineData("\n{{ 'x' | xmlattr }}", "line 2: the filter xmlattr is not supported")]
    [InlineData("{{ 1 is sameas 1 }}", "line 1: the test sameas is not supported")]
    [InlineData("{{ 'x'.encode() }}", "line 1: a text has no encode(), or it is not supported")]
    [InlineData("{{ strftime_now('%j') }}", "strftime_now: %j is not supported")]
    [InlineData("{% if true %}\nx", "line 1: {% if %} has no {% endif %}")]
    [InlineData("x{% endif %}", "unexpected {% endif %}")]
    [InlineData("{{ 'x", "line 1: the string does not end")]
    [InlineData("{{ x", "line 1: the tag has no }}")]
    [InlineData("\n{# x", "line 2: the comment does not end")]
    [InlineData("{{ ? }}", "line 1: unexpected \"?\"")]
    [InlineData("{{ }}", "line 1: an expression is missing")]
    [InlineData("{{ 99999999999999999999 }}", "line 1: the number 99999999999999999999 is too large")]
    [InlineData("\n{{ a.b.c }}", "line 2: a is not defined, so it has no b")]
    [InlineData("{{ 9223372036854775807 + 1 }}", "line 1")]
    public void What_is_wrong_or_not_supported_is_named_with_its_line(string source, string expected) =>
        Assert.Contains(expected, Assert.Throws<ChatTemplateException>(() => Render(source)).Message);

    [Theory]
    [InlineData("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "does not end within")]
    [InlineData("{% for a in range(999999999) %}{% endfor %}", "range() has more than")]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "macros call each other more than")]
    [InlineData("{% set ns = namespace(x='0123456789') %}{% for a in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}", "becomes too long")]
    [InlineData("{% break %}", "outside a loop")]
    [InlineData("{{ 'x' * 999999999 }}", "becomes too long")]
    [InlineData("{% for a in range(99999) %}{{ 'x' * 99999 }}{% endfor %}", "grows beyond")]
    public void No_template_runs_or_grows_without_end(string source, string expected) =>
        Assert.Contains(expected, Assert.Throws<ChatTemplateException>(() => Render(source)).Message);

    [Fact]
    public void Deep_nesting_is_an_error_and_no_crash()
    {
        const int many = 30_000;
        string Repeated(string text) => string.Concat(Enumerable.Repeat(text, many));
        foreach (var source in new[] { $"{{{{ {Repeated("(")}1{Repeated(")")} }}}}", $"{{{{ {Repeated("not ")} 1 }}}}", $"{{{{ {Repeated("- ")}1 }}}}", Repeated("{% if 1 %}"), $"{{{{ {Repeated("[")}{Repeated("]")} }}}}" })
            Assert.Contains("nested more than", Assert.Throws<ChatTemplateException>(() => Render(source)).Message);
        foreach (var source in new[] { $"{{{{ 1{Repeated(" + 1")} }}}}", $"{{{{ 1{Repeated("|string")} }}}}", $"{{{{ x{Repeated("[0]")} }}}}" })
            Assert.Contains("nested too deeply", Assert.Throws<ChatTemplateException>(() => Render(source)).Message);
        Assert.Equal("501", Render($"{{{{ 1{string.Concat(Enumerable.Repeat(" + 1", 500))} }}}}"));
    }

    /// <summary>Whether a chain runs is a matter of its length alone: not of how much stack is left, nor of how it was compiled.</summary>
    [Theory]
    [InlineData("1", " + 1")]
    [InlineData("1", "|string")]
    [InlineData("x", "[0]")]
    [InlineData("x", ".y")]
    [InlineData("'x'", "[0:]")]
    [InlineData("'x'", ".strip()", 2)] // a member, and its call
    [InlineData("1", " and 1")]
    [InlineData("0", " or 0")]
    [InlineData("0", " ~ 0")]
    [InlineData("1", " < 2")]
    [InlineData("1", " is number")]
    [InlineData("1", " if 1")]
    public void Chains_have_one_longest_length(string first, string link, int deepBy = 1)
    {
        const string deep = "a template, line 2: nested too deeply: more than 2,000 expressions within each other";
        string? Refusal(int links)
        {
            string? message = null;
            var thread = new Thread(() =>
            {
                try { Render($"\n{{{{ {first}{string.Concat(Enumerable.Repeat(link, links))} }}}}"); }
                catch (ChatTemplateException error) { message = error.Message; }
            }, maxStackSize: 1_500_000);
            thread.Start();
            thread.Join();
            return message;
        }
        var undefined = first == "x" ? "a template, line 2: x is not defined" : null;
        if (undefined is null) Assert.Null(Refusal(1_990 / deepBy));
        else Assert.StartsWith(undefined, Refusal(1_990 / deepBy));
        foreach (var links in new[] { 2_000 / deepBy, 5_000, 30_000 }) Assert.Equal(deep, Refusal(links));
    }

    [Fact]
    public void Damaged_templates_are_errors_or_run()
    {
        var random = new Random(5);
        ChatMessage[] messages = [new("system", "S"), new("user", "U"), new("assistant", "A")];
        foreach (var template in Templates)
            for (var trial = 0; trial < 100; trial++)
            {
                var damaged = Source(template.Data).ToCharArray();
                for (var i = random.Next(3); i >= 0; i--) damaged[random.Next(damaged.Length)] = "{}%'\"()[]|.-+# \nxi0"[random.Next(19)];
                try { new ChatTemplate(new string(damaged)).Render(messages, true, new Dictionary<string, object?> { ["bos_token"] = "<s>", ["eos_token"] = "</s>" }); }
                catch (ChatTemplateException) { }
            }
    }
}
