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

    /// <summary>Gives the event to a sink; false for what no sink gets: an answer, or a question.</summary>
    public bool Replay(IOutputSink sink)
    {
        switch (Kind)
        {
            case Stdout or Stderr: sink.Stream(Kind, Text!); return true;
            case Display: sink.Display(Data!, Text!); return true;
            case Update: sink.Update(Data!, Text!); return true;
            case Value: sink.Result(Data!); return true;
            default: return false;
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
