// The lines of JSON between a session's process and its parent. Parent to child: a request (execute, complete, inspect,
// is complete?), of which one runs at a time, and beside it an interrupt or a line that was typed; the end of the input ends the
// child. Child to parent: what the sink gets, and the request's answer.

using System.Text.Json;
using System.Text.Json.Serialization;
using Workbook.Formatting;

namespace Workbook.Engine;

/// <summary>A line from the parent: exactly one property is set.</summary>
internal sealed record SessionRequest(
    CellCode? Execute = null, bool Interrupt = false, CodePosition? Complete = null, CodePosition? Inspect = null, string? IsComplete = null, TypedLine? Typed = null);

/// <summary>The answer to <see cref="SessionEvent.Input"/>; null when no one can answer.</summary>
internal sealed record TypedLine(string? Text);

/// <summary>A line from the child, the first one <see cref="Ready"/>. <paramref name="Kind"/> says which of the others are set.</summary>
internal sealed record SessionEvent(
    string Kind, string? Text = null, MimeBundle? Data = null, CellResult? Result = null, CompletionList? Completions = null, Completeness? Completeness = null,
    bool Hidden = false)
{
    public const string Stdout = "stdout", Stderr = "stderr", Display = "display", Update = "update", Value = "value", Done = "done", Ready = "ready", Input = "input";

    /// <summary>Gives an output to the sink, if there is one.</summary>
    public void Replay(IOutputSink? sink)
    {
        switch (Kind)
        {
            case Stdout or Stderr: sink?.Stream(Kind, Text!); break;
            case Display: sink?.Display(Data!, Text!); break;
            case Update: sink?.Update(Data!, Text!); break;
            case Value: sink?.Result(Data!); break;
        }
    }
}

/// <summary>Source-generated JSON: no reflection at start.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(SessionRequest))]
[JsonSerializable(typeof(SessionEvent))]
internal sealed partial class SessionJson : JsonSerializerContext
{
    public static string Line(SessionRequest request) => JsonSerializer.Serialize(request, Default.SessionRequest);

    public static string Line(SessionEvent message) => JsonSerializer.Serialize(message, Default.SessionEvent);
}
