// Stochastic gradient descent with momentum, for all parameters of a group in a handful of _foreach_ calls.
using LibTorch;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class optim
        {
            /// <inheritdoc cref="Modules.SGD"/>
            public static SGD SGD(IEnumerable<Parameter> parameters, double learningRate, double momentum = 0, double dampening = 0, double weight_decay = 0,
                bool nesterov = false, bool maximize = false) =>
                new(parameters, learningRate, momentum, dampening, weight_decay, nesterov, maximize);

            /// <inheritdoc cref="Modules.SGD"/>
            public static SGD SGD(IEnumerable<(string name, Parameter parameter)> parameters, double learningRate, double momentum = 0, double dampening = 0,
                double weight_decay = 0, bool nesterov = false, bool maximize = false) =>
                new(parameters.Select(p => p.parameter), learningRate, momentum, dampening, weight_decay, nesterov, maximize);

            /// <inheritdoc cref="Modules.SGD"/>
            public static SGD SGD(IEnumerable<SGD.ParamGroup> parameters, double learningRate, double momentum = 0, double dampening = 0, double weight_decay = 0,
                bool nesterov = false, bool maximize = false) =>
                new(parameters, learningRate, momentum, dampening, weight_decay, nesterov, maximize);
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>
    /// w −= lr·b with b = momentum·b + (1 − dampening)·g (the first b is g itself) and g the gradient plus weight_decay·w;
    /// Nesterov steps by g + momentum·b instead.
    /// </summary>
    public class SGD : OptimizerHelper, optim.IMomentum
    {
        static readonly Operator AddLists = new("_foreach_add", "List"), AddInto = new("_foreach_add_", "List"), Scale = new("_foreach_mul_", "Scalar"),
            Negate = new("_foreach_neg"), Copied = new("clone");

        readonly Options defaults;

        public SGD(IEnumerable<Parameter> parameters, double lr, double momentum = 0, double dampening = 0, double weight_decay = 0, bool nesterov = false, bool maximize = false)
            : this([new ParamGroup(parameters, new Options())], lr, momentum, dampening, weight_decay, nesterov, maximize) { }

        public SGD(IEnumerable<ParamGroup> parameters, double lr, double momentum = 0, double dampening = 0, double weight_decay = 0, bool nesterov = false, bool maximize = false)
        {
            if (!(lr >= 0 && momentum >= 0 && weight_decay >= 0))
                throw new ArgumentException($"SGD: lr {lr}, momentum {momentum} and weight_decay {weight_decay} must not be negative");
            if (nesterov && (momentum == 0 || dampening != 0)) throw new ArgumentException("SGD: Nesterov needs a momentum and no dampening");
            defaults = new() { LearningRate = lr, InitialLearningRate = lr, momentum = momentum, dampening = dampening, weight_decay = weight_decay, nesterov = nesterov, maximize = maximize };
            foreach (var group in parameters) add_param_group(group);
        }

        /// <summary>The first group's; setting sets every group's.</summary>
        public double Momentum
        {
            get => ((ParamGroup)_parameter_groups[0]).Momentum;
            set { foreach (ParamGroup group in _parameter_groups) group.Momentum = value; }
        }

        public override void add_param_group(Modules.ParamGroup param_group)
        {
            var options = OptimizerOptions.OfType<ParamGroup>(param_group).Options;
            options.momentum ??= defaults.momentum;
            options.dampening ??= defaults.dampening;
            options.weight_decay ??= defaults.weight_decay;
            options.nesterov ??= defaults.nesterov;
            options.maximize ??= defaults.maximize;
            Add(param_group, defaults, parameter => new State(parameter));
        }

        public override Tensor? step(Func<Tensor>? closure = null) => _step<ParamGroup>(Step, closure);

        void Step(ParamGroup group)
        {
            using var scope = NewDisposeScope();
            var o = group.Options;
            var (momentum, nesterov) = (o.momentum!.Value, o.nesterov!.Value);
            var stepped = group.Parameters.Select(p => (Parameter: p, Gradient: p.grad)).Where(p => p.Gradient is not null).ToArray();
            if (stepped.Length == 0) return;
            Tensor[] values = [.. stepped.Select(p => p.Parameter)], gradients = [.. stepped.Select(p => p.Gradient!)];
            if (o.maximize!.Value) gradients = Negate.CallList(gradients);
            if (o.weight_decay!.Value != 0) gradients = AddLists.CallList(gradients, values, o.weight_decay!.Value);
            if (momentum != 0)
            {
                State[] states = [.. stepped.Select(p => (State)StateOf(p.Parameter))];
                int[] old = [.. Enumerable.Range(0, states.Length).Where(i => states[i].momentum_buffer is not null)];
                if (old.Length > 0)
                {
                    Tensor[] buffers = [.. old.Select(i => states[i].momentum_buffer!)], added = [.. old.Select(i => gradients[i])];
                    Scale.CallVoid(buffers, momentum);
                    AddInto.CallVoid(buffers, added, 1 - o.dampening!.Value);
                }
                for (var i = 0; i < states.Length; i++) states[i].momentum_buffer ??= Copied.Call(gradients[i]).DetachFromDisposeScope();
                Tensor[] all = [.. states.Select(s => s.momentum_buffer!)];
                gradients = nesterov ? AddLists.CallList(gradients, all, momentum) : all;
            }
            AddInto.CallVoid(values, gradients, -group.LearningRate);
        }

        public class ParamGroup : ParamGroup<Options>, optim.IMomentum
        {
            public ParamGroup() => base.Options = new Options();

            public ParamGroup(IEnumerable<Parameter> parameters, Options options) : base(parameters, options) { }

            public ParamGroup(IEnumerable<Parameter> parameters, double lr = 1e-3, double momentum = 0, double dampening = 0, double weight_decay = 0, bool nesterov = false, bool maximize = false)
                : base(parameters, new Options { LearningRate = lr, InitialLearningRate = lr, momentum = momentum, dampening = dampening, weight_decay = weight_decay, nesterov = nesterov, maximize = maximize }) { }

            public double Momentum
            {
                get => Options.momentum ?? 0;
                set => Options.momentum = value;
            }
        }

        public class Options : OptimizerOptions
        {
            public double? momentum, dampening, weight_decay;
            public bool? nesterov, maximize;

            public override void SaveStateDict(BinaryWriter writer)
            {
                base.SaveStateDict(writer);
                writer.Write(momentum!.Value);
                writer.Write(dampening!.Value);
                writer.Write(weight_decay!.Value);
                writer.Write(nesterov!.Value);
                writer.Write(maximize!.Value);
            }

            public override void LoadStateDict(BinaryReader reader)
            {
                base.LoadStateDict(reader);
                momentum = reader.ReadDouble();
                dampening = reader.ReadDouble();
                weight_decay = reader.ReadDouble();
                nesterov = reader.ReadBoolean();
                maximize = reader.ReadBoolean();
            }

            public override void LoadStateDict(OptimizerOptions source)
            {
                base.LoadStateDict(source);
                var o = OfType<Options>(source);
                (momentum, dampening, weight_decay, nesterov, maximize) = (o.momentum, o.dampening, o.weight_decay, o.nesterov, o.maximize);
            }
        }

        /// <summary>The momentum of one parameter; null before its first step and without momentum.</summary>
        public sealed class State(Parameter parameter) : OptimizerState(parameter), IDisposable
        {
            public Tensor? momentum_buffer;

            public override void Initialize(OptimizerOptions options)
            {
                Dispose();
                momentum_buffer = null;
            }

            public override void SaveStateDict(BinaryWriter writer) => SaveConditionalStateTensor(writer, momentum_buffer);

            public override void LoadStateDict(BinaryReader reader) => LoadConditionalStateTensor(reader, ref momentum_buffer, parameter.device);

            public override void LoadStateDict(OptimizerState source) => Replace(ref momentum_buffer, OptimizerOptions.OfType<State>(source).momentum_buffer);

            public override void to(Device device) => Move(ref momentum_buffer, device);

            public override bool ApproximatelyEquals(OptimizerState other) => other is State o && Equal(momentum_buffer, o.momentum_buffer);

            public void Dispose() => momentum_buffer?.Dispose();
        }
    }
}
