// VeRA's frozen matrices: A [r, widest in] and B [tallest out, r], kaiming uniform (±√(6/columns)), one pair for all layers of an
// adapter. A layer takes A[:, :in] and B[:out, :].
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>What draws VeRA's matrices from a seed.</summary>
public enum VeraGenerator
{
    /// <summary>Philox (see <see cref="Philox"/>): the same on every platform and every libtorch.</summary>
    Philox,

    /// <summary>torch's own CPU generator, as PEFT draws from projection_prng_key.</summary>
    Torch,
}

/// <summary>A and B, shared by the layers of one adapter.</summary>
public sealed class VeraProjections
{
    private readonly Tensor a, b;
    private readonly Dictionary<string, (Tensor A, Tensor B)> copies = [];

    /// <param name="rank">r.</param>
    /// <param name="inFeatures">The widest layer's inputs.</param>
    /// <param name="outFeatures">The tallest layer's outputs.</param>
    /// <param name="seed">Of the draw.</param>
    /// <param name="generator">What draws.</param>
    /// <param name="dtype">Drawn in float32, then converted.</param>
    public VeraProjections(long rank, long inFeatures, long outFeatures, long seed, VeraGenerator generator = VeraGenerator.Philox,
        ScalarType dtype = ScalarType.Float32)
    {
        if (rank < 1) throw new ArgumentOutOfRangeException(nameof(rank), $"the rank must be at least 1; it is {rank}");
        using var grad = no_grad();
        using var torchs = generator == VeraGenerator.Torch ? new Generator((ulong)seed) : null;
        // Streams 0 and 1 of one seed; torch's generator goes on from A to B.
        a = Draw(rank, inFeatures, seed, 0, torchs, dtype).DetachFromDisposeScope();
        b = Draw(outFeatures, rank, seed, 1, torchs, dtype).DetachFromDisposeScope();
    }

    public long Rank => a.shape[0];

    public long InFeatures => a.shape[1];

    public long OutFeatures => b.shape[0];

    /// <summary>Names and values as an adapter file holds them.</summary>
    internal IReadOnlyList<(string Name, Tensor Value)> Tensors => [("vera_A", a), ("vera_B", b)];

    /// <summary>A[:, :in] [r, in] on a device, without a copy where it lies there; to be disposed.</summary>
    public Tensor A(long inFeatures, Device device) => On(device).A.narrow(1, 0, inFeatures);

    /// <summary>B[:out, :] [out, r] on a device; to be disposed.</summary>
    public Tensor B(long outFeatures, Device device) => On(device).B.narrow(0, 0, outFeatures);

    /// <summary>Puts what a file holds in place of what was drawn.</summary>
    internal void Load(Tensor fromA, Tensor fromB)
    {
        using var grad = no_grad();
        a.copy_(fromA);
        b.copy_(fromB);
        foreach (var (otherA, otherB) in copies.Values)
        {
            otherA.copy_(a);
            otherB.copy_(b);
        }
    }

    private (Tensor A, Tensor B) On(Device device)
    {
        if (device.ToString() == a.device.ToString()) return (a, b);
        if (!copies.TryGetValue(device.ToString(), out var there))
            copies[device.ToString()] = there = (a.to(device).DetachFromDisposeScope(), b.to(device).DetachFromDisposeScope());
        return there;
    }

    private static Tensor Draw(long rows, long columns, long seed, uint stream, Generator? torchs, ScalarType dtype)
    {
        var bound = Math.Sqrt(6.0 / columns);
        using var drawn = torchs is not null ? empty(rows, columns, ScalarType.Float32).uniform_(-bound, bound, torchs)
            : tensor(Philox.Uniform(rows * columns, (ulong)seed, stream, (float)-bound, (float)bound)).view(rows, columns);
        return drawn.to(dtype, copy: true);
    }
}
