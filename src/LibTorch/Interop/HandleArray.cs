using TorchSharp;

namespace LibTorch;

/// <summary>Holds the handles of a list of tensors for the time of a call.</summary>
internal readonly struct HandleArray : IDisposable
{
    readonly IList<torch.Tensor> tensors;
    public readonly nint[] Pointers;

    public HandleArray(IList<torch.Tensor>? list)
    {
        tensors = list ?? [];
        Pointers = new nint[tensors.Count];
        var i = 0;
        try
        {
            for (; i < Pointers.Length; i++) Pointers[i] = tensors[i]?.handle.Acquire() ?? 0;
        }
        catch
        {
            while (i-- > 0) tensors[i]?.handle.DangerousRelease();
            throw;
        }
    }

    public int Count => Pointers.Length;

    public void Dispose()
    {
        foreach (var tensor in tensors) tensor?.handle.DangerousRelease();
    }
}
