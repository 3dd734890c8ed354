// ReLoRA (arXiv 2307.05695): every N steps ΔW goes into W for good, A is drawn anew and B is 0 again, the optimizer forgets A's and B's
// moments (or most of them), and the learning rate begins at 0 and rises back into its cosine ("jagged cosine"). After k restarts
// rank(W_T − W_0) ≤ (k + 1)·r. ReMoRA (arXiv 2405.12130, section 4.2) does it with MoRA's M and switches the sharing operator each time.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Restarts a low-rank or MoRA adapter while it trains; its magnitude, if it has one, goes on.</summary>
/// <param name="every">N, steps between restarts.</param>
/// <param name="warmup">Steps over which the learning rate rises from 0 after a restart.</param>
/// <param name="forget">The share of the moments that is set to 0, the smallest first: 1 all of them, 0.9 to go on with the largest tenth.</param>
/// <param name="switchOperator">For MoRA with a sharing operator: change to the other order at each restart (ReMoRA).</param>
/// <param name="adapter">The adapter's name.</param>
public sealed class ReLoraPolicy(
    long every, long warmup = 10, double forget = 1, bool switchOperator = true, string adapter = Adapter.DefaultName) : TrainingPolicy
{
    private IReadOnlyList<(string Path, AdaptedLinear Layer, LinearAdapter Adapter)> layers = [];
    private TrainingOptions options = new();

    /// <summary>Restarts so far.</summary>
    public int Restarts { get; private set; }

    public override string? Conflict(TrainingPolicy other) => base.Conflict(other) ?? other switch
    {
        DyLoraPolicy => "ReLoRA puts ΔW into the weight, where it is the same at every rank; DyLoRA trains one ΔW for each rank. Leave out one of them",
        AdaLoraPolicy => "ReLoRA draws directions anew; AdaLoRA weighs the same directions over the whole run. Leave out one of them",
        _ => null,
    };

    public override void Begin(nn.Module model, TrainingOptions options)
    {
        if (every < 1) throw new ArgumentException($"the steps between restarts must be at least 1; they are {every}");
        if (warmup < 0 || warmup >= every) throw new ArgumentException($"the warm-up after a restart must be shorter than the {every} steps between restarts; it is {warmup}");
        if (forget is not (>= 0 and <= 1)) throw new ArgumentException($"the share of the moments to forget must lie between 0 and 1; it is {forget}");
        (this.options, Restarts) = (options, 0);
        if (every >= options.Steps)
            throw new ArgumentException($"a run of {options.Steps} steps ends before its first restart at {every}; restart more often or leave ReLoRA out");
        layers = LayersAtWork(model, adapter);
        foreach (var (path, layer, _) in layers) layer.CheckAbsorb(adapter, path);
    }

    /// <summary>The jagged cosine: after a restart from 0 to where the schedule is when the warm-up is over.</summary>
    public override double LearningRateAt(long step, double scheduled)
    {
        var since = step % every;
        return step < every || since >= warmup ? scheduled : options.LearningRateAt(step - since + warmup) * since / warmup;
    }

    public override void AfterUpdate(TrainingUpdate update)
    {
        if ((update.Step + 1) % every != 0 || update.Step + 1 >= options.Steps) return;
        using var scope = NewDisposeScope();
        using var grad = no_grad();
        foreach (var (_, layer, one) in layers)
        {
            layer.Absorb(adapter);
            if (switchOperator && one.Update is MoraUpdate mora) Switch(one, mora);
            foreach (var tensor in one.Update.Tensors) update.ChangeMoments(tensor.Value, Forget);
        }
        Restarts++;
    }

    public override string Settings => FormattableString.Invariant(
        $"every {every}, warmup {warmup}, forget {forget}, switchOperator {switchOperator}, adapter {adapter}");

    /// <summary>The restarts, and of each layer how many changes its weight has taken in and MoRA's operator. The weights themselves are in a
    /// checkpoint because they have changed.</summary>
    public override Dictionary<string, Tensor> Capture()
    {
        var all = new Dictionary<string, Tensor> { ["restarts"] = tensor((long)Restarts) };
        foreach (var (path, layer, one) in layers)
        {
            all[$"{path}.absorbed"] = tensor((long)layer.Absorbed);
            if (one.Update is MoraUpdate mora) all[$"{path}.operator"] = tensor((long)mora.Operator);
        }
        return all;
    }

    public override void Restore(IReadOnlyDictionary<string, Tensor> captured)
    {
        Restarts = (int)Part(captured, "restarts").item<long>();
        foreach (var (path, layer, one) in layers)
        {
            layer.Absorbed = (int)Part(captured, $"{path}.absorbed").item<long>();
            if (one.Update is MoraUpdate mora && (long)mora.Operator != Part(captured, $"{path}.operator").item<long>()) Switch(one, mora);
        }
    }

    /// <summary>Changes to MoRA's other sharing operator, in the configuration too.</summary>
    private static void Switch(LinearAdapter adapter, MoraUpdate mora)
    {
        if (mora.SwitchOperator() && adapter.Config is MoraConfig config) adapter.Config = config with { Operator = mora.Operator };
    }

    /// <summary>Where the first moment is smallest both are set to 0. (The reference cuts each by its own size: a first moment that stays without
    /// its second gives a step of m/√0, which blew training up when tried.)</summary>
    private void Forget(Tensor first, Tensor second)
    {
        var count = (long)(forget * first.numel());
        if (count == 0) return;
        var size = first.abs();
        var small = size.le(size.flatten().kthvalue(count, 0).values);
        first.masked_fill_(small, 0);
        second.masked_fill_(small, 0);
    }
}
