// One call of AdaptedProduct, from forward to backward: which argument is what, what is saved where, the order of the products.
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Forward and backward of some layers over one x.</summary>
internal sealed class AdaptedPass
{
    private readonly long[] shape;                      // of x
    private readonly LayerPass[] layers;
    private readonly SharedReads shared = new();
    private readonly bool needsInput;                   // does x need a gradient?
    private readonly int arguments;
    private readonly List<Tensor> temporaries = [];     // made in forward; the graph has its own references
    private int savedX = -1;

    // list: the function's arguments, to which each layer appends its parameters.
    public AdaptedPass(Tensor x, ReadOnlySpan<AdaptedLinear> adapted, List<object> list) : this(x, adapted.Length)
    {
        for (var i = 0; i < layers.Length; i++) layers[i] = LayerPass.For(adapted[i], x, this, list);
        arguments = list.Count;
        NeedsGradient = AnyTrains();
    }

    /// <summary>Updates alone, without their layers' weights.</summary>
    public AdaptedPass(Tensor x, IReadOnlyList<(AdaptedLinear Layer, LinearAdapter Adapter)> updates, List<object> list) : this(x, updates.Count)
    {
        for (var i = 0; i < layers.Length; i++) layers[i] = new UpdatePass(updates[i].Layer, updates[i].Adapter, this, list);
        arguments = list.Count;
        NeedsGradient = AnyTrains();
    }

    private AdaptedPass(Tensor x, int count)
    {
        (shape, needsInput) = (x.shape, x.requires_grad);
        layers = new LayerPass[count];
    }

    private bool AnyTrains()
    {
        var trains = needsInput;
        foreach (var layer in layers) trains |= layer.Trains;
        return is_grad_enabled() && trains;
    }

    /// <summary>Must autograd know of this call?</summary>
    public bool NeedsGradient { get; }

    public bool NeedsInput => needsInput;

    public SharedReads Shared => shared;

    /// <summary>What backward gets again, in the order of the indices that <see cref="Keep"/> gave.</summary>
    public List<Tensor> Saved { get; } = [];

    /// <summary>Saves a tensor for backward and gives its place. One made here is released when forward is over.</summary>
    public int Keep(Tensor tensor, bool madeHere)
    {
        if (madeHere) temporaries.Add(tensor);
        if (!NeedsGradient) return -1;
        Saved.Add(tensor);
        return Saved.Count - 1;
    }

    /// <summary>Forward's own references go at once, not when the collector comes round.</summary>
    public void ReleaseForward()
    {
        foreach (var tensor in temporaries) tensor.Dispose();
        temporaries.Clear();
        Saved.Clear();
    }

    public List<Tensor> Forward(Tensor x)
    {
        using var flat = Flat(x);                                               // [n, in]
        if (Array.Exists(layers, l => l.ReadsInputInBackward)) savedX = Keep(x, madeHere: false);
        shared.Forward(flat, this);
        var outputs = new List<Tensor>(layers.Length);
        foreach (var layer in layers) outputs.Add(layer.Forward(flat, shape));
        return outputs;
    }

    public Tensor?[] Backward(List<Tensor> saved, List<Tensor> outputGradients)
    {
        var gradients = new Tensor?[arguments];
        using var x = savedX < 0 ? null : Flat(saved[savedX]);
        var dx = needsInput ? empty(shape, outputGradients[0].dtype, outputGradients[0].device) : null;
        using var flatDx = dx is null ? null : Flat(dx);
        shared.BeginBackward(saved, outputGradients[0], x);
        for (var i = 0; i < layers.Length; i++)
        {
            using var dy = Flat(outputGradients[i]);
            layers[i].Backward(dy, x, flatDx, first: i == 0, saved, gradients);
        }
        shared.EndBackward(x, flatDx, gradients);
        gradients[1] = dx;
        return gradients;
    }

    /// <summary>[..., k] as [n, k].</summary>
    private static Tensor Flat(Tensor tensor) => tensor.reshape(-1, tensor.shape[^1]);
}
