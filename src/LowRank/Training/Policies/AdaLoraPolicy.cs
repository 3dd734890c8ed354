// AdaLoRA (arXiv 2303.10512): all layers share a budget of directions that shrinks while they train. A direction (a column of P, an
// element of λ, a row of Q) counts as much as its importance (eq. 8 and 9):
//
//   I = |w·∇w|,  Ī ← β₁Ī + (1 − β₁)I,  Ū ← β₂Ū + (1 − β₂)|I − Ī|,  s(w) = Ī·Ū;   S = s(λ) + mean s(P's column) + mean s(Q's row)
//
// The budget (eq. 12) stays for t_i steps, falls with a cube to the target, and stays for the last t_f. Beyond it λ is zeroed, which
// leaves P and Q, so a direction can return until the budget is final. P and Q are kept near orthogonal by a penalty (eq. 4), as the
// paper's code has it: plain norms, averaged over the matrices.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Takes an AdaLoRA adapter's least important directions away until its target rank is met on average.</summary>
/// <param name="initialSteps">t_i: steps before the budget falls; a tenth of the run if not given.</param>
/// <param name="finalSteps">t_f: steps with the final budget; three tenths of the run if not given.</param>
/// <param name="every">ΔT: steps between two cuts.</param>
/// <param name="orthogonality">γ, the weight of the penalty.</param>
/// <param name="beta1">β₁.</param>
/// <param name="beta2">β₂.</param>
/// <param name="adapter">The adapter's name.</param>
public sealed class AdaLoraPolicy(long? initialSteps = null, long? finalSteps = null, long every = 10, double orthogonality = 0.5,
    double beta1 = 0.85, double beta2 = 0.85, string adapter = Adapter.DefaultName) : TrainingPolicy
{
    private readonly List<Matrix> matrices = [];
    private long initial, final, total, target;

    /// <summary>Directions that all layers may have together after the present step.</summary>
    public long Budget { get; private set; }

    /// <summary>Directions that each layer has, by its path: those that the last cut left.</summary>
    public IReadOnlyDictionary<string, int> Kept => matrices.ToDictionary(m => m.Path, m => m.Kept.Count(kept => kept));

    public override void Begin(nn.Module model, TrainingOptions options)
    {
        (total, initial, final) = (options.Steps, initialSteps ?? options.Steps / 10, finalSteps ?? options.Steps * 3 / 10);
        if (initial < 0 || final < 0 || initial + final >= total)
            throw new ArgumentException(
                $"AdaLoRA's first {initial} and last {final} steps leave none of the run's {total} in which the budget could fall; shorten them or train longer");
        if (every < 1) throw new ArgumentException($"the steps between two cuts must be at least 1; they are {every}");
        foreach (var (name, beta) in new[] { (nameof(beta1), beta1), (nameof(beta2), beta2) })
            if (beta is not (> 0 and < 1)) throw new ArgumentException($"{name} must lie between 0 and 1; it is {beta}");
        if (!(orthogonality >= 0 && double.IsFinite(orthogonality)))
            throw new ArgumentException($"the weight of the penalty must be finite and not negative; it is {orthogonality}");

        matrices.Clear();
        target = 0;
        foreach (var (path, _, one) in LayersAtWork(model, adapter))
        {
            if (one.Update is not SvdUpdate update)
                throw new ArgumentException($"the adapter \"{adapter}\" of {path} is not AdaLoRA; put it there with Adapter.AdaLora");
            matrices.Add(new(path, update));
            target += (one.Config as AdaLoraConfig)?.TargetRank
                ?? throw new ArgumentException($"the adapter \"{adapter}\" of {path} was put there by hand and has no target rank; use Adapt");
        }
        Budget = BudgetAt(0);
    }

    /// <summary>The budget of a step, counted from 0, over all layers (eq. 12).</summary>
    public long BudgetAt(long step)
    {
        var all = matrices.Sum(m => m.Update.Rank);
        if (step <= initial) return all;
        if (step > total - final) return target;
        var left = 1 - (double)(step - initial) / (total - final - initial);
        return (long)((all - target) * left * left * left + target);
    }

    public override Tensor? Penalty()
    {
        if (orthogonality == 0) return null;
        Tensor? sum = null;
        foreach (var (p, q) in matrices.Select(m => (m.Update.P, m.Update.Q)))
        {
            using var unit = eye(q.shape[0], dtype: q.dtype, device: q.device);
            var both = p.t().mm(p).sub(unit).norm().add(q.mm(q.t()).sub(unit).norm());      // [r, out] x [out, r], [r, in] x [in, r]
            sum = sum is null ? both : sum.add(both);
        }
        return sum!.mul(orthogonality / (2 * matrices.Count));
    }

    public override void AfterUpdate(TrainingUpdate update)
    {
        var step = update.Step;
        using var scope = NewDisposeScope();
        using var grad = no_grad();
        if (step < total - final)
            foreach (var matrix in matrices) matrix.Weigh(beta1, beta2);
        Budget = BudgetAt(step);
        if (step == total - final || (step > initial && step < total - final && step % every == 0)) Cut();
        if (step >= total - final)
            foreach (var matrix in matrices) matrix.Mask();
    }

    public override void End()
    {
        foreach (var matrix in matrices) matrix.Forget();
    }

    public override string Settings => FormattableString.Invariant(
        $"initialSteps {initialSteps}, finalSteps {finalSteps}, every {every}, orthogonality {orthogonality}, beta1 {beta1}, beta2 {beta2}, adapter {adapter}");

    /// <summary>The budget, and of each layer what is remembered of its importance and which directions are left.</summary>
    public override Dictionary<string, Tensor> Capture()
    {
        var all = new Dictionary<string, Tensor> { ["budget"] = tensor(Budget) };
        foreach (var matrix in matrices)
            foreach (var (name, value) in matrix.State()) all[$"{matrix.Path}.{name}"] = value.clone();
        return all;
    }

    public override void Restore(IReadOnlyDictionary<string, Tensor> captured)
    {
        using var grad = no_grad();
        Budget = Part(captured, "budget").item<long>();
        foreach (var matrix in matrices)
        {
            foreach (var (name, value) in matrix.State()) value.copy_(Part(captured, $"{matrix.Path}.{name}"));
            matrix.TakeKept(Part(captured, $"{matrix.Path}.kept"));
        }
    }

    /// <summary>The most important directions of all layers stay, as many as the budget allows.</summary>
    private void Cut()
    {
        var all = matrices.SelectMany(m => m.Importance().Select((score, index) => (m, score, index)));
        var best = all.OrderByDescending(d => d.score).Take((int)Budget).Select(d => (d.m, d.index)).ToHashSet();
        foreach (var matrix in matrices)
        {
            for (var i = 0; i < matrix.Kept.Length; i++) matrix.Kept[i] = best.Contains((matrix, i));
            matrix.Mask();
        }
    }

    /// <summary>One layer's triplets with what is remembered of their importance.</summary>
    private sealed class Matrix(string path, SvdUpdate update)
    {
        private readonly (Tensor Mean, Tensor Uncertainty)[] memory =
            [.. Parts(update).Select(w => (zeros_like(w).DetachFromDisposeScope(), zeros_like(w).DetachFromDisposeScope()))];

        public string Path => path;

        public SvdUpdate Update => update;

        public bool[] Kept { get; } = [.. Enumerable.Repeat(true, (int)update.Rank)];

        /// <summary>Takes this step's gradients into Ī and Ū.</summary>
        public void Weigh(double beta1, double beta2)
        {
            foreach (var (w, (mean, uncertainty)) in Parts(update).Zip(memory))
            {
                if (w.grad is null) continue;
                var importance = w.mul(w.grad).abs_();
                mean.mul_(beta1).add_(importance, 1 - beta1);
                uncertainty.mul_(beta2).add_(importance.sub_(mean).abs_(), 1 - beta2);
            }
        }

        /// <summary>S of each direction.</summary>
        public double[] Importance()
        {
            Tensor Score(int i) => memory[i].Mean.mul(memory[i].Uncertainty);
            var sum = Score(0).sum(1).add(Score(1).mean([0])).add(Score(2).mean([1]));          // λ [r, 1], P [out, r], Q [r, in]
            return sum.to(ScalarType.Float64).cpu().data<double>().ToArray();
        }

        /// <summary>Zeroes λ where a direction was taken away.</summary>
        public void Mask()
        {
            using var mask = tensor(Kept, device: update.Lambda.device).unsqueeze(1).logical_not_();
            update.Lambda.masked_fill_(mask, 0);
        }

        /// <summary>Ī and Ū of λ, P and Q, and a copy of what is kept.</summary>
        public IEnumerable<(string Name, Tensor Value)> State() =>
            [.. memory.SelectMany((m, i) => new[] { ($"mean.{i}", m.Mean), ($"uncertainty.{i}", m.Uncertainty) }), ("kept", tensor(Kept))];

        public void TakeKept(Tensor kept) => kept.data<bool>().ToArray().CopyTo(Kept, 0);

        public void Forget()
        {
            foreach (var (mean, uncertainty) in memory)
            {
                mean.Dispose();
                uncertainty.Dispose();
            }
        }

        private static IEnumerable<Parameter> Parts(SvdUpdate update) => [update.Lambda, update.P, update.Q];
    }
}
