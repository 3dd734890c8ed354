// Merging: the active adapters go into the weight, and forward costs what it cost without them. Only ever explicit: train() and
// eval() never merge.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

public sealed partial class AdaptedLinear
{
    private readonly List<LinearAdapter> merged = [];
    private Original? original;

    /// <summary>W and b from before a merge.</summary>
    private sealed record Original(object Weight, Tensor? Bias);

    /// <summary>‖stored − merged‖_F / ‖merged‖_F of the last merge: what storing the merged weight has lost, as a quantized one loses to its
    /// codes. 0 for a dense weight in float32; float32's rounding for QA-LoRA over int4 of its groups, which merges exactly.</summary>
    public double MergeError { get; private set; }

    /// <summary>The adapters that are merged into the weight.</summary>
    public IReadOnlyList<LinearAdapter> MergedAdapters => merged;

    /// <summary>Puts the active adapters into the weight. With nothing active, or when already merged, nothing happens.</summary>
    /// <param name="keepOriginal">Keep a copy of the weight, from which <see cref="Unmerge"/> restores it bit for bit. Without
    /// it the merge is for good.</param>
    /// <exception cref="InvalidOperationException">The merged weight would hold NaN or infinity; nothing is changed.</exception>
    public void Merge(bool keepOriginal = true)
    {
        RefuseWhileMixed("merge");
        if (!HasWork) return;
        var working = Working.ToList();
        using var grad = no_grad();
        using var sum = MergedWeight(working);
        using var offset = MergedBias(working);
        RefuseNotFinite(working, sum, offset);

        if (keepOriginal) original = new(Weight.Keep(), bias is null ? null : CopyOf(bias.detach()));
        if (Weight is QuantizedWeight quantized && quantized.WithInside(working) is { } exact) quantized.Replace(exact);
        else Weight.Assign(sum);
        MergeError = ErrorOf(sum);
        if (offset is not null) bias!.copy_(offset);
        merged.AddRange(working);
        if (!keepOriginal) Forget(working);
    }

    /// <summary>Restores the weight that <see cref="Merge"/> replaced; the adapters are active again. Without a merge nothing
    /// happens.</summary>
    public void Unmerge()
    {
        if (merged.Count == 0) return;
        using var grad = no_grad();
        Weight.Restore(original!.Weight);
        MergeError = 0;
        if (original.Bias is { } before)
        {
            bias!.copy_(before);
            before.Dispose();
        }
        original = null;
        merged.Clear();
    }

    /// <summary>Puts an adapter's change into the weight for good and has the adapter begin anew: the output stays, a magnitude becomes the
    /// new weight's (ReLoRA, arXiv 2307.05695).</summary>
    public void Absorb(string name)
    {
        CheckAbsorb(name);
        var adapter = Required(name);
        using var grad = no_grad();
        using var sum = adapter.Apply(Weight);
        using var offset = MergedBias([adapter]);
        RefuseNotFinite([adapter], sum, offset);
        Weight.Assign(sum);
        if (offset is not null) bias!.copy_(offset);
        adapter.Update.Restart();
        if (adapter.Magnitude is { } magnitude)
        {
            using var norm = Weight.RowNormSquared().sqrt();
            magnitude.copy_(norm);
        }
        Absorbed++;
    }

    /// <summary>How often the weight has taken an adapter's change in for good while that adapter went on (ReLoRA). Adapters of the layer are
    /// changes of a base model that no file holds since then.</summary>
    public int Absorbed { get; internal set; }

    /// <summary>Throws if <see cref="Absorb"/> can't be done; changes nothing.</summary>
    internal void CheckAbsorb(string name, string path = "the layer")
    {
        var adapter = Required(name);
        RefuseWhileMerged($"put the adapter \"{name}\" into the weight for good");
        if (!adapter.Update.CanRestart)
            throw new ArgumentException(
                $"the adapter \"{name}\" of {path} can't begin anew when its change has gone into the weight: " +
                (adapter.Update is LowRankUpdate { Init: var init } ? $"it began as a part of the weight ({init})" : $"it is a {adapter.Update.GetName()}") +
                "; use Adapter.Lora or Adapter.Dora with a start that is drawn, or Adapter.Mora");
        using var offset = adapter.Update.Offset();
        if (offset is not null && bias is null)
            throw new ArgumentException(
                $"the adapter \"{name}\" of {path} has a bias, and the layer has none that a restart could put it into; leave out the adapter's bias");
    }

    /// <summary>Throws if a merge would leave NaN or infinity; changes nothing.</summary>
    internal void CheckMerge()
    {
        RefuseWhileMixed("merge");
        if (!HasWork) return;
        var working = Working.ToList();
        using var grad = no_grad();
        using var sum = MergedWeight(working);
        using var offset = MergedBias(working);
        RefuseNotFinite(working, sum, offset);
    }

    /// <summary>
    /// What an adapter changes about W as it stands, [out, in]: ΔW, and for a decomposed one m ⊙ (W + ΔW)/‖W + ΔW‖ − W.
    /// In float32 or wider; the caller disposes it.
    /// </summary>
    public Tensor Delta(string name)
    {
        var adapter = Required(name);
        if (merged.Contains(adapter))
            throw new InvalidOperationException($"the adapter \"{name}\" is merged into the weight; call Unmerge first");
        using var grad = no_grad();
        if (adapter.Magnitude is null) return adapter.Update.Delta(FrozenWeight.Wide(Weight.DataType));
        var sum = adapter.Apply(Weight);
        using var dense = Weight.Dequantize();
        sum.sub_(dense);
        return sum;
    }

    /// <summary>The weight [out, in] that forward multiplies with: W and the adapters that work now, in float32 or wider. It may share
    /// W's memory: read it only, and dispose it.</summary>
    public Tensor AdaptedWeight()
    {
        using var grad = no_grad();
        return HasWork ? MergedWeight(Working.ToList()) : Weight.Dequantize(FrozenWeight.Wide(Weight.DataType));
    }

    /// <summary>The decomposed adapter rescales W + its own ΔW; plain ones are added to that.</summary>
    private Tensor MergedWeight(List<LinearAdapter> working)
    {
        var first = working.Find(a => a.Magnitude is not null) ?? working[0];
        var sum = first.Apply(Weight);
        foreach (var adapter in working.Where(a => a != first))
        {
            using var delta = adapter.Update.Delta(sum.dtype);
            sum.add_(delta);
        }
        return sum;
    }

    private Tensor? MergedBias(List<LinearAdapter> working)
    {
        Tensor? sum = null;
        foreach (var adapter in working)
        {
            using var offset = adapter.Update.Offset();
            if (offset is null || (bias is null && IsZero(offset))) continue;
            if (bias is null)
                throw new InvalidOperationException(
                    $"the adapter \"{adapter.AdapterName}\" has a bias, and the layer has none that it could be " +
                    "merged into; leave it unmerged");
            sum ??= CopyOf(bias.detach());
            sum.add_(offset);
        }
        return sum;
    }

    private static bool IsZero(Tensor tensor)
    {
        using var others = tensor.ne(0);
        using var any = others.any();
        return !any.item<bool>();
    }

    /// <summary>As the weight will store them: what is finite in float32 may be infinite in float16.</summary>
    private void RefuseNotFinite(List<LinearAdapter> working, params ReadOnlySpan<Tensor?> results)
    {
        foreach (var result in results)
        {
            if (result is null) continue;
            using var stored = result.to(Weight.DataType);
            using var finite = stored.isfinite();
            using var all = finite.all();
            if (!all.item<bool>())
                throw new InvalidOperationException(
                    $"merging {Quoted(working)} would put NaN or infinity into the weight; nothing was changed");
        }
    }

    private double ErrorOf(Tensor merged)
    {
        using var scope = NewDisposeScope();
        var difference = Weight.Dequantize(merged.dtype).sub(merged);
        var whole = merged.norm().to(ScalarType.Float64).item<double>();
        return whole == 0 ? 0 : difference.norm().to(ScalarType.Float64).item<double>() / whole;
    }

    /// <summary>After a merge for good the adapters are part of the weight; as adapters they are gone.</summary>
    private void Forget(List<LinearAdapter> working)
    {
        merged.Clear();
        foreach (var adapter in working) RemoveAdapter(adapter.AdapterName);
    }

    internal void RefuseWhileMixed(string what)
    {
        if (Rows is not null)
            throw new InvalidOperationException(
                $"can't {what} while the rows of a batch use adapters of their own; dispose what UseAdapters gave first");
    }

    /// <summary>Refuses what can't be done to a layer whose adapters are merged, or chosen row by row.</summary>
    internal void RefuseWhileMerged(string what)
    {
        RefuseWhileMixed(what);
        if (merged.Count > 0)
            throw new InvalidOperationException(
                $"can't {what} while {Quoted(merged)} is merged into the weight; call Unmerge first");
    }

    private static string Quoted(IEnumerable<LinearAdapter> some) =>
        string.Join(" and ", some.Select(a => $"\"{a.AdapterName}\""));

    private static Tensor CopyOf(Tensor tensor)
    {
        using (tensor) return tensor.clone().DetachFromDisposeScope();
    }
}
