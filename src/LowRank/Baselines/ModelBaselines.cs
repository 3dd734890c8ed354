// What users type: baselines on a model, with the verbs of adapters. Every operation checks everything before it changes anything.
using TorchSharp;

namespace LowRank;

/// <summary>Baselines of a <see cref="CausalLm"/>.</summary>
public static class ModelBaselines
{
    /// <summary>Puts a baseline on the model, freezes the base model and makes the baseline the active one of its kind. Adapters and
    /// baselines of other kinds stay as they are, and train on.</summary>
    /// <param name="model">The model.</param>
    /// <param name="config">The method, as <c>Baseline.Prefix(tokens: 20)</c>.</param>
    /// <param name="name">The baseline's name.</param>
    /// <returns>What trains now.</returns>
    /// <exception cref="ArgumentException">The name is taken, or a number makes no sense; nothing is changed.</exception>
    /// <exception cref="InvalidOperationException">A soft prompt shall start as a text, and the model has no tokenizer.</exception>
    public static TrainableParameters Adapt(this CausalLm model, BaselineConfig config, string name = Adapter.DefaultName)
    {
        model.AddBaseline(config, name, trainable: true);
        return TrainableParameters.Of(model);
    }

    /// <summary>Makes these baselines active and all others inactive; one of a kind at most. Without names none is active.</summary>
    public static void SetBaseline(this CausalLm model, params ReadOnlySpan<string> names)
    {
        var chosen = new List<BaselineModule>();
        foreach (var name in names) chosen.Add(model.RequiredBaseline(name));
        if (chosen.Distinct().GroupBy(b => b.Config.Kind).FirstOrDefault(kind => kind.Count() > 1)?.ToList() is [var one, var two, ..])
            throw new InvalidOperationException(
                $"the baselines \"{one.BaselineName}\" and \"{two.BaselineName}\" are both a {one.Config.Kind}; one of a kind can be active. Choose one");
        foreach (var baseline in model.Baselines) baseline.IsActive = chosen.Contains(baseline);
        model.ConnectBaselines();
    }

    /// <summary>Takes a baseline off the model.</summary>
    public static void RemoveBaseline(this CausalLm model, string name = Adapter.DefaultName) => model.Remove(model.RequiredBaseline(name));

    /// <summary>Everything that can go wrong in <see cref="AddBaseline"/> but for a missing tokenizer.</summary>
    internal static void CheckBaseline(this CausalLm model, BaselineConfig config, string name)
    {
        config.Validate(model.Config);
        AdaptedLinear.CheckName(name);
        if (model.Baselines.Any(b => b.BaselineName == name))
            throw new ArgumentException($"the model already has a baseline \"{name}\"; remove it or choose another name");
    }

    internal static BaselineModule AddBaseline(this CausalLm model, BaselineConfig config, string name, bool trainable)
    {
        model.CheckBaseline(config, name);
        var baseline = config.Create(model);
        (baseline.BaselineName, baseline.Trainable) = (name, trainable);
        foreach (var (_, parameter) in model.BaseParameters().ToList()) parameter.requires_grad = false;
        var others = model.Baselines.Where(b => b.IsActive && b.Config.Kind != config.Kind).Select(b => b.BaselineName).ToList();
        model.Add(baseline);
        model.SetBaseline([.. others, name]);
        return baseline;
    }

    internal static BaselineModule RequiredBaseline(this CausalLm model, string name) => model.Baselines.FirstOrDefault(b => b.BaselineName == name)
        ?? throw new ArgumentException($"no baseline \"{name}\"{NearestNames.Suggest(name, model.Baselines.Select(b => b.BaselineName))}");
}
