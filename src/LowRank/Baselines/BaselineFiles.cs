// A baseline as a folder, as PEFT writes and reads it: adapter_config.json and adapter_model.safetensors. The methods' own fields are
// beside their configurations.
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A baseline as files name it.</summary>
/// <param name="Type">The file's peft_type.</param>
/// <param name="Read">Its configuration from a file that was made for a model of that shape.</param>
internal sealed record BaselineMethod(string Type, Func<PeftFields, ModelConfig, BaselineConfig> Read);

/// <summary>Saves and loads baselines of a model.</summary>
public static class BaselineFiles
{
    private static readonly BaselineMethod[] Methods = [BottleneckConfig.Peft, PrefixConfig.Peft, SoftPromptConfig.Peft];

    /// <summary>Writes a baseline to a folder. Each file appears complete or not at all.</summary>
    /// <param name="model">A model with the baseline.</param>
    /// <param name="folder">Made if it is not there; what it holds of these names is replaced.</param>
    /// <param name="name">Which baseline.</param>
    public static void SaveBaseline(this CausalLm model, string folder, string name = Adapter.DefaultName)
    {
        var baseline = model.RequiredBaseline(name);
        Directory.CreateDirectory(folder);
        using var scope = NewDisposeScope();
        SafeTensors.Save(Path.Combine(folder, PeftFiles.FileName), baseline.ToFile().Select(t => KeyValuePair.Create(t.Name, t.Value)),
            new Dictionary<string, string> { ["format"] = "pt" });
        AtomicFile.Write(Path.Combine(folder, PeftConfig.FileName), Write(baseline.Config, model.Config));
    }

    /// <summary>Puts the baseline of a folder onto the model and makes it the active one of its kind.</summary>
    /// <param name="model">The model it was made for.</param>
    /// <param name="folder">With adapter_config.json and adapter_model.safetensors.</param>
    /// <param name="name">The baseline's name in the model.</param>
    /// <param name="trainable">Shall it go on training? Otherwise its tensors require no gradient.</param>
    /// <exception cref="InvalidDataException">It is no baseline, or fields or tensors do not fit the model, which is not
    /// changed.</exception>
    public static void LoadBaseline(this CausalLm model, string folder, string name = Adapter.DefaultName, bool trainable = false)
    {
        var config = Read(Path.Combine(folder, PeftConfig.FileName), model.Config);
        model.CheckBaseline(config, name);
        using var file = SafeTensorsFile.Open(Path.Combine(folder, PeftFiles.FileName));
        PeftFiles.Check(file, config.TensorsOf(model.Config).ToDictionary(t => t.Name, t => t.Shape));
        using var scope = NewDisposeScope();
        var tensors = file.Names.ToDictionary(n => n, n => file.Read(n));
        PeftFiles.RefuseNotFinite(file.Path, tensors);

        var baseline = model.AddBaseline(config, name, trainable);
        using var grad = no_grad();
        baseline.FromFile(tensors);
    }

    /// <summary>Is a file of this peft_type for <see cref="LoadBaseline"/>?</summary>
    internal static bool Knows(string type) => Array.Exists(Methods, m => m.Type == type);

    private static string Write(BaselineConfig config, ModelConfig model)
    {
        var fields = new JsonObject
        {
            ["auto_mapping"] = null,
            ["base_model_name_or_path"] = null,
            ["inference_mode"] = true,
            ["peft_type"] = config.PeftType,
            ["peft_version"] = PeftConfig.Version,
            ["revision"] = null,
            ["task_type"] = "CAUSAL_LM",
        };
        config.WriteFields(fields, model);
        return PeftConfig.Text(fields);
    }

    private static BaselineConfig Read(string path, ModelConfig model)
    {
        var fields = PeftFields.Read(path);
        var type = fields.Get("peft_type", "");
        var method = Array.Find(Methods, m => m.Type == type)
            ?? throw fields.Bad($"\"peft_type\" is \"{type}\", which is no baseline; those are {string.Join(", ", Methods.Select(m => m.Type))}. LoadAdapter reads adapters");
        try
        {
            var config = method.Read(fields, model);
            config.Validate(model);
            return config;
        }
        catch (ArgumentException e) { throw fields.Bad(e.Message); }
    }
}
