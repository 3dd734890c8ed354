// The base of learning-rate schedules. A schedule counts its steps from 0 (taken by its constructor) and sets each group's rate, which by
// default it derives from the current one, so that several schedules on one optimizer multiply.
namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        public static partial class lr_scheduler
        {
            public abstract class LRScheduler
            {
                protected int _step_count;
                private protected readonly Optimizer optimizer;
                private protected readonly double[] baseRates;
                internal int epoch;
                readonly double[] lastRates;
                readonly bool verbose;

                /// <summary><paramref name="last_epoch"/> −1 starts the schedule; a greater one resumes it after that step.</summary>
                protected LRScheduler(Optimizer optimizer, int last_epoch = -1, bool verbose = false)
                {
                    ArgumentNullException.ThrowIfNull(optimizer);
                    this.optimizer = optimizer;
                    this.verbose = verbose;
                    epoch = last_epoch;
                    baseRates = [.. optimizer.ParamGroups.Select(g => g.InitialLearningRate)];
                    lastRates = [.. optimizer.ParamGroups.Select(g => g.LearningRate)];
                }

                private protected IEnumerable<double> Current => optimizer.ParamGroups.Select(g => g.LearningRate);

                /// <summary>The rates of the step that <see cref="epoch"/> counts, from the current ones.</summary>
                protected virtual IEnumerable<double> get_lr() => Current;

                /// <summary>The same from the initial rates alone, for a jump.</summary>
                protected virtual IEnumerable<double> get_closed_form_lr() => get_lr();

                /// <summary>The rates set last, one a group.</summary>
                public IEnumerable<double> get_last_lr() => lastRates;

                /// <summary>The next step's rates; call it after the optimizer's step.</summary>
                public virtual void step() => step(null);

                /// <summary>Jumps to step <paramref name="epoch"/>, or goes on by one.</summary>
                public virtual void step(int? epoch)
                {
                    _step_count++;
                    this.epoch = epoch ?? this.epoch + 1;
                    double[] rates = [.. epoch is null ? get_lr() : get_closed_form_lr()];
                    optim.ILearningRateController[] groups = [.. optimizer.ParamGroups];
                    if (groups.Length != baseRates.Length)
                        throw new InvalidOperationException($"the optimizer has {groups.Length} groups now, the schedule was made for {baseRates.Length}");
                    for (var i = 0; i < groups.Length; i++)
                    {
                        groups[i].LearningRate = rates[i];
                        if (verbose && rates[i] != lastRates[i]) Console.WriteLine($"learning rate of group {i}: {rates[i]}");
                        lastRates[i] = rates[i];
                    }
                }

                /// <summary>For schedules that watch a measured value; the others ignore it.</summary>
                public virtual void step(double current, int? epoch = null) => step(epoch);
            }
        }
    }
}
