// torch.optim.Optimizer: steps over groups of parameters, each with options of its own.
using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        /// <summary>Whose learning rate a scheduler sets.</summary>
        public interface ILearningRateController
        {
            double LearningRate { get; set; }

            /// <summary>Where schedules start from.</summary>
            double InitialLearningRate { get; set; }
        }

        public interface IMomentum
        {
            double Momentum { get; set; }
        }

        public interface IBetas
        {
            (double, double) Betas { get; set; }
        }

        public abstract class Optimizer : IDisposable
        {
            protected IList<ParamGroup> _parameter_groups = [];

            private protected Optimizer() { }

            public virtual IEnumerable<ILearningRateController> ParamGroups => _parameter_groups;

            public virtual IEnumerable<Parameter> parameters() => _parameter_groups.SelectMany(g => g.Parameters);

            public virtual void add_param_group(ParamGroup param_group) => _parameter_groups.Add(param_group);

            /// <summary>Forgets the gradients, so that backward writes instead of adding and nothing is filled with zeros.</summary>
            public virtual void zero_grad()
            {
                foreach (var parameter in parameters())
                    if (parameter.grad is { } gradient)
                        using (gradient) parameter.grad = null;
            }

            /// <summary>One step for every parameter that has a gradient. <paramref name="closure"/> computes loss and gradients first; its loss is returned.</summary>
            public virtual Tensor? step(Func<Tensor>? closure = null) => throw new NotSupportedException($"{GetType().Name} has no step");

            public void Dispose()
            {
                Dispose(true);
                GC.SuppressFinalize(this);
            }

            /// <summary>Frees the optimizer's state; the parameters are the model's.</summary>
            protected virtual void Dispose(bool disposing)
            {
                if (disposing) DisposeState();
            }

            private protected virtual void DisposeState() { }

            /// <summary>Everything that resuming needs: options by group, state by parameter (live objects), and which state belongs to which group.</summary>
            public class StateDictionary
            {
                internal StateDictionary() { }

                public List<OptimizerOptions> Options { get; } = [];

                public List<OptimizerState> State { get; } = [];

                public List<List<int>> StateIndexRef { get; } = [];
            }
        }
    }
}
