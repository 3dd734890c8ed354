namespace LowRank.Tests.Data;

public sealed class TokenizerConfigurationTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private Tokenizer Load(string family, string? configuration, string? template = null)
    {
        File.Copy(Golden.PathOf($"tokenizers/{family}.json"), folder.File("tokenizer.json"), overwrite: true);
        if (configuration is not null) folder.File("tokenizer_config.json", configuration);
        if (template is not null) folder.File("chat_template.jinja", template);
        return Tokenizer.Load(folder.Path);
    }

    [Fact]
    public void Tokens_are_named_as_texts_or_as_objects()
    {
        var tokenizer = Load("llama2-legacy", """{"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false}, "pad_token": "[PAD]"}""");
        Assert.Equal((1, 2, null), (tokenizer.BeginToken, tokenizer.EndToken, tokenizer.PaddingToken));
        Assert.Equal(2, tokenizer.Separator);
    }

    [Fact]
    public void Without_a_file_the_text_ends_with_the_end_of_text()
    {
        var tokenizer = Load("gpt2", null);
        Assert.Equal(tokenizer.Id(Tokenizer.EndOfText), tokenizer.EndToken);
        Assert.Equal(tokenizer.EndToken, tokenizer.Separator);
        Assert.Contains("eos_token", Assert.Throws<KeyNotFoundException>(() => Load("gemma", null).Separator).Message);
    }

    [Theory] // llama2's template adds <s>, mistral's fixture <s> and </s>, gpt2's nothing
    [InlineData("llama2-legacy", "", "<s>", "")]
    [InlineData("llama2-legacy", ", \"add_bos_token\": false", "", "")]
    [InlineData("llama2-legacy", ", \"add_bos_token\": true, \"add_eos_token\": true", "<s>", "</s>")]
    [InlineData("mistral", "", "<s>", "</s>")]
    [InlineData("mistral", ", \"add_bos_token\": true, \"add_eos_token\": false", "<s>", "")]
    public void What_is_added_is_the_templates_unless_the_configuration_says_otherwise(string family, string flags, string before, string after)
    {
        var tokenizer = Load(family, $$"""{"bos_token": "<s>", "eos_token": "</s>"{{flags}}}""");
        var ids = tokenizer.Encode("a dog", addSpecialTokens: true);
        int[] Ids(string token) => token == "" ? [] : [tokenizer.Id(token)];
        Assert.Equal([.. Ids(before), .. tokenizer.Encode("a dog"), .. Ids(after)], ids);
        Assert.Equal(ids, tokenizer.EncodeSpans("a dog", addSpecialTokens: true).Select(span => span.Id));
    }

    private const string Map = """{"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false}, "unk_token": {"content": "<unk>"}, "pad_token": "</s>", "additional_special_tokens": ["<x>"]}""";

    [Fact] // older folders name the tokens there alone
    public void A_map_of_special_tokens_has_what_the_configuration_lacks()
    {
        folder.File("special_tokens_map.json", Map);
        var tokenizer = Load("llama2-legacy", null);
        Assert.Equal((1, 2, 2), (tokenizer.BeginToken, tokenizer.EndToken, tokenizer.PaddingToken));
        tokenizer.Save(folder.File("out"));
        Assert.Equal(Map, File.ReadAllText(folder.File("out/special_tokens_map.json")));
        var again = Tokenizer.Load(folder.File("out"));
        Assert.Equal((1, 2, 2), (again.BeginToken, again.EndToken, again.PaddingToken));

        tokenizer = Load("llama2-legacy", """{"bos_token": null, "eos_token": "<s>", "chat_template": "{{ bos_token }}{{ eos_token }}{{ unk_token }}"}""");
        Assert.Equal((1, 1, 2), (tokenizer.BeginToken, tokenizer.EndToken, tokenizer.PaddingToken));
        Assert.Equal("<s><s><unk>", tokenizer.ChatText([new("user", "U")]));
    }

    [Theory]
    [InlineData("[]", "not a JSON object")]
    [InlineData("{\"eos_token\": {\"lstrip\": true}}", "eos_token.content is missing")]
    [InlineData("{\"eos_token\": 3}", "eos_token is 3; it must be a text")]
    [InlineData("{", "not valid JSON")]
    public void What_is_wrong_in_the_map_is_named(string map, string expected)
    {
        var path = folder.File("special_tokens_map.json", map);
        Assert.StartsWith($"{path}: {expected}", Assert.Throws<InvalidDataException>(() => Load("mistral", "{}")).Message);
        folder.File("special_tokens_map.json", """{"eos_token": "<nowhere>"}""");
        Assert.Contains("special_tokens_map.json: eos_token is \"<nowhere>\", which is no token", Assert.Throws<InvalidDataException>(() => Load("mistral", "{}")).Message);
    }

    [Fact]
    public void Conversations_with_tools_have_a_template_of_their_own()
    {
        System.Text.Json.JsonElement[] tools = [System.Text.Json.JsonElement.Parse("""{"name": "f"}""")];
        string[] Texts(Tokenizer tokenizer) => [tokenizer.ChatText([]), tokenizer.ChatText([], tools: tools), tokenizer.ChatText([], variables: new Dictionary<string, object?> { ["tools"] = tools })];
        Assert.Equal(["d", "df", "df"], Texts(Load("mistral", """{"chat_template": "d{{ tools[0].name if tools }}"}""")));
        var listed = """{"chat_template": [{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t{{ tools[0].name }}"}]}""";
        Assert.Equal(["d", "tf", "tf"], Texts(Load("mistral", listed)));
        Directory.CreateDirectory(folder.File("additional_chat_templates"));
        folder.File("additional_chat_templates/tool_use.jinja", "\n{{ tools[0].name.x.y }}");
        folder.File("additional_chat_templates/rag.jinja", "r");
        var tokenizer = Load("mistral", listed, "file");
        Assert.Equal("file", tokenizer.ChatText([]));
        Assert.StartsWith(folder.File("additional_chat_templates/tool_use.jinja") + ", line 2: ", Assert.Throws<ChatTemplateException>(() => tokenizer.ChatText([], tools: tools)).Message);
        tokenizer.Save(folder.File("out"));
        Assert.Equal("r", File.ReadAllText(folder.File("out/additional_chat_templates/rag.jinja")));
        Assert.Equal("file", File.ReadAllText(folder.File("out/chat_template.jinja")));
    }

    [Fact]
    public void The_files_are_written_back_as_they_were()
    {
        const string configuration = "{\"bos_token\": \"<s>\",\n \"eos_token\": \"</s>\", \"model_max_length\": 1000000000000000019884624838656, \"extra\": [1.50]}";
        Load("mistral", configuration, "{{ bos_token }}\n").Save(folder.File("out"));
        Assert.Equal(configuration, File.ReadAllText(folder.File("out/tokenizer_config.json")));
        Assert.Equal("{{ bos_token }}\n", File.ReadAllText(folder.File("out/chat_template.jinja")));
    }

    [Theory]
    [InlineData("[]", "not a JSON object")]
    [InlineData("{\"eos_token\": ", "not valid JSON")]
    [InlineData("{\"eos_token\": 3}", "eos_token is 3; it must be a text")]
    [InlineData("{\"eos_token\": {}}", "eos_token.content is missing")]
    [InlineData("{\"eos_token\": \"<eos>\"}", "eos_token is \"<eos>\", which is no token of tokenizer.json")]
    [InlineData("{\"add_bos_token\": true}", "add_bos_token is true and there is no bos_token")]
    [InlineData("{\"add_bos_token\": \"yes\"}", "add_bos_token is \"yes\"")]
    [InlineData("{\"added_tokens_decoder\": {\"1\": {\"content\": \"<s>\"}, \"32000\": {\"content\": \"[PAD]\"}}}", "added_tokens_decoder gives \"[PAD]\" the id 32000; here is no such token")]
    [InlineData("{\"added_tokens_decoder\": {\"7\": {\"content\": \"<s>\"}}}", "added_tokens_decoder gives \"<s>\" the id 7; here it has 1")]
    [InlineData("{\"added_tokens_decoder\": {\"x\": {\"content\": \"<s>\"}}}", "added_tokens_decoder has \"x\", which is no id")]
    [InlineData("{\"chat_template\": [{\"name\": \"default\"}]}", "chat_template[0].template is missing")]
    public void What_is_wrong_is_named(string configuration, string expected)
    {
        var error = Assert.Throws<InvalidDataException>(() => Load("llama2-legacy", configuration));
        Assert.StartsWith(folder.Path, error.Message);
        Assert.Contains("tokenizer_config.json", error.Message);
        Assert.Contains(expected, error.Message);
    }
}
