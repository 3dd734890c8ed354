// What Qwen2 and Qwen3 share: some layers may see a window of the last tokens alone. Files up to transformers 4.50 say it with
// use_sliding_window and max_window_layers (the layers from that one on), later ones with layer_types.
using System.Text.Json.Nodes;

namespace LowRank;

/// <summary>The shape of a Qwen.</summary>
public abstract record QwenConfig : WindowedConfig
{
    private const string Types = "layer_types", Full = "full_attention", Sliding = "sliding_attention";

    /// <summary>The layers that see <see cref="WindowedConfig.SlidingWindow"/> tokens; the others see all.</summary>
    public IReadOnlyList<int> WindowedLayers { get; init; } = [];

    internal override long? WindowOf(int layer) => WindowedLayers.Contains(layer) ? SlidingWindow : null;

    // The base compares files, which hold all of it; a list would be compared by its place in memory.
    public virtual bool Equals(QwenConfig? other) => base.Equals(other);

    public override int GetHashCode() => base.GetHashCode();

    public override void Validate()
    {
        base.Validate();
        if (WindowedLayers.Count > 0 && SlidingWindow is null) throw new ArgumentException($"{Types} has layers with a window, and there is no {Window}");
        if (WindowedLayers.FirstOrDefault(layer => layer < 0 || layer >= Layers, -1) is var wrong and not -1)
            throw new ArgumentException($"layer {wrong} shall see a window; the model has the layers 0 to {Layers - 1}");
    }

    private protected static QwenConfig Read(ConfigFields file, QwenConfig assumed)
    {
        file.Demand("hidden_act", Silu);
        var config = (QwenConfig)LlamaStyleConfig.Read(file, assumed);
        long? window = file.Flag("use_sliding_window") ? file.Has(Window) ? file.Real(Window) is null ? null : file.Whole(Window) : 4096 : null;
        var first = file.Whole("max_window_layers", 28);
        var types = file.Texts(Types) ?? [.. Enumerable.Range(0, config.Layers).Select(layer => window is not null && layer >= first ? Sliding : Full)];
        if (types.FirstOrDefault(type => type is not (Full or Sliding)) is { } other) throw file.Bad($"{Types} has \"{other}\"; supported are \"{Full}\" and \"{Sliding}\"");
        if (types.Count != config.Layers) throw file.Bad($"{Types} has {types.Count} entries for {config.Layers} layers");
        return config with { SlidingWindow = window, WindowedLayers = [.. types.Index().Where(t => t.Item == Sliding).Select(t => t.Index)] };
    }

    internal override void Write(JsonObject json)
    {
        base.Write(json);
        json[Types] = new JsonArray([.. Enumerable.Range(0, Layers).Select(layer => (JsonNode)(WindowOf(layer) is null ? Full : Sliding))]);
        json["max_window_layers"] = WindowedLayers.Count > 0 ? WindowedLayers.Min() : Layers;
        json["use_sliding_window"] = SlidingWindow is not null;
    }
}
