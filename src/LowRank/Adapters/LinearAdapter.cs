// One named adapter of one layer: an update, with or without a magnitude (DoRA), with or without dropout on its input.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>An adapter of an <see cref="AdaptedLinear"/>. Its tensors are parameters of the model, under the adapter's
/// name.</summary>
public sealed class LinearAdapter : nn.Module
{
    private readonly Update update;
    private Parameter? magnitude;
    private bool active;

    internal LinearAdapter(string name, Update update, Tensor? magnitude, double dropout, bool trainable)
        : base(nameof(LinearAdapter))
    {
        if (dropout is not (>= 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(dropout), $"dropout must be at least 0 and below 1; it is {dropout}");
        AdapterName = name;
        this.update = update;
        if (magnitude is not null) this.magnitude = new Parameter(magnitude);
        Dropout = dropout;
        Trainable = trainable;
        RegisterComponents();
    }

    /// <summary>The name by which it is switched and saved.</summary>
    public string AdapterName { get; }

    /// <summary>ΔW.</summary>
    public Update Update => update;

    /// <summary>m [out], one number for each output row; null if the sum is not decomposed.</summary>
    public Parameter? Magnitude => magnitude;

    /// <summary>The share of x's elements that are dropped on the adapter's path in training.</summary>
    public double Dropout { get; }

    /// <summary>Is x dropped in part in a call now?</summary>
    internal bool DropsNow => training && Dropout > 0;

    /// <summary>Do its tensors train while it is active?</summary>
    public bool Trainable { get; }

    /// <summary>The configuration it was made from, or null for one put on a layer by hand.</summary>
    public AdapterConfig? Config { get; internal set; }

    /// <summary>Is it added to the layer's output (or merged into its weight)?</summary>
    public bool IsActive
    {
        get => active;
        internal set
        {
            active = value;
            foreach (var tensor in Tensors) tensor.Value.requires_grad = value && Trainable;
        }
    }

    /// <summary>Every tensor of the adapter under its name in an adapter file.</summary>
    public IEnumerable<UpdateTensor> Tensors =>
        magnitude is null ? update.Tensors : [.. update.Tensors, new UpdateTensor(MagnitudeName, magnitude)];

    internal const string MagnitudeName = "lora_magnitude_vector";

    internal DirectionNorm Norm { get; } = new();

    /// <summary>W + ΔW, or m ⊙ (W + ΔW) / ‖W + ΔW‖: the weight [out, in] with this adapter in it, in float32 or wider.</summary>
    internal Tensor Apply(FrozenWeight weight)
    {
        using var grad = no_grad();
        var sum = update.AddedTo(weight);
        if (magnitude is null) return sum;
        using var norm = linalg.vector_norm(sum, 2, [1], keepdim: true);
        using var zero = norm.eq(0);
        using var safe = norm.masked_fill_(zero, 1);
        using var column = magnitude.detach().to(sum.dtype).unsqueeze(1);
        using var factor = column.div(safe);
        sum.mul_(factor);
        return sum;
    }
}
