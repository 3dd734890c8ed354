// DoRA's analysis of what fine-tuning changes (arXiv 2402.09353, section 3.2, eq. 3 and 4, figure 2). With W_t the weight at checkpoint t,
// its rows n (METHODS.md: the paper says columns, its code and this library use output rows), and m_t,n = ‖W_t,n‖:
//   ΔM = mean_n |m_t,n − m_0,n|,   ΔD = mean_n (1 − cos(W_t,n, W_0,n)),   1 − cos(a, b) = ‖a/‖a‖ − b/‖b‖‖² / 2
// The right-hand form keeps small angles, which 1 minus a rounded cosine would lose. All in float64, some rows at a time.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>What changed in one layer between the start and a checkpoint.</summary>
/// <param name="Layer">The layer's path in the model.</param>
/// <param name="Step">The checkpoint, as it was given to <see cref="MagnitudeDirection.Record"/>.</param>
/// <param name="RowMagnitudes">|m_t,n − m_0,n| of every output row.</param>
/// <param name="RowDirections">1 − cos of every output row, from 0 to 2; NaN where the row is or was zero and has no direction.</param>
public sealed record MagnitudeDirectionChange(
    string Layer, long Step, IReadOnlyList<double> RowMagnitudes, IReadOnlyList<double> RowDirections)
{
    /// <summary>ΔM: the mean over rows.</summary>
    public double Magnitude { get; } = RowMagnitudes.Average();

    /// <summary>ΔD: the mean over rows that have a direction; NaN if none has.</summary>
    public double Direction { get; } = RowDirections.Where(d => !double.IsNaN(d)).DefaultIfEmpty(double.NaN).Average();

    /// <summary>Do rows that turn more also grow or shrink more? The correlation of ΔM_n and ΔD_n within this layer.</summary>
    public Correlation RowCorrelation => Correlation.Of(RowDirections.Zip(RowMagnitudes));

    public override string ToString() =>
        FormattableString.Invariant($"{Layer} at {Step}: ΔM {Magnitude:g4}, ΔD {Direction:g4}, rows {RowCorrelation}");
}

/// <summary>
/// Records ΔM and ΔD of a model's layers while it trains: <c>OnStep = s => { if (s.Step % 50 == 0) changes.Record(s.Step); }</c>. It
/// remembers W_0 of the chosen layers and nothing else of their size.
/// </summary>
public sealed class MagnitudeDirection : IDisposable
{
    private const long ElementsPerChunk = 1 << 20;

    private readonly IReadOnlyList<(string Path, AdaptedLinear Layer, Tensor Start)> layers;
    private readonly List<MagnitudeDirectionChange> changes = [];

    /// <summary>Remembers the weights as they are now, the adapters that work included: with an adapter that starts at ΔW = 0 it does
    /// not matter whether it is on already.</summary>
    /// <param name="model">A model of <see cref="AdaptedLinear"/> layers, fine-tuned as a whole or with any adapter.</param>
    /// <param name="targets">Which layers; every linear layer but the head if not given.</param>
    /// <exception cref="ArgumentException">No layer matches.</exception>
    public MagnitudeDirection(nn.Module model, TargetPattern? targets = null)
    {
        targets ??= TargetPattern.AllLinear;
        var all = model.LinearLayers();
        targets.RequireIn([.. all.Select(l => l.Path)]);
        using var grad = no_grad();
        layers = [.. all.Where(l => targets.Matches(l.Path)).Select(l => (l.Path, l.Layer, Start(l.Layer)))];
    }

    /// <summary>One for every layer and recorded checkpoint, in the order of recording.</summary>
    public IReadOnlyList<MagnitudeDirectionChange> Changes => changes;

    /// <summary>Compares the weights with their start. Adapters count as they work now: the active ones, a sampled rank as it is set.
    /// </summary>
    /// <param name="step">The checkpoint's number, for the record alone.</param>
    public void Record(long step)
    {
        using var scope = NewDisposeScope();
        using var grad = no_grad();
        changes.AddRange(layers.Select(l => Compare(l.Path, step, l.Start, l.Layer.AdaptedWeight())).ToList());
    }

    /// <summary>The correlation of ΔD and ΔM over all layers and checkpoints: the paper's −0.62 for full fine-tuning, 0.83 for LoRA,
    /// −0.31 for DoRA.</summary>
    public Correlation Correlation() => LowRank.Correlation.Of(changes.Select(c => (c.Direction, c.Magnitude)));

    /// <summary>The correlation over the layers, at one checkpoint.</summary>
    public Correlation CorrelationAt(long step) =>
        LowRank.Correlation.Of(changes.Where(c => c.Step == step).Select(c => (c.Direction, c.Magnitude)));

    /// <summary>Compares two weights [out, in] of one layer.</summary>
    public static MagnitudeDirectionChange Compare(string layer, long step, Tensor before, Tensor after)
    {
        if (before.dim() != 2 || !before.shape.SequenceEqual(after.shape))
            throw new ArgumentException($"{layer}: two matrices of one shape are compared; given " +
                $"[{string.Join(", ", before.shape)}] and [{string.Join(", ", after.shape)}]");
        using var grad = no_grad();
        var (rows, columns) = (before.shape[0], before.shape[1]);
        var (magnitudes, directions) = (new List<double>(), new List<double>());
        var some = Math.Max(1, ElementsPerChunk / Math.Max(1, columns));
        for (long row = 0; row < rows; row += some)
        {
            using var chunk = NewDisposeScope();
            var count = Math.Min(some, rows - row);
            var (first, m0) = Split(before.narrow(0, row, count));
            var (last, m) = Split(after.narrow(0, row, count));
            magnitudes.AddRange(Numbers(m.sub(m0).abs()));
            directions.AddRange(Numbers(last.sub(first).square().sum(1).div(2)));           // [m, in] -> [m]; NaN from 0/0
        }
        return new(layer, step, magnitudes, directions);
    }

    public void Dispose()
    {
        foreach (var (_, _, start) in layers) start.Dispose();
    }

    /// <summary>A copy in the weight's own type, or in float32 where an adapter works on a 16-bit one.</summary>
    private static Tensor Start(AdaptedLinear layer)
    {
        using var weight = layer.AdaptedWeight();
        var bare = !layer.Working.Any();
        return weight.to(bare ? layer.Weight.DataType : weight.dtype, copy: true).DetachFromDisposeScope();
    }

    /// <summary>Directions [m, in] of unit length, and magnitudes [m].</summary>
    private static (Tensor Directions, Tensor Magnitudes) Split(Tensor rows)
    {
        var exact = Subspaces.Exact(rows);
        var norm = linalg.vector_norm(exact, 2, [1]);
        return (exact.div(norm.unsqueeze(1)), norm);
    }

    private static double[] Numbers(Tensor tensor) => tensor.cpu().contiguous().data<double>().ToArray();
}
