// Options, groups and per-parameter state that optimizers share.
using LibTorch;
using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>What a group's step depends on. A null takes the optimizer's default when the group is added.</summary>
public class OptimizerOptions
{
    public double? LearningRate { get; set; }

    public double InitialLearningRate { get; set; }

    public virtual void SaveStateDict(BinaryWriter writer)
    {
        writer.Write(InitialLearningRate);
        writer.Write(LearningRate ?? InitialLearningRate);
    }

    public virtual void LoadStateDict(BinaryReader reader)
    {
        InitialLearningRate = reader.ReadDouble();
        LearningRate = reader.ReadDouble();
    }

    public virtual void LoadStateDict(OptimizerOptions source)
    {
        InitialLearningRate = source.InitialLearningRate;
        LearningRate = source.LearningRate;
    }

    internal static T OfType<T>(object source) where T : class =>
        source as T ?? throw new ArgumentException($"the saved state is {source.GetType().FullName}, not {typeof(T).FullName}");
}

/// <summary>Parameters that are stepped with the same options.</summary>
public class ParamGroup : optim.ILearningRateController
{
    public IEnumerable<Parameter> Parameters { get; set; } = [];

    public OptimizerOptions Options { get; set; } = new();

    public double LearningRate
    {
        get => Options.LearningRate ?? Options.InitialLearningRate;
        set => Options.LearningRate = value;
    }

    public double InitialLearningRate
    {
        get => Options.InitialLearningRate;
        set => Options.InitialLearningRate = value;
    }
}

public class ParamGroup<TOptions> : ParamGroup where TOptions : OptimizerOptions
{
    public ParamGroup() { }

    public ParamGroup(IEnumerable<Parameter> parameters, TOptions? options = null)
    {
        Parameters = parameters;
        if (options is not null) base.Options = options;
    }

    public new TOptions Options
    {
        get => OptimizerOptions.OfType<TOptions>(base.Options);
        set => base.Options = value;
    }
}

/// <summary>What an optimizer remembers of one parameter.</summary>
public abstract class OptimizerState
{
    private protected readonly Parameter parameter;

    protected OptimizerState(Parameter parameter) => this.parameter = parameter;

    public abstract void Initialize(OptimizerOptions options);

    public abstract void SaveStateDict(BinaryWriter writer);

    public abstract void LoadStateDict(BinaryReader reader);

    /// <summary>Copies <paramref name="source"/>'s values.</summary>
    public abstract void LoadStateDict(OptimizerState source);

    public virtual void to(Device device) { }

    /// <summary>The same values to within rounding.</summary>
    public virtual bool ApproximatelyEquals(OptimizerState other) => false;

    protected static void SaveConditionalStateTensor(BinaryWriter writer, Tensor? tensor)
    {
        writer.Write(tensor is not null);
        if (tensor is not null) TensorStream.Write(writer, tensor);
    }

    /// <summary>Replaces <paramref name="result"/> by what was written, or by null.</summary>
    protected static void LoadConditionalStateTensor(BinaryReader reader, ref Tensor? result, Device device)
    {
        Tensor? loaded = null;
        if (reader.ReadBoolean())
        {
            loaded = TensorStream.Read(reader).DetachFromDisposeScope();
            Move(ref loaded, device);
        }
        result?.Dispose();
        result = loaded;
    }

    static readonly Operator Convert = new("to", "device"), Copied = new("clone"), Close = new("allclose");

    private protected static void Move(ref Tensor? tensor, Device device)
    {
        if (tensor is null) return;
        var moved = Convert.Call(tensor, device, tensor.dtype).DetachFromDisposeScope();
        tensor.Dispose();
        tensor = moved;
    }

    /// <summary>A copy of <paramref name="source"/> where this state's parameter is; both may be null.</summary>
    private protected void Replace(ref Tensor? target, Tensor? source)
    {
        if (ReferenceEquals(target, source)) return;
        if (source is not null && !source.shape.AsSpan().SequenceEqual(parameter.shape))
            throw new ArgumentException($"saved optimizer state of shape [{string.Join(", ", source.shape)}] for a parameter [{string.Join(", ", parameter.shape)}]");
        target?.Dispose();
        target = source is null ? null : Copied.Call(source).DetachFromDisposeScope();
        Move(ref target, parameter.device);
    }

    private protected static bool Equal(Tensor? a, Tensor? b) => a is null ? b is null : b is not null && Close.CallBool(a, b, 1e-5, 1e-8);
}
