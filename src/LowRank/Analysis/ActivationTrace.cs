// The account of a forward pass from shapes alone: which tensors are made, and which of them backward needs. Each function that keeps
// something says what, beside the code that keeps it (RmsNormFunction.Trace, AttentionFunction.Trace, …), in the order of its forward.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A tensor of which only the size is known. Two are the same tensor if they are the same object.</summary>
/// <param name="numbers">Elements.</param>
/// <param name="requiresGrad">Does autograd follow it?</param>
internal sealed class TracedTensor(long numbers, bool requiresGrad)
{
    public long Numbers => numbers;

    public bool RequiresGrad => requiresGrad;
}

/// <summary>Adds up what a forward pass makes and keeps.</summary>
/// <param name="dtype">Of the activations.</param>
/// <param name="records">False under no_grad: nothing is kept.</param>
internal sealed class ActivationTrace(ScalarType dtype, bool records)
{
    private readonly HashSet<TracedTensor> kept = [];
    private readonly int size = dtype.ElementSize();

    public ScalarType DataType => dtype;

    /// <summary>Does autograd watch?</summary>
    public bool Records => records;

    /// <summary>Bytes alive until backward.</summary>
    public long Kept { get; private set; }

    /// <summary>Bytes of outputs made and not kept: alive until their layer's forward is over.</summary>
    public long Passing { get; private set; }

    /// <summary>Tensors kept: as often can an allocator have rounded up.</summary>
    public int Tensors { get; private set; }

    /// <summary>An output.</summary>
    public TracedTensor Make(long numbers, bool requiresGrad)
    {
        Passing += numbers * size;
        return new(numbers, requiresGrad);
    }

    /// <summary>Its bytes, unless it is kept and so counted.</summary>
    public long Unkept(TracedTensor tensor) => kept.Contains(tensor) ? 0 : tensor.Numbers * size;

    /// <summary>Backward needs this output; once, however many functions need it.</summary>
    public void Keep(TracedTensor tensor)
    {
        if (!kept.Add(tensor)) return;
        Passing -= tensor.Numbers * size;
        KeepMade(tensor.Numbers);
    }

    /// <summary>Backward needs a tensor that nobody else sees.</summary>
    public void KeepMade(long numbers, ScalarType? type = null)
    {
        Kept += numbers * (type is { } other ? other.ElementSize() : size);
        Tensors++;
    }
}
