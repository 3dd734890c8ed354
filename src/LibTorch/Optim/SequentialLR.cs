// One schedule after another: warm-up, then decay.
namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        public static partial class lr_scheduler
        {
            /// <inheritdoc cref="impl.SequentialLR"/>
            public static LRScheduler SequentialLR(Optimizer optimizer, IEnumerable<LRScheduler> schedulers, IEnumerable<int> milestones, int last_epoch = -1) =>
                new impl.SequentialLR(optimizer, schedulers, milestones, last_epoch);

            public static partial class impl
            {
                /// <summary>
                /// The first schedule until the first milestone, at which the second one starts from its step 0, and so on. The schedules belong
                /// to the sequence from then on: what their constructors did to the rates is undone.
                /// </summary>
                public class SequentialLR : LRScheduler
                {
                    readonly LRScheduler[] schedules;
                    readonly int[] starts;

                    public SequentialLR(Optimizer optimizer, IEnumerable<LRScheduler> schedulers, IEnumerable<int> milestones, int last_epoch = -1)
                        : base(optimizer, last_epoch)
                    {
                        schedules = [.. schedulers];
                        starts = [0, .. milestones];
                        if (schedules.Length != starts.Length)
                            throw new ArgumentException($"SequentialLR: {schedules.Length} schedules need {schedules.Length - 1} milestones, not {starts.Length - 1}");
                        for (var i = 1; i < starts.Length; i++)
                            if (starts[i] <= starts[i - 1]) throw new ArgumentException("SequentialLR: the milestones must rise from 1 on");
                        foreach (var (group, initial) in optimizer.ParamGroups.Zip(baseRates)) group.LearningRate = initial;
                        step();
                    }

                    protected override IEnumerable<double> get_lr()
                    {
                        var current = starts.Count(start => start <= epoch) - 1;
                        var (schedule, own) = (schedules[current], epoch - starts[current]);
                        if (own > 0 && schedule.epoch == own - 1) schedule.step();
                        else schedule.step(own);
                        return Current;
                    }
                }
            }
        }
    }
}
