namespace TorchSharp.Modules;

/// <summary>A tensor that a module trains: a leaf that requires a gradient and is never in a DisposeScope.</summary>
public class Parameter : torch.Tensor
{
    /// <summary>Takes the tensor over: <paramref name="data"/> is invalid afterwards.</summary>
    public Parameter(torch.Tensor data, bool requires_grad = true) : base(Detached(data))
    {
        DetachFromDisposeScope();
        this.requires_grad = requires_grad;
    }

    static nint Detached(torch.Tensor data)
    {
        using (torch.no_grad())
        {
            var leaf = data.is_leaf && !data.requires_grad ? data : data.detach();
            var handle = leaf.DecoupleFromNativeHandle();
            if (!ReferenceEquals(leaf, data)) data.Dispose();
            return handle;
        }
    }
}
