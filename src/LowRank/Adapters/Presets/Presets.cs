// The papers' experiments by name. Each family has a file of its own; a number that is not in the place that Where names is not here.
namespace LowRank;

/// <summary>Hyperparameters under the papers' names: <c>Presets.Of("DoRA")</c>, <c>Presets.Find("VeRA: LLaMA-7B, instructions")</c>.</summary>
public static partial class Presets
{
    private const string Attention = "q_proj|k_proj|v_proj|o_proj", AllSeven = Attention + "|gate_proj|up_proj|down_proj",
        QueryValue = "q_proj|v_proj";

    /// <summary>Every preset, methods in the order of the lessons.</summary>
    public static IReadOnlyList<Preset> All { get; } = [.. Lora, .. Quantized, .. Decomposed, .. VectorBased, .. AnyRank, .. HighRank, .. Rules, .. Starts];

    /// <summary>The methods that have presets.</summary>
    public static IReadOnlyList<string> Methods { get; } = [.. All.Select(p => p.Method).Distinct()];

    /// <summary>A method's presets; case does not matter.</summary>
    /// <param name="method">As "DoRA".</param>
    /// <exception cref="ArgumentException">There are none; the message names the nearest methods.</exception>
    public static IReadOnlyList<Preset> Of(string method)
    {
        List<Preset> presets = [.. All.Where(p => p.Method.Equals(method, StringComparison.OrdinalIgnoreCase))];
        return presets.Count > 0 ? presets
            : throw new ArgumentException($"no presets for the method \"{method}\"{NearestNames.Suggest(method, Methods)}");
    }

    /// <summary>The preset of that name; case does not matter.</summary>
    /// <param name="name">As "DoRA: LLaMA-7B, commonsense, r 16".</param>
    /// <exception cref="ArgumentException">There is none; the message names the nearest.</exception>
    public static Preset Find(string name) => All.FirstOrDefault(p => p.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException($"no preset \"{name}\"{NearestNames.Suggest(name, All.Select(p => p.Name))}");

    /// <summary>So much of a run as a part has of the paper's, at least a least number of steps.</summary>
    private static long Share(long part, long ofSteps, long steps, long least = 0) => Math.Max(least, (long)Math.Round((double)part * steps / ofSteps));
}
