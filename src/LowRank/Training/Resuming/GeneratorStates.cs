// The states of torch's own generators, from which dropout and everything else without a generator of its own draws: the CPU's and, for a model on
// a GPU, that GPU's. TorchSharp shows the CPU's alone.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Where torch's generators were at one moment, as bytes: nobody has to dispose them.</summary>
internal sealed class GeneratorStates
{
    private const string Cpu = "cpu";

    private readonly Dictionary<string, byte[]> states = [];

    private GeneratorStates() { }

    /// <summary>Now, for what draws on the CPU and on a device.</summary>
    public static GeneratorStates Kept(Device device)
    {
        using var scope = NewDisposeScope();
        var kept = new GeneratorStates();
        foreach (var (name, state) in Capture(device)) kept.states[name] = state.bytes.ToArray();
        return kept;
    }

    /// <summary>The generators go back to where they were.</summary>
    public void PutBack()
    {
        using var scope = NewDisposeScope();
        Restore(states.ToDictionary(state => state.Key, state => tensor(state.Value)));
    }

    /// <summary>Copies, a byte tensor for each device; they belong to the caller.</summary>
    public static Dictionary<string, Tensor> Capture(Device device)
    {
        var all = new Dictionary<string, Tensor> { [Cpu] = get_rng_state() };
#if LIBTORCH
        if (device.type == DeviceType.CUDA)
            using (var generator = LibTorch.DeviceGenerator.Of(device)) all[device.ToString()] = generator.get_state();
#endif
        return all;
    }

    /// <summary>Takes what <see cref="Capture"/> gave.</summary>
    public static void Restore(IReadOnlyDictionary<string, Tensor> states)
    {
        foreach (var (name, state) in states)
            if (name == Cpu) set_rng_state(state);
#if LIBTORCH
            else
                using (var generator = LibTorch.DeviceGenerator.Of(new Device(name))) generator.set_state(state);
#endif
    }

    /// <summary>Throws where a module draws from a generator whose state can't be kept.</summary>
    public static void RequireAll(nn.Module module, Device device)
    {
#if !LIBTORCH
        if (device.type == DeviceType.CUDA && module.modules().Any(one => one is LinearAdapter { DropsNow: true }))
            throw new NotSupportedException("TorchSharp does not show a GPU's generator, so a layer with dropout can't be " +
                "computed again there; set the adapter's dropout to 0 or gradient checkpointing off");
#endif
    }
}
