// A baseline on a model: its tensors, and whether they are at work.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A baseline of a <see cref="CausalLm"/>. Its tensors are parameters of the model but not part of the base model's
/// state.</summary>
public abstract class BaselineModule : nn.Module
{
    private bool active;

    private protected BaselineModule(BaselineConfig config) : base(config.Kind) => Config = config;

    /// <summary>The name by which it is switched and saved.</summary>
    public string BaselineName { get; internal set; } = Adapter.DefaultName;

    /// <summary>What it was made from.</summary>
    public BaselineConfig Config { get; }

    /// <summary>Do its tensors train while it is active?</summary>
    public bool Trainable { get; internal set; }

    /// <summary>Does the model's forward use it? At most one of a kind is active.</summary>
    public bool IsActive
    {
        get => active;
        internal set
        {
            active = value;
            foreach (var parameter in parameters()) parameter.requires_grad = value && Trainable;
        }
    }

    /// <summary>Places in front of the tokens that it takes up.</summary>
    internal long VirtualTokens => Config is VirtualTokensConfig { Tokens: var tokens } ? tokens : 0;

    /// <summary>Its tensors as a file holds them.</summary>
    internal abstract IEnumerable<(string Name, Tensor Value)> ToFile();

    /// <summary>Takes a file's tensors over; names and shapes are checked already.</summary>
    internal abstract void FromFile(IReadOnlyDictionary<string, Tensor> tensors);

    /// <summary>Nothing: a model's checkpoint is the base model's.</summary>
    public override Dictionary<string, Tensor> state_dict(Dictionary<string, Tensor>? destination = null, string? prefix = null) => destination ?? [];
}
