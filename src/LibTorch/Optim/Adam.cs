// Adam, arXiv 1412.6980. The arithmetic is in AdamStep.cs.
using LibTorch;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class optim
        {
            /// <inheritdoc cref="Modules.Adam"/>
            public static Adam Adam(IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
                double weight_decay = 0, bool amsgrad = false, bool maximize = false) =>
                new(parameters, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize);

            /// <inheritdoc cref="Modules.Adam"/>
            public static Adam Adam(IEnumerable<(string name, Parameter parameter)> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999,
                double eps = 1e-8, double weight_decay = 0, bool amsgrad = false, bool maximize = false) =>
                new(parameters.Select(p => p.parameter), lr, beta1, beta2, eps, weight_decay, amsgrad, maximize);

            /// <inheritdoc cref="Modules.Adam"/>
            public static Adam Adam(IEnumerable<Adam.ParamGroup> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
                double weight_decay = 0, bool amsgrad = false, bool maximize = false) =>
                new(parameters, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize);
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>Adam: decay, where given, is added to the gradient (L2 regularization).</summary>
    public class Adam : OptimizerHelper, optim.IBetas
    {
        readonly Options defaults;

        public Adam(IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
            double weight_decay = 0, bool amsgrad = false, bool maximize = false)
            : this([new ParamGroup(parameters, new Options())], lr, beta1, beta2, eps, weight_decay, amsgrad, maximize) { }

        public Adam(IEnumerable<ParamGroup> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
            double weight_decay = 0, bool amsgrad = false, bool maximize = false)
        {
            if (!(lr >= 0 && eps >= 0 && weight_decay >= 0 && beta1 is >= 0 and < 1 && beta2 is >= 0 and < 1))
                throw new ArgumentException($"Adam: lr {lr}, eps {eps} and weight_decay {weight_decay} must not be negative, betas {beta1} and {beta2} must be in [0, 1)");
            defaults = new() { LearningRate = lr, InitialLearningRate = lr, beta1 = beta1, beta2 = beta2, eps = eps, weight_decay = weight_decay, amsgrad = amsgrad, maximize = maximize };
            foreach (var group in parameters) add_param_group(group);
        }

        /// <summary>The first group's; setting sets every group's.</summary>
        public (double, double) Betas
        {
            get => ((ParamGroup)_parameter_groups[0]).Betas;
            set { foreach (ParamGroup group in _parameter_groups) group.Betas = value; }
        }

        public override void add_param_group(Modules.ParamGroup param_group)
        {
            var options = OptimizerOptions.OfType<ParamGroup>(param_group).Options;
            options.beta1 ??= defaults.beta1;
            options.beta2 ??= defaults.beta2;
            options.eps ??= defaults.eps;
            options.weight_decay ??= defaults.weight_decay;
            options.amsgrad ??= defaults.amsgrad;
            options.maximize ??= defaults.maximize;
            Add(param_group, defaults, parameter => new State(parameter));
        }

        public override Tensor? step(Func<Tensor>? closure = null) => _step<ParamGroup>(group =>
        {
            var o = group.Options;
            AdamStep.Run(group.Parameters, parameter => (State)StateOf(parameter), new AdamSettings(group.LearningRate, o.beta1!.Value, o.beta2!.Value,
                o.eps!.Value, o.weight_decay!.Value, o.amsgrad!.Value, o.maximize!.Value, Decoupled: false));
        }, closure);

        public class ParamGroup : ParamGroup<Options>, optim.IBetas
        {
            public ParamGroup() => base.Options = new Options();

            public ParamGroup(IEnumerable<Parameter> parameters, Options options) : base(parameters, options) { }

            public ParamGroup(IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
                double weight_decay = 0, bool amsgrad = false, bool maximize = false)
                : base(parameters, new Options { LearningRate = lr, InitialLearningRate = lr, beta1 = beta1, beta2 = beta2, eps = eps, weight_decay = weight_decay, amsgrad = amsgrad, maximize = maximize }) { }

            public (double, double) Betas
            {
                get => (Options.beta1 ?? 0.9, Options.beta2 ?? 0.999);
                set => (Options.beta1, Options.beta2) = value;
            }
        }

        public class Options : OptimizerOptions
        {
            public double? beta1, beta2, eps, weight_decay;
            public bool? amsgrad, maximize;

            public override void SaveStateDict(BinaryWriter writer)
            {
                base.SaveStateDict(writer);
                writer.Write(beta1!.Value);
                writer.Write(beta2!.Value);
                writer.Write(eps!.Value);
                writer.Write(weight_decay!.Value);
                writer.Write(amsgrad!.Value);
                writer.Write(maximize!.Value);
            }

            public override void LoadStateDict(BinaryReader reader)
            {
                base.LoadStateDict(reader);
                beta1 = reader.ReadDouble();
                beta2 = reader.ReadDouble();
                eps = reader.ReadDouble();
                weight_decay = reader.ReadDouble();
                amsgrad = reader.ReadBoolean();
                maximize = reader.ReadBoolean();
            }

            public override void LoadStateDict(OptimizerOptions source)
            {
                base.LoadStateDict(source);
                var o = OfType<Options>(source);
                (beta1, beta2, eps, weight_decay, amsgrad, maximize) = (o.beta1, o.beta2, o.eps, o.weight_decay, o.amsgrad, o.maximize);
            }
        }

        /// <summary>The moments of one parameter.</summary>
        public sealed class State(Parameter parameter) : OptimizerState(parameter), IAdamMoments, IDisposable
        {
            public long step;
            public Tensor? exp_avg, exp_avg_sq, max_exp_avg_sq;

            long IAdamMoments.Step { get => step; set => step = value; }
            Tensor IAdamMoments.First => exp_avg!;
            Tensor IAdamMoments.Second => exp_avg_sq!;
            Tensor? IAdamMoments.LargestSecond => max_exp_avg_sq;

            public override void Initialize(OptimizerOptions options)
            {
                Dispose();
                step = 0;
                exp_avg = Allocate.ZerosLike(parameter).DetachFromDisposeScope();
                exp_avg_sq = Allocate.ZerosLike(parameter).DetachFromDisposeScope();
                max_exp_avg_sq = OptimizerOptions.OfType<Options>(options).amsgrad == true ? Allocate.ZerosLike(parameter).DetachFromDisposeScope() : null;
            }

            public override void SaveStateDict(BinaryWriter writer)
            {
                writer.Write(step);
                SaveConditionalStateTensor(writer, exp_avg);
                SaveConditionalStateTensor(writer, exp_avg_sq);
                SaveConditionalStateTensor(writer, max_exp_avg_sq);
            }

            public override void LoadStateDict(BinaryReader reader)
            {
                step = reader.ReadInt64();
                LoadConditionalStateTensor(reader, ref exp_avg, parameter.device);
                LoadConditionalStateTensor(reader, ref exp_avg_sq, parameter.device);
                LoadConditionalStateTensor(reader, ref max_exp_avg_sq, parameter.device);
            }

            public override void LoadStateDict(OptimizerState source)
            {
                var other = OptimizerOptions.OfType<State>(source);
                step = other.step;
                Replace(ref exp_avg, other.exp_avg);
                Replace(ref exp_avg_sq, other.exp_avg_sq);
                Replace(ref max_exp_avg_sq, other.max_exp_avg_sq);
            }

            public override void to(Device device)
            {
                Move(ref exp_avg, device);
                Move(ref exp_avg_sq, device);
                Move(ref max_exp_avg_sq, device);
            }

            public override bool ApproximatelyEquals(OptimizerState other) =>
                other is State o && step == o.step && Equal(exp_avg, o.exp_avg) && Equal(exp_avg_sq, o.exp_avg_sq) && Equal(max_exp_avg_sq, o.max_exp_avg_sq);

            public void Dispose()
            {
                exp_avg?.Dispose();
                exp_avg_sq?.Dispose();
                max_exp_avg_sq?.Dispose();
            }
        }
    }
}
