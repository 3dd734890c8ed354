// Schedules in closed form: stepwise, constant, linear, cosine, any function. t is the step, counted from 0.
namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        public static partial class lr_scheduler
        {
            /// <inheritdoc cref="impl.LambdaLR"/>
            public static LRScheduler LambdaLR(Optimizer optimizer, Func<int, double> lr_lambda, int last_epoch = -1, bool verbose = false) =>
                new impl.LambdaLR(optimizer, lr_lambda, last_epoch, verbose);

            /// <inheritdoc cref="impl.StepLR"/>
            public static LRScheduler StepLR(Optimizer optimizer, int step_size, double gamma = 0.1, int last_epoch = -1, bool verbose = false) =>
                new impl.StepLR(optimizer, step_size, gamma, last_epoch, verbose);

            /// <inheritdoc cref="impl.ConstantLR"/>
            public static LRScheduler ConstantLR(Optimizer optimizer, double factor = 1.0 / 3, int total_iters = 5, int last_epoch = -1, bool verbose = false) =>
                new impl.ConstantLR(optimizer, factor, total_iters, last_epoch, verbose);

            /// <inheritdoc cref="impl.LinearLR"/>
            public static LRScheduler LinearLR(Optimizer optimizer, double start_factor = 1.0 / 3, double end_factor = 1, int total_iters = 5,
                int last_epoch = -1, bool verbose = false) => new impl.LinearLR(optimizer, start_factor, end_factor, total_iters, last_epoch, verbose);

            /// <inheritdoc cref="impl.CosineAnnealingLR"/>
            public static LRScheduler CosineAnnealingLR(Optimizer optimizer, double T_max, double eta_min = 0, int last_epoch = -1, bool verbose = false) =>
                new impl.CosineAnnealingLR(optimizer, T_max, eta_min, last_epoch, verbose);

            public static partial class impl
            {
                /// <summary>The initial rate times f(t), with one function for all groups or one for each.</summary>
                public class LambdaLR : LRScheduler
                {
                    readonly Func<int, double>[] factors;

                    public LambdaLR(Optimizer optimizer, Func<int, double> lr_lambda, int last_epoch = -1, bool verbose = false)
                        : this(optimizer, [.. Enumerable.Repeat(lr_lambda, optimizer.ParamGroups.Count())], last_epoch, verbose) { }

                    public LambdaLR(Optimizer optimizer, IEnumerable<Func<int, double>> lr_lambdas, int last_epoch = -1, bool verbose = false)
                        : base(optimizer, last_epoch, verbose)
                    {
                        factors = [.. lr_lambdas];
                        if (factors.Length != baseRates.Length)
                            throw new ArgumentException($"LambdaLR: {factors.Length} functions for {baseRates.Length} groups");
                        step();
                    }

                    protected override IEnumerable<double> get_lr() => baseRates.Zip(factors, (rate, factor) => rate * factor(epoch));
                }

                /// <summary>Times gamma every <c>step_size</c> steps.</summary>
                public class StepLR : LRScheduler
                {
                    readonly int step_size;
                    readonly double gamma;

                    public StepLR(Optimizer optimizer, int step_size, double gamma = 0.1, int last_epoch = -1, bool verbose = false)
                        : base(optimizer, last_epoch, verbose)
                    {
                        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(step_size);
                        (this.step_size, this.gamma) = (step_size, gamma);
                        step();
                    }

                    protected override IEnumerable<double> get_lr() =>
                        epoch == 0 || epoch % step_size != 0 ? Current : Current.Select(rate => rate * gamma);

                    protected override IEnumerable<double> get_closed_form_lr() => baseRates.Select(rate => rate * Math.Pow(gamma, epoch / step_size));
                }

                /// <summary>Times factor until step <c>total_iters</c>, then the initial rate.</summary>
                public class ConstantLR : LRScheduler
                {
                    readonly double factor;
                    readonly int total;

                    public ConstantLR(Optimizer optimizer, double factor = 1.0 / 3, int total_iters = 5, int last_epoch = -1, bool verbose = false)
                        : base(optimizer, last_epoch, verbose)
                    {
                        if (!(factor is > 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(factor), $"ConstantLR's factor must be in (0, 1], not {factor}");
                        (this.factor, total) = (factor, total_iters);
                        step();
                    }

                    protected override IEnumerable<double> get_lr() =>
                        epoch == 0 ? Current.Select(rate => rate * factor) : epoch == total ? Current.Select(rate => rate / factor) : Current;

                    protected override IEnumerable<double> get_closed_form_lr() => baseRates.Select(rate => rate * (epoch >= total ? 1 : factor));
                }

                /// <summary>A factor that goes straight from start_factor to end_factor in <c>total_iters</c> steps.</summary>
                public class LinearLR : LRScheduler
                {
                    readonly double start, end;
                    readonly int total;

                    public LinearLR(Optimizer optimizer, double start_factor = 1.0 / 3, double end_factor = 1, int total_iters = 5, int last_epoch = -1, bool verbose = false)
                        : base(optimizer, last_epoch, verbose)
                    {
                        if (!(start_factor is > 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(start_factor), $"LinearLR's start_factor must be in (0, 1], not {start_factor}");
                        if (!(end_factor is >= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(end_factor), $"LinearLR's end_factor must be in [0, 1], not {end_factor}");
                        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(total_iters);
                        (start, end, total) = (start_factor, end_factor, total_iters);
                        step();
                    }

                    double Factor(int t) => start + (end - start) * Math.Min(t, total) / total;

                    protected override IEnumerable<double> get_lr() =>
                        epoch == 0 ? Current.Select(rate => rate * start) : epoch > total ? Current : Current.Select(rate => rate * (Factor(epoch) / Factor(epoch - 1)));

                    protected override IEnumerable<double> get_closed_form_lr() => baseRates.Select(rate => rate * Factor(epoch));
                }

                /// <summary>eta_min + (initial − eta_min)·(1 + cos(πt/T_max))/2 (arXiv 1608.03983, without restarts).</summary>
                public class CosineAnnealingLR : LRScheduler
                {
                    readonly double period, lowest;

                    public CosineAnnealingLR(Optimizer optimizer, double T_max, double eta_min = 0, int last_epoch = -1, bool verbose = false)
                        : base(optimizer, last_epoch, verbose)
                    {
                        if (!(T_max > 0)) throw new ArgumentOutOfRangeException(nameof(T_max), $"CosineAnnealingLR's T_max must be positive, not {T_max}");
                        (period, lowest) = (T_max, eta_min);
                        step();
                    }

                    double Height(int t) => 1 + Math.Cos(Math.PI * t / period);

                    protected override IEnumerable<double> get_lr()
                    {
                        if (epoch == 0) return Current;
                        if ((epoch - 1 - period) % (2 * period) == 0)   // up again from the lowest point, where the ratio below is 0/0
                            return Current.Zip(baseRates, (rate, initial) => rate + (initial - lowest) * (1 - Math.Cos(Math.PI / period)) / 2);
                        return Current.Select(rate => Height(epoch) / Height(epoch - 1) * (rate - lowest) + lowest);
                    }

                    protected override IEnumerable<double> get_closed_form_lr() => baseRates.Select(rate => lowest + (rate - lowest) * Height(epoch) / 2);
                }
            }
        }
    }
}
