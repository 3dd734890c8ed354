using System.Text.Json;

namespace LowRank;

/// <summary>Something to learn from: a text, a prompt with its answer, or a conversation.</summary>
public sealed record Example
{
    private Example(string prompt, string answer, IReadOnlyList<ChatMessage> messages) => (Prompt, Answer, Messages) = (prompt, answer, messages);

    /// <summary>What the model is given; empty for a text. Not learned unless one asks for it.</summary>
    public string Prompt { get; }

    /// <summary>What it has to say, or the text. It begins where the prompt ends: a space between them is part of either.</summary>
    public string Answer { get; }

    /// <summary>The turns of a conversation; none otherwise.</summary>
    public IReadOnlyList<ChatMessage> Messages { get; }

    /// <summary>The tools that a conversation may call: JSON schemas, as its template expects them.</summary>
    public IReadOnlyList<JsonElement> Tools { get; init; } = [];

    /// <summary>The prompt without what a form writes around it, for a conversation.</summary>
    internal string? Question { get; init; }

    /// <summary>True for a conversation.</summary>
    public bool IsChat => Messages.Count > 0;

    /// <summary>A text, all of which is learned.</summary>
    public static Example Text(string text) => new("", text, []);

    /// <summary>A prompt and its answer.</summary>
    public static Example Of(string prompt, string answer) => new(prompt, answer, []);

    /// <summary>A question of the generated sets.</summary>
    public static implicit operator Example(Question question) => Of(question.Prompt, question.Answer);

    /// <summary>A conversation, of which the assistant's turns are learned, its calls of tools included and their results not. Throws
    /// <see cref="ArgumentException"/> if it has none.</summary>
    public static Example Chat(IReadOnlyList<ChatMessage> messages, IReadOnlyList<JsonElement>? tools = null) => messages.Any(message => message.Role == ChatMessage.Assistant)
        ? new("", "", messages) { Tools = tools ?? [] }
        : throw new ArgumentException($"the conversation has no turn of the role {ChatMessage.Assistant}, so there is nothing to learn; its roles: {string.Join(", ", messages.Select(message => message.Role).Distinct())}");

    /// <summary>What examples that ask the same have in common: they belong in one part of a split.</summary>
    internal string Asked => IsChat ? string.Join('\n', Messages.TakeWhile(message => message.Role != ChatMessage.Assistant).Select(message => message.Role + "\t" + message.Content))
        : Prompt.Length > 0 ? Prompt : Answer;
}
