// Has a tensor changed since something was computed from it? libtorch counts every in-place change of a tensor; our binding reads
// that counter. TorchSharp does not show it, so there the answer is always "perhaps", and what depends on it is computed again.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A tensor's identity and version at one moment.</summary>
internal readonly record struct TensorStamp(object? Owner, long Version)
{
    private const long Unknown = -1;

#if LIBTORCH
    private static readonly LibTorch.Operator VersionOf = new("_version");

    public static TensorStamp Of(Tensor tensor) => new(tensor, VersionOf.CallLong(tensor));
#else
    public static TensorStamp Of(Tensor tensor) => new(tensor, Unknown);
#endif

    /// <summary>Is the content surely the same as when the other stamp was taken?</summary>
    public bool Matches(TensorStamp other) =>
        Version != Unknown && Version == other.Version && ReferenceEquals(Owner, other.Owner);
}
