// Up to a maximal rate and down again within one run (Smith, arXiv 1708.07120), momentum the other way round.
namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        public static partial class lr_scheduler
        {
            /// <inheritdoc cref="impl.OneCycleLR"/>
            public static LRScheduler OneCycleLR(Optimizer optimizer, double max_lr, int total_steps = -1, int epochs = -1, int steps_per_epoch = -1,
                double pct_start = 0.3, impl.OneCycleLR.AnnealStrategy anneal_strategy = impl.OneCycleLR.AnnealStrategy.Cos, bool cycle_momentum = true,
                double base_momentum = 0.85, double max_momentum = 0.95, double div_factor = 25, double final_div_factor = 1e4, bool three_phase = false,
                int last_epoch = -1, bool verbose = false) =>
                new impl.OneCycleLR(optimizer, max_lr, total_steps, epochs, steps_per_epoch, pct_start, anneal_strategy, cycle_momentum, base_momentum,
                    max_momentum, div_factor, final_div_factor, three_phase, last_epoch, verbose);

            public static partial class impl
            {
                /// <summary>
                /// From max_lr / div_factor up to max_lr in pct_start of the steps, then down to the start divided by final_div_factor
                /// (in three phases: down to the start in as many steps as up, then further). The number of steps is total_steps or
                /// epochs · steps_per_epoch. Momentum, or Adam's first beta, moves between max_momentum and base_momentum against it.
                /// </summary>
                public class OneCycleLR : LRScheduler
                {
                    public enum AnnealStrategy { Cos, Linear }

                    readonly record struct Phase(double End, double[] From, double[] To, double MomentumFrom, double MomentumTo);

                    readonly Phase[] phases;
                    readonly int total;
                    readonly AnnealStrategy anneal;
                    readonly bool cycleMomentum;

                    public OneCycleLR(Optimizer optimizer, double max_lr, int total_steps = -1, int epochs = -1, int steps_per_epoch = -1,
                        double pct_start = 0.3, AnnealStrategy anneal_strategy = AnnealStrategy.Cos, bool cycle_momentum = true, double base_momentum = 0.85,
                        double max_momentum = 0.95, double div_factor = 25, double final_div_factor = 1e4, bool three_phase = false, int last_epoch = -1, bool verbose = false)
                        : base(optimizer, last_epoch, verbose)
                    {
                        total = total_steps > 0 ? total_steps : epochs > 0 && steps_per_epoch > 0 ? epochs * steps_per_epoch
                            : throw new ArgumentException("OneCycleLR needs total_steps, or epochs and steps_per_epoch");
                        if (!(pct_start is > 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(pct_start), $"OneCycleLR's pct_start must be between 0 and 1, not {pct_start}");
                        if (cycle_momentum && !optimizer.ParamGroups.All(g => g is IMomentum or IBetas))
                            throw new ArgumentException("OneCycleLR: this optimizer has neither momentum nor betas; pass cycle_momentum: false");
                        (anneal, cycleMomentum) = (anneal_strategy, cycle_momentum);

                        double[] top = [.. baseRates.Select(_ => max_lr)], start = [.. top.Select(rate => rate / div_factor)], bottom = [.. start.Select(rate => rate / final_div_factor)];
                        var peak = pct_start * total - 1;
                        phases = three_phase
                            ? [new(peak, start, top, max_momentum, base_momentum), new(2 * pct_start * total - 2, top, start, base_momentum, max_momentum),
                                new(total - 1, start, bottom, max_momentum, max_momentum)]
                            : [new(peak, start, top, max_momentum, base_momentum), new(total - 1, top, bottom, base_momentum, max_momentum)];
                        step();
                    }

                    protected override IEnumerable<double> get_lr()
                    {
                        if (epoch >= total) throw new InvalidOperationException($"OneCycleLR was made for {total} steps; this is step {epoch + 1}");
                        double begin = 0;
                        var i = 0;
                        for (; i < phases.Length - 1 && epoch > phases[i].End; i++) begin = phases[i].End;
                        var phase = phases[i];
                        var part = phase.End > begin ? (epoch - begin) / (phase.End - begin) : 1;
                        if (cycleMomentum) SetMomentum(Anneal(phase.MomentumFrom, phase.MomentumTo, part));
                        return phase.From.Zip(phase.To, (from, to) => Anneal(from, to, part));
                    }

                    double Anneal(double from, double to, double part) =>
                        anneal == AnnealStrategy.Linear ? from + (to - from) * part : to + (from - to) / 2 * (1 + Math.Cos(Math.PI * part));

                    void SetMomentum(double momentum)
                    {
                        foreach (var group in optimizer.ParamGroups)
                        {
                            if (group is IBetas adam) adam.Betas = (momentum, adam.Betas.Item2);
                            else ((IMomentum)group).Momentum = momentum;
                        }
                    }
                }
            }
        }
    }
}
