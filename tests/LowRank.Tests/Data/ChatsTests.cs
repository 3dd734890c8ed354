using System.Text.Json.Nodes;

namespace LowRank.Tests.Data;

public sealed class ChatsTests : IDisposable
{
    private static readonly ChatMessage[] Talk =
        [new("user", "Hello"), new("assistant", "Hi there."), new("user", "Tell me more"), new("assistant", "Sure: 1 2 3")];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private Tokenizer Load(string family, string? template, string tokens = "")
    {
        File.Copy(Golden.PathOf($"tokenizers/{family}.json"), folder.File("tokenizer.json"), overwrite: true);
        folder.File("tokenizer_config.json", $$"""{{{tokens}}{{(tokens == "" || template is null ? "" : ", ")}}{{(template is null ? "" : "\"chat_template\": " + JsonValue.Create(template).ToJsonString())}}}""");
        return Tokenizer.Load(folder.Path);
    }

    private static string Source(string template) => File.ReadAllText(Golden.PathOf($"chat/{template}.jinja"));

    private static List<string> Learned(Tokenizer tokenizer, RenderedChat chat)
    {
        var (runs, open) = (new List<List<int>>(), false);
        foreach (var (id, learned) in chat.Ids.Zip(chat.Assistant))
        {
            if (learned && !open) runs.Add([]);
            if (learned) runs[^1].Add(id);
            open = learned;
        }
        return [.. runs.Select(run => tokenizer.Decode(run))];
    }

    [Theory]
    [InlineData("qwen2", "chatml", "", "Hi there.<|im_end|>", "Sure: 1 2 3<|im_end|>")]
    [InlineData("llama3", "llama3", "\"bos_token\": \"<|begin_of_text|>\"", "Hi there.<|eot_id|>", "Sure: 1 2 3<|eot_id|>")]
    [InlineData("llama2-metaspace", "llama2", "\"bos_token\": \"<s>\", \"eos_token\": \"</s>\"", "Hi there. </s>", "Sure: 1 2 3 </s>")]
    [InlineData("gemma", "gemma", "\"bos_token\": \"<bos>\"", "Hi there.<end_of_turn>", "Sure: 1 2 3<end_of_turn>")]
    public void What_the_assistant_says_is_learned_with_what_ends_it(string family, string template, string tokens, params string[] expected)
    {
        var tokenizer = Load(family, Source(template), tokens);
        var chat = tokenizer.RenderChat(Talk);
        Assert.Equal(expected, Learned(tokenizer, chat).Select(text => text.Trim()));
        Assert.Equal(chat.Text, tokenizer.ChatText(Talk));
        Assert.Equal(chat.Ids, tokenizer.Chat(Talk));
        Assert.Equal(chat.Ids, tokenizer.Encode(chat.Text));
        var asked = tokenizer.Chat([.. Talk.Take(3)], addGenerationPrompt: true);
        var beginning = chat.Ids.Take(asked.Length).ToArray();
        if (template != "llama2") Assert.Equal(asked, beginning); // what a model is asked with is what it was trained on
    }

    [Fact]
    public void Generation_blocks_say_themselves_what_is_learned()
    {
        var tokenizer = Load("qwen2", "{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}{% endif %}\n{% endfor %}");
        Assert.Equal(["Hi there.<|im_end|>", "Sure: 1 2 3<|im_end|>"], Learned(tokenizer, tokenizer.RenderChat(Talk)));
    }

    [Fact]
    public void A_template_may_write_earlier_turns_otherwise_than_the_last()
    {
        var tokenizer = Load("qwen2", Source("qwen")); // thoughts of earlier turns are left out
        Assert.Equal(["Hi there.<|im_end|>", "<think>\n\n</think>\n\nSure: 1 2 3<|im_end|>"], Learned(tokenizer, tokenizer.RenderChat(Talk)));
        ChatMessage[] thoughtful = [Talk[0], Talk[1] with { Content = "<think>hm</think>\n\n Hi there.\n" }, Talk[2], Talk[3] with { Content = "<think>well</think>So." }];
        Assert.Equal(["Hi there.\n<|im_end|>", "<think>\nwell\n</think>\n\nSo.<|im_end|>"], Learned(tokenizer, tokenizer.RenderChat(thoughtful)).Select(text => text.TrimStart()));
    }

    [Fact]
    public void What_can_not_be_told_apart_is_an_error()
    {
        var tokenizer = Load("qwen2", "{{ messages | length }}{% for m in messages %}{{ m.content | upper }}{% endfor %}");
        var error = Assert.Throws<ChatTemplateException>(() => tokenizer.RenderChat(Talk));
        Assert.Contains("what the assistant says in turn 2 can't be found in the text", error.Message);
        Assert.Contains("tokenizer_config.json: chat_template", error.Message);
    }

    [Fact]
    public void A_file_of_its_own_goes_first_and_a_list_has_a_default()
    {
        Assert.Contains("no chat template is named \"default\"; there are rag", Assert.Throws<InvalidOperationException>(() =>
        {
            File.Copy(Golden.PathOf("tokenizers/qwen2.json"), folder.File("tokenizer.json"));
            folder.File("tokenizer_config.json", """{"chat_template": [{"name": "rag", "template": "r"}]}""");
            Tokenizer.Load(folder.Path).ChatText(Talk);
        }).Message);
        folder.File("tokenizer_config.json", """{"chat_template": [{"name": "rag", "template": "r"}, {"name": "default", "template": "d{{ x }}"}]}""");
        Assert.Equal("d1", Tokenizer.Load(folder.Path).ChatText(Talk, variables: new Dictionary<string, object?> { ["x"] = 1 }));
        folder.File("chat_template.jinja", "file {{ nothing.at }}");
        Assert.Contains(folder.File("chat_template.jinja") + ", line 1: nothing is not defined", Assert.Throws<ChatTemplateException>(() => Tokenizer.Load(folder.Path).ChatText(Talk)).Message);
    }

    [Fact]
    public void A_tokenizer_without_a_template_says_so_and_a_broken_template_does_not_stop_it_from_loading()
    {
        Assert.Contains("no chat template", Assert.Throws<InvalidOperationException>(() => Load("qwen2", null).ChatText(Talk)).Message);
        var tokenizer = Load("qwen2", "{% include 'x' %}");
        Assert.NotEmpty(tokenizer.Encode("a"));
        Assert.Contains("{% include %} is not supported", Assert.Throws<ChatTemplateException>(() => tokenizer.Chat(Talk)).Message);
    }

    [Fact]
    public void Conversations_are_trained_on()
    {
        var tokenizer = Load("qwen2", Source("chatml"), "\"eos_token\": \"<|im_end|>\", \"pad_token\": \"<|endoftext|>\"");
        folder.File("talk.jsonl", """
            {"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi there."}]}
            {"messages": [{"role": "user", "content": "A"}, {"role": "assistant", "content": "B"}]}
            """);
        var examples = Examples.Load(folder.File("talk.jsonl"));
        var batch = new ExampleBatches(tokenizer, examples, 2, 100).InOrder().Single();
        for (var row = 0; row < 2; row++)
        {
            var (ids, labels) = (batch.Ids[row].contiguous().data<long>().ToArray(), batch.Labels![row].contiguous().data<long>().ToArray());
            var chat = tokenizer.RenderChat(examples[row].Messages);
            Assert.Equal(chat.Ids.Select(id => (long)id), ids.Take(chat.Ids.Length));
            Assert.All(ids.Skip(chat.Ids.Length), id => Assert.Equal(tokenizer.PaddingToken, (int)id));
            Assert.Equal(chat.Ids.Zip(chat.Assistant).Select(pair => pair.Second ? pair.First : -100L), labels.Take(chat.Ids.Length));
        }
        var packed = new ExampleBatches(tokenizer, examples, 1, 100, Rows.Packed).InOrder().Single();
        Assert.Equal(examples.Sum(example => tokenizer.Chat(example.Messages).Length), packed.Ids.shape[1]);
    }
}
