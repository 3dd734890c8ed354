using System.Text.Json;

namespace LowRank.Tests.Data;

/// <summary>Tool calls in conversations: what is learned of them, how records have them, and what is wrong with some. That templates write
/// them as by the reference is in <see cref="ChatTemplateTests"/>.</summary>
public sealed class ToolCallTests : IDisposable
{
    private static readonly JsonElement[] Tools = [JsonElement.Parse("""{"type": "function", "function": {"name": "look_up", "parameters": {}}}""")];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private static ChatTemplate Template(string name) => new(File.ReadAllText(Golden.PathOf($"chat/{name}.jinja")), name);

    private static Dictionary<string, object?> Variables(bool tools) => new() { ["bos_token"] = "<s>", ["eos_token"] = "</s>", ["tools"] = tools ? Tools : null };

    private static string[] Learned(string template, IReadOnlyList<ChatMessage> messages, bool tools = true)
    {
        var (text, answers) = Template(template).RenderAnswers(messages, Variables(tools), ["<|im_end|>", "</s>", "<|eot_id|>", "<Assistant>", "<calls>"]);
        return [.. answers.Select(answer => text[answer.Start..answer.End])];
    }

    /// <summary>What a template writes of a turn, told once more: the calls, the content, and what ends both. One asks after results with
    /// something else than what begins a further call, which is then learned.</summary>
    private static string Expected(string template, ChatMessage turn, bool last, bool afterResult = false) => template switch
    {
        "tools-hermes" => (last ? "<think>\n\n</think>\n\n" : "") + string.Join('\n', turn.ToolCalls.Select(call => $"<tool_call>\n{{\"name\": \"{call.Name}\", \"arguments\": {call.Arguments}}}\n</tool_call>").Prepend(turn.Content).Where(part => part != "")) + "<|im_end|>",
        "tools-mistral" => turn.ToolCalls.Count > 0 ? $"[TOOL_CALLS][{string.Join(", ", turn.ToolCalls.Select(call => $"{{\"name\": \"{call.Name}\", \"arguments\": {call.Arguments}, \"id\": \"{call.Id}\"}}"))}]</s>" : turn.Content + "</s>",
        "tools-llama" => turn.ToolCalls.Count > 0 ? $"{{\"name\": \"{turn.ToolCalls[0].Name}\", \"parameters\": {turn.ToolCalls[0].Arguments}}}<|eot_id|>" : turn.Content + "<|eot_id|>",
        _ => turn.ToolCalls.Count > 0 ? $"{(afterResult ? "<Assistant>" : "")}<calls>{string.Join('\n', turn.ToolCalls.Select(call => $"function:{call.Name}\n```json\n{call.Arguments}\n```"))}</calls></s>" : turn.Content + "</s>",
    };

    [Theory]
    [InlineData("tools-hermes")]
    [InlineData("tools-mistral")]
    [InlineData("tools-llama")]
    [InlineData("tools-text")]
    public void What_a_turn_adds_is_learned_calls_included_and_results_not(string template)
    {
        var random = new Random(7);
        string Word() => new[] { "Yes.", "look", "é 😀", "a\nb", "</tool>", "{\"name\": \"x\"}", "Yes." }[random.Next(7)];
        for (var trial = 0; trial < 200; trial++)
        {
            var messages = new List<ChatMessage>();
            if (random.Next(3) == 0) messages.Add(new("system", Word()));
            for (var round = random.Next(1, 4); round > 0; round--)
            {
                messages.Add(new("user", Word()));
                for (var calls = random.Next(3); calls > 0; calls--)
                {
                    ToolCall[] made = [.. Enumerable.Range(0, template == "tools-llama" ? 1 : random.Next(1, 3)).Select(i =>
                        new ToolCall(random.Next(2) == 0 ? "look_up" : "add", JsonSerializer.Serialize(new { q = random.Next(3) }).Replace(":", ": "), $"abcdefg0{i}") { AsText = template == "tools-text" })];
                    messages.Add(new(ChatMessage.Assistant, template == "tools-hermes" && random.Next(2) == 0 ? Word() : null) { ToolCalls = made });
                    messages.AddRange(made.Select(call => new ChatMessage("tool", Word()) { ToolCallId = call.Id }));
                }
                messages.Add(new(ChatMessage.Assistant, Word()));
            }
            var last = messages.Count - 1;
            var expected = messages.Index().Where(turn => turn.Item.Role == ChatMessage.Assistant).Select(turn => Expected(template, turn.Item, turn.Index == last, turn.Index > 0 && messages[turn.Index - 1].Role == "tool"));
            Assert.Equal(expected, Learned(template, messages, tools: random.Next(2) == 0).Select(text => text.TrimStart(' ')));
        }
    }

    [Fact]
    public void A_conversation_may_end_with_a_call()
    {
        ChatMessage[] talk = [new("user", "Where?"), new(ChatMessage.Assistant, null) { ToolCalls = [new("look_up", "{}", "abcdefg01")] }];
        foreach (var template in new[] { "tools-hermes", "tools-mistral", "tools-llama" })
            Assert.Equal([Expected(template, talk[1], last: true)], Learned(template, talk));
    }

    [Fact]
    public void A_template_that_does_not_write_calls_is_refused()
    {
        ChatMessage[] talk = [new("user", "Where?"), new(ChatMessage.Assistant, "Wait.") { ToolCalls = [new("look_up", "{}")] }];
        var error = Assert.Throws<ChatTemplateException>(() => Learned("chatml", talk));
        Assert.Contains("chatml: turn 2 calls look_up, and nothing of that is in what the assistant says", error.Message);
        var either = Assert.Throws<ChatTemplateException>(() => Learned("tools-text", [talk[0], talk[1] with { ToolCalls = [new("look_up", "{}") { AsText = true }] }]));
        Assert.Contains("only those of a turn whose content is null", either.Message);
    }

    private const string Record = """
        {"messages": [{"role": "user", "content": "Where?", "weight": 2}, {"role": "assistant", "content": null, "tool_calls": [{"id": "abcdefg01", "type": "function", "function": {"name": "look_up", "arguments": {"q": 1}}}]}, {"role": "tool", "name": "look_up", "tool_call_id": "abcdefg01", "content": "here", "tool_calls": null}, {"role": "assistant", "content": "Here."}], "tools": TOOLS}
        """;

    [Theory]
    [InlineData("""[{"type": "function", "function": {"name": "look_up"}}]""")]
    [InlineData("""  "[{\"type\": \"function\", \"function\": {\"name\": \"look_up\"}}]"  """)]
    public void Records_have_calls_and_tools(string tools)
    {
        var example = Examples.Load(folder.File("a.jsonl", Record.Replace("TOOLS", tools.Trim()))).Single();
        ChatMessage[] expected =
        [
            new("user", "Where?") { Fields = new Dictionary<string, JsonElement> { ["weight"] = JsonElement.Parse("2") } },
            new(ChatMessage.Assistant, null) { ToolCalls = [new("look_up", """{"q": 1}""", "abcdefg01")] },
            new("tool", "here") { Name = "look_up", ToolCallId = "abcdefg01" },
            new(ChatMessage.Assistant, "Here."),
        ];
        Assert.Equal(expected, example.Messages);
        Assert.NotEqual(expected[1], expected[1] with { Content = "" });      // None to a template is not an empty text
        Assert.Equal("look_up", example.Tools.Single().GetProperty("function").GetProperty("name").GetString());
        Assert.Equal("2Nonehere", new ChatTemplate("{{ messages[0].weight }}{{ messages[1].content }}{{ messages[2].content }}{{ messages[3].weight }}").Render(example.Messages));
    }

    [Fact]
    public void Training_sees_the_tools_and_learns_the_calls()
    {
        File.Copy(Golden.PathOf("tokenizers/qwen2.json"), folder.File("tokenizer.json"));
        folder.File("chat_template.jinja", File.ReadAllText(Golden.PathOf("chat/tools-hermes.jinja")));
        folder.File("tokenizer_config.json", """{"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}""");
        var tokenizer = Tokenizer.Load(folder.Path);
        var examples = Examples.Load(folder.File("a.jsonl", Record.Replace("TOOLS", """[{"type": "function", "function": {"name": "look_up"}}]""")));
        var batch = new ExampleBatches(tokenizer, examples, 1, 500).InOrder().Single();
        var text = tokenizer.Decode(batch.Ids.data<long>().Select(id => (int)id));
        Assert.Equal(tokenizer.ChatText(examples[0].Messages, tools: examples[0].Tools), text);
        Assert.Contains("{\"name\":\"look_up\"}<|im_end|>", text);
        Assert.Equal("<tool_call>\n{\"name\": \"look_up\", \"arguments\": {\"q\": 1}}\n</tool_call><|im_end|><think>\n\n</think>\n\nHere.<|im_end|>",
            tokenizer.Decode(batch.Labels!.data<long>().Where(id => id >= 0).Select(id => (int)id)));
    }

    [Theory]
    [InlineData("""{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": 3}}]}""", "messages[0].tool_calls[0].function.arguments must be a JSON object, or the text of one")]
    [InlineData("""{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}""", "messages[0].tool_calls[0].function.arguments must be a JSON object")]
    [InlineData("""{"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}""", "messages[0].tool_calls[0].function.arguments is missing")]
    [InlineData("""{"role": "assistant", "tool_calls": [{"function": {"arguments": {}}}]}""", "messages[0].tool_calls[0].function.name is missing")]
    [InlineData("""{"role": "assistant", "tool_calls": [{"name": "f", "arguments": {}}]}""", "\"messages[0].tool_calls[0].function\" is missing")]
    [InlineData("""{"role": "assistant", "tool_calls": [{"type": "code", "function": {"name": "f", "arguments": {}}}]}""", "messages[0].tool_calls[0]: type \"code\" is not supported; supported: function")]
    [InlineData("""{"role": "assistant", "tool_calls": {}}""", "messages[0].tool_calls is {}; it must be a list")]
    [InlineData("""{"role": "assistant", "content": null}""", "messages[0].content is missing")]
    [InlineData("""{"role": "assistant", "content": "a"}], "tools": [3], "x": [""", "\"tools\" must be a list of JSON schemas, or the text of one")]
    [InlineData("""{"role": "assistant", "content": "a"}], "tools": "[", "x": [""", "\"tools\" is a text that is no JSON")]
    public void What_is_wrong_in_a_record_is_named_with_file_and_line(string turn, string expected)
    {
        var path = folder.File("a.jsonl", $"{{\"messages\": [{{\"role\": \"assistant\", \"content\": \"a\"}}]}}\n{{\"messages\": [{turn}]}}\n");
        Assert.StartsWith($"{path}, line 2: {expected}", Assert.Throws<InvalidDataException>(() => Examples.Load(path)).Message);
        Assert.Throws<ArgumentException>(() => new ToolCall("f", "[1]"));
    }
}
