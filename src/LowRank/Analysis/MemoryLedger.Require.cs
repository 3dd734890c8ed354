// Does it fit? Asked before anything is loaded, by whoever wants to know (a command, a program of one's own): never by the trainer itself, whose
// machine may be shared or may page. Where it does not fit, the same question with one thing changed says what would help, and how much.
using System.Globalization;
using static TorchSharp.torch;

namespace LowRank;

public sealed partial record MemoryLedger
{
    /// <summary>What <see cref="OfTraining"/> was asked; null for generating.</summary>
    private Question? Asked { get; init; }

    private sealed record Question(ModelConfig Model, AdapterConfig? Adapter, long Batch, long Tokens, TargetPattern? Targets, ScalarType Type,
        Func<LayerShape, long?>? Storage, TrainingOptimizer? Optimizer, bool KeepsOriginals, bool GradientCheckpointing, long? LongestText)
    {
        public long Peak() => OfTraining(Model, Adapter, Batch, Tokens, Targets, Type, Storage, Optimizer, KeepsOriginals, GradientCheckpointing, LongestText).Peak;
    }

    /// <summary>Throws where the step does not fit into what a device has free now (<see cref="Machine.FreeBytes"/>). To be asked before the model
    /// is loaded: what is loaded already is not free.</summary>
    /// <param name="device">The CPU if not given.</param>
    /// <exception cref="InsufficientMemoryException">It does not fit; says by how much, and what to change.</exception>
    public void Require(Device? device = null)
    {
        var place = device ?? CPU;
        Require(Machine.FreeBytes(place), $"free on {(place.type == TorchSharp.DeviceType.CPU ? "this machine" : place.ToString())}");
    }

    /// <summary>Throws where the step does not fit into so many bytes.</summary>
    /// <param name="availableBytes">What there is for it, model and all.</param>
    /// <param name="where">How the message calls them.</param>
    /// <exception cref="InsufficientMemoryException">It does not fit; says by how much, and what to change.</exception>
    public void Require(long availableBytes, string where = "available")
    {
        if (Peak <= availableBytes) return;
        var parts = new[] { ("weights", Weights), ("originals", Originals), ("adapters", Adapters), ("cache", Cache), ("optimizer", Optimizer), ("gradients", Gradients), ("activations", Activations) }
            .Where(part => part.Item2 > Peak / 100).OrderByDescending(part => part.Item2).Select(part => $"{part.Item1} {Size(part.Item2)}");
        throw new InsufficientMemoryException($"{(Asked is null ? "a pass" : "a step of training")} takes {Size(Peak)} at its peak ({string.Join(", ", parts)}), " +
            $"and {Size(availableBytes)} are {where}. {(Asked is null ? "Take a smaller batch or fewer tokens" : Advice(Asked, availableBytes))}.");
    }

    /// <summary>What would do, each for itself; else what is needed together.</summary>
    private static string Advice(Question asked, long available)
    {
        var changes = Changes(asked, available).Select(change => (change.What, change.To, Peak: change.To(asked).Peak())).ToList();
        var enough = changes.Where(change => change.Peak <= available).Select(change => $"{change.What} ({Size(change.Peak)})").ToList();
        if (enough.Count > 0) return $"It fits with {string.Join(", or with ", enough)}";

        // One after the other, the greatest help first, as long as they help.
        var (all, peak, taken) = (asked, asked.Peak(), new List<string>());
        foreach (var (what, to, _) in changes.OrderBy(change => change.Peak))
        {
            var next = to(all);
            if (next.Peak() is var lower && lower >= peak) continue;
            (all, peak) = (next, lower);
            taken.Add(what);
            if (peak <= available) return $"It fits with {string.Join(" and ", taken)} together ({Size(peak)})";
        }
        return taken.Count == 0 ? "Take a smaller model or a larger machine"
            : $"Even {string.Join(" and ", taken)} together leave {Size(peak)}: take a smaller model, fewer tokens or a larger machine";
    }

    /// <summary>What can be changed, in the words of a program, from what costs least.</summary>
    private static IEnumerable<(string What, Func<Question, Question> To)> Changes(Question asked, long available)
    {
        if (!asked.GradientCheckpointing) yield return ("GradientCheckpointing = true", q => q with { GradientCheckpointing = true });
        if (asked.Batch > 1)
        {
            var batch = asked.Batch / 2;
            while (batch > 1 && (asked with { Batch = batch }).Peak() > available) batch /= 2;
            var parts = (asked.Batch + batch - 1) / batch;
            yield return ($"batches of {batch} and Accumulation = {parts}", q => q with { Batch = batch });
        }
        if ((asked.Optimizer ?? new FullAdamW()) is FullAdamW full)
            yield return ("Optimizer = new AdamW8Bit()", q => q with { Optimizer = new AdamW8Bit { PagedAbove = full.PagedAbove, PageFolder = full.PageFolder } });
        if (asked.Adapter is null) yield return ("an adapter, as Adapter.Lora(8)", q => q with { Adapter = LowRank.Adapter.Lora(8) });
        else if (asked.Storage is null) yield return ("model.Quantize(Nf4.WithDoubleQuantization)", q => q with { Storage = Nf4.WithDoubleQuantization.BytesOf });
        if (asked.Type is ScalarType.Float32 or ScalarType.Float64) yield return ("weights in bfloat16", q => q with { Type = ScalarType.BFloat16 });
    }

    private static string Size(long bytes) => bytes >= 1L << 30
        ? (bytes / (double)(1L << 30)).ToString("0.00", CultureInfo.InvariantCulture) + " GiB"
        : (bytes / (double)(1L << 20)).ToString("0.0", CultureInfo.InvariantCulture) + " MiB";
}
