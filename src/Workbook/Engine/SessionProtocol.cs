// The lines of JSON between a session's process and its parent. Parent to child: execute, interrupt; the end of the input
// ends the child. Child to parent: what the sink gets, then the result.

using System.Text.Json;
using System.Text.Json.Serialization;
using Workbook.Formatting;

namespace Workbook.Engine;

/// <summary>A line from the parent: exactly one property is set.</summary>
internal sealed record SessionRequest(CellCode? Execute = null, bool Interrupt = false);

/// <summary>A line from the child, the first one <see cref="Ready"/>. <paramref name="Kind"/> says which of the others are set.</summary>
internal sealed record SessionEvent(string Kind, string? Text = null, MimeBundle? Data = null, CellResult? Result = null)
{
    public const string Stdout = "stdout", Stderr = "stderr", Display = "display", Update = "update", Value = "value", Done = "done", Ready = "ready";

    /// <summary>Gives the event to a sink; false for <see cref="Done"/>, which no sink gets.</summary>
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
