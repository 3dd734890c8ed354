// The rotary embedding's fields of config.json, in the layout up to transformers 4 (rope_theta and rope_scaling at the top) and in that of
// transformers 5 (both in rope_parameters).
using System.Text.Json.Nodes;

namespace LowRank;

internal static class RotaryFields
{
    private const string Parameters = "rope_parameters", Scaling = "rope_scaling", Theta = "rope_theta", Type = "rope_type", Plain = "default", Partial = "partial_rotary_factor";
    private const string Factor = "factor", Low = "low_freq_factor", High = "high_freq_factor", Original = "original_max_position_embeddings";

    /// <summary>The base where the file says it, and the scaling where there is one.</summary>
    /// <exception cref="InvalidDataException">A kind of rotary embedding that is not built here; names it.</exception>
    public static (double? Theta, Llama3Scaling? Scaling) Read(ConfigFields file)
    {
        Llama3Scaling? scaling = null;
        foreach (var name in new[] { Parameters, Scaling })
        {
            if (file.Object(name) is not { } rope) continue;
            RequireWholeHeads(rope, name + ".");
            // The oldest files say "type".
            var type = rope.Text(Type) ?? rope.Text("type") ?? Plain;
            if (type == "llama3") scaling = new(rope.RequiredReal(Factor), rope.RequiredReal(Low), rope.RequiredReal(High), rope.Whole(Original));
            else if (type != Plain) throw file.Bad($"{name} has a rotary embedding of type \"{type}\"; supported are \"{Plain}\" and \"llama3\"");
        }
        RequireWholeHeads(file, "");
        return (file.Object(Parameters)?.Real(Theta) ?? file.Real(Theta), scaling);
    }

    private static void RequireWholeHeads(ConfigFields fields, string where)
    {
        if (fields.Real(Partial) is { } share and not 1) throw fields.Bad($"{where}{Partial} is {share}; only rotary embeddings that turn whole heads are supported");
    }

    public static void Write(JsonObject json, double theta, Llama3Scaling? scaling)
    {
        JsonObject Fields() => scaling is null ? new() { [Type] = Plain } : new()
        {
            [Factor] = ConfigFile.Real(scaling.Factor), [High] = ConfigFile.Real(scaling.HighFrequencyFactor), [Low] = ConfigFile.Real(scaling.LowFrequencyFactor),
            [Original] = scaling.OriginalMaxPositions, [Type] = "llama3",
        };
        var parameters = Fields();
        parameters[Theta] = ConfigFile.Real(theta);
        json[Parameters] = parameters;
        if (scaling is not null) json[Scaling] = Fields();
        json[Theta] = ConfigFile.Real(theta);
    }
}
