// Adapters mixed in one batch: one base model serves, or trains, many adapters at once.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Choosing an adapter for each row of a batch.</summary>
public static class RowAdapters
{
    /// <summary>
    /// From now on row i of every batch (its first axis) uses the i-th adapter, or none for null. Dispose what comes back, and the adapters
    /// are active as they were. Backward belongs before that: only meanwhile do all of these adapters require gradients.
    /// </summary>
    /// <param name="model">A model with the adapters; a layer that lacks one leaves its rows alone.</param>
    /// <param name="names">One a row, as <c>"a", "b", null, "a"</c>.</param>
    /// <exception cref="ArgumentException">No such adapter, or no name at all; nothing is changed. A batch with another number of rows
    /// is refused by forward.</exception>
    /// <exception cref="InvalidOperationException">An adapter is merged or has whole modules, the adapters are switched off, or rows have
    /// adapters already; nothing is changed.</exception>
    public static IDisposable UseAdapters(this nn.Module model, params ReadOnlySpan<string?> names)
    {
        if (names.Length == 0) throw new ArgumentException("no row was given an adapter; name one for each row of the batch, or null for none");
        var known = model.AdapterNames();
        foreach (var name in names)
            if (name is not null && !known.Contains(name)) throw new ArgumentException($"no adapter \"{name}\"{NearestNames.Suggest(name, known)}");
        var layers = model.LinearLayers().Select(l => l.Layer).ToList();
        foreach (var layer in layers)
        {
            layer.RefuseWhileMerged("give rows adapters of their own");
            if (!layer.AdaptersEnabled)
                throw new InvalidOperationException("the adapters are switched off; dispose what DisableAdapters gave, or call EnableAdapters, first");
        }

        var whole = WholeModules.Of(model);
        foreach (var name in names)
            if (name is not null && whole.Has(name))
                throw new InvalidOperationException($"\"{name}\" has whole modules of its own, which a batch shares; activate it for whole batches (SetAdapter)");

        var rows = new BatchRows(names);
        var before = layers.SelectMany(l => l.Adapters).Select(a => (Adapter: a, a.IsActive)).ToList();
        var used = names.ToArray().ToHashSet();
        foreach (var (adapter, _) in before) adapter.IsActive = used.Contains(adapter.AdapterName);
        foreach (var layer in layers) layer.Rows = rows;
        return new Switch(rows, layers, before, whole.Aside());
    }

    private sealed class Switch(BatchRows rows, List<AdaptedLinear> layers, List<(LinearAdapter Adapter, bool IsActive)> before, IDisposable aside) : IDisposable
    {
        private bool over;

        public void Dispose()
        {
            if (over) return;
            over = true;
            foreach (var layer in layers) layer.Rows = null;
            foreach (var (adapter, active) in before) adapter.IsActive = active;
            aside.Dispose();
            rows.Dispose();
        }
    }
}
