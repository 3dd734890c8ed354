using System.Text.Json;

namespace LowRank;

/// <summary>A conversation as its model's template writes it.</summary>
/// <param name="Text">The text.</param>
/// <param name="Ids">Its tokens.</param>
/// <param name="Assistant">For each token whether it stands for something that the assistant says, the token that ends its turn included.</param>
public sealed record RenderedChat(string Text, int[] Ids, bool[] Assistant);

/// <summary>Conversations with a tokenizer's chat template.</summary>
public static class Chats
{
    /// <summary>The text of a conversation, by the template in tokenizer_config.json or chat_template.jinja. What a model is given is
    /// <c>tokenizer.Encode(text)</c>: the template writes special tokens itself.</summary>
    /// <param name="tokenizer">One that was loaded with a template.</param>
    /// <param name="messages">The turns.</param>
    /// <param name="addGenerationPrompt">End with what begins the assistant's turn.</param>
    /// <param name="variables">What the template may ask for besides, as <see cref="ChatTemplate.Render"/> takes it.</param>
    /// <param name="tools">What may be called: JSON schemas. With any, the template named "tool_use" is taken if there is one.</param>
    /// <exception cref="InvalidOperationException">The tokenizer has no template.</exception>
    /// <exception cref="ChatTemplateException">Names the template, the line, and what is wrong, not supported, or refused.</exception>
    public static string ChatText(this Tokenizer tokenizer, IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt = false, IReadOnlyDictionary<string, object?>? variables = null, IReadOnlyList<JsonElement>? tools = null)
    {
        var given = Given(tokenizer, variables, tools);
        return Template(tokenizer, given).Render(messages, addGenerationPrompt, given);
    }

    /// <summary>The ids of a conversation.</summary>
    /// <inheritdoc cref="ChatText"/>
    public static int[] Chat(this Tokenizer tokenizer, IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt = false, IReadOnlyDictionary<string, object?>? variables = null, IReadOnlyList<JsonElement>? tools = null) =>
        tokenizer.Encode(tokenizer.ChatText(messages, addGenerationPrompt, variables, tools));

    /// <summary>A whole conversation with the tokens that the assistant says: those of generation blocks if the template has them, else of
    /// what each of its turns adds to the text, or, where a template writes earlier turns otherwise than the last, of its content.</summary>
    /// <inheritdoc cref="ChatText"/>
    public static RenderedChat RenderChat(this Tokenizer tokenizer, IReadOnlyList<ChatMessage> messages, IReadOnlyDictionary<string, object?>? variables = null, IReadOnlyList<JsonElement>? tools = null)
    {
        var given = Given(tokenizer, variables, tools);
        var (text, answers) = Template(tokenizer, given).RenderAnswers(messages, given, [.. tokenizer.AddedTokens.Where(token => token.Special).Select(token => token.Content)]);
        var spans = tokenizer.EncodeSpans(text);
        return new(text, [.. spans.Select(span => span.Id)], [.. spans.Select(span => answers.Any(answer => span.Start < answer.End && span.End > answer.Start))]);
    }

    private static ChatTemplate Template(Tokenizer tokenizer, Dictionary<string, object?> given) => tokenizer.TemplateFor(tools: JinjaValue.From(given.GetValueOrDefault("tools")) is not null);

    private static Dictionary<string, object?> Given(Tokenizer tokenizer, IReadOnlyDictionary<string, object?>? variables, IReadOnlyList<JsonElement>? tools)
    {
        var all = new Dictionary<string, object?>();
        var configuration = tokenizer.Configuration;
        foreach (var (name, token) in new[] { ("bos_token", configuration.Begin), ("eos_token", configuration.End), ("pad_token", configuration.Padding), ("unk_token", configuration.Unknown) })
            if (token is not null) all[name] = token;
        if (tools is { Count: > 0 }) all["tools"] = tools;
        foreach (var (name, value) in variables ?? new Dictionary<string, object?>()) all[name] = value;
        return all;
    }
}
