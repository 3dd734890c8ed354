// How many parameters a method trains on a model of which only the shapes are known: GPT-3 is counted without its 350 GB.
namespace LowRank;

/// <summary>A linear layer of a model that need not exist.</summary>
/// <param name="Path">Its path in the model, as "model.layers.0.self_attn.q_proj".</param>
/// <param name="InFeatures">Columns of its weight.</param>
/// <param name="OutFeatures">Rows of its weight.</param>
/// <param name="HasBias">Does it add a bias?</param>
public readonly record struct LayerShape(string Path, long InFeatures, long OutFeatures, bool HasBias = false);

/// <summary>Counting from shapes.</summary>
public static class LayerShapes
{
    /// <summary>The numbers that an adapter trains on its target layers, magnitudes included.</summary>
    /// <param name="config">The method.</param>
    /// <param name="layers">The model's linear layers, as <see cref="ModelConfig.LinearLayers"/> gives them.</param>
    /// <param name="targets">Which of them; the configuration's own if not given.</param>
    /// <exception cref="ArgumentException">No layer matches, or a number makes no sense.</exception>
    public static long CountTrainable(this AdapterConfig config, IReadOnlyList<LayerShape> layers, TargetPattern? targets = null)
    {
        config = config with { Targets = targets ?? config.Targets };
        config.Validate();
        config.Targets.RequireIn([.. layers.Select(l => l.Path)]);
        return layers.Where(l => config.Chooses(l.Path))
            .Sum(l => config.FileTensorsOf(l.Path, l.InFeatures, l.OutFeatures).Sum(t => t.Shape.Aggregate(1L, (product, n) => product * n)));
    }
}
