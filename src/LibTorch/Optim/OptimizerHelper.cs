// The base of the optimizers that are written here: state by parameter, and saving it.
using LibTorch;
using static TorchSharp.torch;

namespace TorchSharp.Modules;

public abstract class OptimizerHelper : optim.Optimizer
{
    readonly Dictionary<Parameter, OptimizerState> states = new(ReferenceEqualityComparer.Instance);

    public OptimizerHelper() { }

    /// <summary>Adds the group and makes its parameters' state. A parameter in two groups is an error.</summary>
    private protected void Add(ParamGroup group, OptimizerOptions defaults, Func<Parameter, OptimizerState> makeState)
    {
        ArgumentNullException.ThrowIfNull(group);
        group.Parameters = [.. group.Parameters];
        group.Options.LearningRate ??= defaults.LearningRate;
        if (group.Options.InitialLearningRate == 0) group.Options.InitialLearningRate = group.Options.LearningRate!.Value;
        foreach (var parameter in group.Parameters)
        {
            var state = makeState(parameter);
            if (!states.TryAdd(parameter, state))
                throw new ArgumentException($"a parameter [{string.Join(", ", parameter.shape)}] is in the optimizer already");
            using (no_grad()) state.Initialize(group.Options);
        }
        _parameter_groups.Add(group);
    }

    private protected OptimizerState StateOf(Parameter parameter) => states[parameter];

    /// <summary>The closure with gradients recorded, then <paramref name="body"/> for each group without.</summary>
    protected Tensor? _step<T>(Action<T> body, Func<Tensor>? loss_closure = null) where T : ParamGroup
    {
        Tensor? loss = null;
        if (loss_closure is not null)
            using (enable_grad()) loss = loss_closure();
        using (no_grad())
            foreach (var group in _parameter_groups) body((T)group);
        return loss;
    }

    public virtual StateDictionary state_dict()
    {
        var dictionary = new StateDictionary();
        foreach (var group in _parameter_groups)
        {
            dictionary.Options.Add(group.Options);
            dictionary.StateIndexRef.Add([]);
            foreach (var parameter in group.Parameters)
            {
                dictionary.StateIndexRef[^1].Add(dictionary.State.Count);
                dictionary.State.Add(states[parameter]);
            }
        }
        return dictionary;
    }

    /// <summary>Copies options and state of an optimizer over as many groups and parameters.</summary>
    public virtual void load_state_dict(StateDictionary state_dict)
    {
        var mine = this.state_dict();
        RequireSame(mine, state_dict.Options.Count, state_dict.State.Count);
        using var guard = no_grad();
        for (var i = 0; i < mine.Options.Count; i++) mine.Options[i].LoadStateDict(state_dict.Options[i]);
        for (var i = 0; i < mine.State.Count; i++) mine.State[i].LoadStateDict(state_dict.State[i]);
    }

    static void RequireSame(StateDictionary mine, long options, long states)
    {
        if (mine.Options.Count != options || mine.State.Count != states)
            throw new ArgumentException($"the saved state is of {options} groups with {states} parameters, this optimizer has {mine.Options.Count} groups with {mine.State.Count}");
    }

    public void save_state_dict(string location)
    {
        using var writer = new BinaryWriter(File.Create(location));
        save_state_dict(writer);
    }

    public void load_state_dict(string location)
    {
        using var reader = new BinaryReader(File.OpenRead(location));
        load_state_dict(reader);
    }

    /// <summary>The optimizer's name, the number of groups and of states, then each group's options and each parameter's state.</summary>
    public void save_state_dict(BinaryWriter writer)
    {
        var mine = state_dict();
        writer.Write(GetType().Name);
        writer.Write7BitEncodedInt64(mine.Options.Count);
        writer.Write7BitEncodedInt64(mine.State.Count);
        foreach (var options in mine.Options) options.SaveStateDict(writer);
        foreach (var state in mine.State) state.SaveStateDict(writer);
    }

    public void load_state_dict(BinaryReader reader)
    {
        var saved = reader.ReadString();
        if (saved != GetType().Name) throw new InvalidDataException($"the saved state is one of {saved}, not of {GetType().Name}");
        var mine = state_dict();
        RequireSame(mine, reader.Read7BitEncodedInt64(), reader.Read7BitEncodedInt64());
        using var guard = no_grad();
        foreach (var options in mine.Options) options.LoadStateDict(reader);
        foreach (var state in mine.State) state.LoadStateDict(reader);
    }

    /// <summary>Moves the state; a model is moved by its own <c>to</c>.</summary>
    public void to(Device device)
    {
        foreach (var state in states.Values) state.to(device);
    }

    private protected override void DisposeState()
    {
        foreach (var state in states.Values) (state as IDisposable)?.Dispose();
        states.Clear();
    }
}
