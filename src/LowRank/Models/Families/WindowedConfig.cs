using System.Text.Json.Nodes;

namespace LowRank;

/// <summary>A decoder in Llama's style whose attention may see a window of the last tokens alone.</summary>
public abstract record WindowedConfig : LlamaStyleConfig
{
    private protected const string Window = "sliding_window";

    /// <summary>How many tokens a token sees where there is a window, itself counted; null: all before it.</summary>
    public long? SlidingWindow { get; init; }

    internal override long? WindowOf(int layer) => SlidingWindow;

    public override void Validate()
    {
        base.Validate();
        RequirePositive(Window, SlidingWindow);
    }

    internal override void Write(JsonObject json)
    {
        base.Write(json);
        json[Window] = SlidingWindow;
    }
}
