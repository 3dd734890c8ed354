// AdamW over moments that are kept as a TrainingOptimizer says. Parameters whose moments are torch's own and stay on the device are stepped
// together by torch's AdamW; all others slice by slice, in the order in which their moments lie on pages.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>AdamW, made by <see cref="TrainingOptimizer.Over"/>. Belongs to whoever made it; the parameters do not belong to it.</summary>
public sealed partial class MomentOptimizer : IDisposable
{
    private readonly List<(string Name, Parameter Parameter)> named = [];
    private readonly Dictionary<object, List<Moments>> slicesOf = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<object> steppedTogether = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Parameter> mastered = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, EightBitDevice> devices = [];
    private readonly List<(string Name, long Start)> coded = [];      // slices whose moments are codes
    private readonly AdamW? together;
    private PageFile? file;

    internal MomentOptimizer(TrainingOptimizer how, IReadOnlyList<AdamW.ParamGroup> groups, IEnumerable<(string Name, Parameter Parameter)> names)
    {
        how.Validate();
        var nameOf = new Dictionary<object, string>(ReferenceEqualityComparer.Instance);
        foreach (var (name, parameter) in names) nameOf.TryAdd(parameter, name);
        var options = new List<AdamW.Options>();
        foreach (var group in groups)
        {
            group.Parameters = [.. group.Parameters];
            Complete(group.Options);
            foreach (var parameter in group.Parameters)
            {
                named.Add((nameOf.TryGetValue(parameter, out var name) ? name
                    : throw new ArgumentException($"a parameter [{string.Join(", ", parameter.shape)}] has no name; give those of model.named_parameters()"), parameter));
                options.Add(group.Options);
                if (!slicesOf.TryAdd(parameter, [])) throw new ArgumentException($"{named[^1].Name} is there twice");
            }
        }
        var layout = MomentLayout.Of(how, [.. named.Select(n => (n.Parameter.numel(), n.Parameter.dtype, n.Parameter.is_contiguous()))]);
        (DeviceBytes, PagedBytes) = (layout.Where(s => !s.Paged).Sum(s => s.Bytes), layout.Where(s => s.Paged).Sum(s => s.Bytes));
        foreach (var slice in layout)
            if (slice is { Kind: MomentKind.Full, HasMaster: false, Paged: false } && slice.Count == named[slice.Parameter].Parameter.numel())
                steppedTogether.Add(named[slice.Parameter].Parameter);
        try
        {
            if (steppedTogether.Count > 0)
            {
                together = optim.AdamW([.. groups.Select(group => new AdamW.ParamGroup([.. group.Parameters.Where(steppedTogether.Contains)], group.Options))
                    .Where(group => group.Parameters.Any())]);
                var states = new Queue<OptimizerState>(together.state_dict().State);
                for (var i = 0; i < named.Count; i++)
                    if (steppedTogether.Contains(named[i].Parameter))
                        slicesOf[named[i].Parameter].Add(new FullMoments(named[i].Parameter, options[i], (AdamW.State)states.Dequeue()));
            }
            foreach (var slice in layout)
                if (!steppedTogether.Contains(named[slice.Parameter].Parameter)) Add(slice, named[slice.Parameter], options[slice.Parameter]);
        }
        catch
        {
            Dispose();
            throw;
        }

        void Add(MomentSlice slice, (string Name, Parameter Parameter) of, AdamW.Options options)
        {
            var parameter = of.Parameter;
            if (options.amsgrad == true || options.maximize == true)
                throw new ArgumentException("AMSGrad and maximizing are for FullAdamW without pages and masters; leave them or the choice of an optimizer out");
            Moments Of(Parameter stepped, long start) => slice.Kind switch
            {
                MomentKind.Full => new FullMoments(stepped, options, start, slice.Count),
                MomentKind.Wide => new WideMoments(stepped, options, start, slice.Count),
                _ => new EightBitMoments(stepped, options, start, slice.Count, coded.Count, On),
            };
            var moments = slice.HasMaster ? new MasterMoments(parameter, options, slice.Start, slice.Count, master => Of(master, 0)) : Of(parameter, slice.Start);
            if (slice.Kind == MomentKind.EightBit) coded.Add((of.Name, slice.Start));
            slicesOf[parameter].Add(moments);
            if (slice.HasMaster) mastered.Add(parameter);
            if (slice.Paged)
                moments.MoveToPages(part => part.device_type == DeviceType.CPU ? new FilePage(file ??= new(how.PageFolder), part) : new HostPage(part));
        }
    }

    /// <summary>Bytes of moments and masters that lie on the parameters' device between two steps.</summary>
    public long DeviceBytes { get; }

    /// <summary>Bytes of moments and masters that lie on pages.</summary>
    public long PagedBytes { get; }

    /// <summary>Forgets the gradients.</summary>
    public void ZeroGradients()
    {
        foreach (var (_, parameter) in named)
            if (parameter.grad is { } gradient)
                using (gradient) parameter.grad = null!;
    }

    /// <summary>Turns the 16-bit gradients of parameters that have masters into float32 ones. The next backward then adds to them in float32, where a sum
    /// in 16 bits would lose of each batch what is below its last place.</summary>
    public void WidenGradients()
    {
        using var guard = no_grad();
        foreach (var parameter in mastered)
            if (parameter.grad is { } gradient && Precision.Wide(gradient.dtype) != gradient.dtype)
                using (gradient)
                using (var wide = Precision.Widen(gradient)) parameter.grad = wide;
    }

    /// <summary>A step for every parameter that has a gradient.</summary>
    /// <exception cref="MomentsNotFiniteException">Where moments are codes: a block of 256 got a moment that is not finite. It was
    /// left as it was, moments and parameter; everything else has taken the step.</exception>
    public void Step()
    {
        using var guard = no_grad();
        together?.step();
        (string Name, long Element)? bad = null;
        foreach (var (name, parameter) in named)
        {
            if (steppedTogether.Contains(parameter)) continue;
            using var scope = NewDisposeScope();
            if (parameter.grad is null) continue;
            foreach (var slice in slicesOf[parameter])
                if (slice.Step() is >= 0 and var element) bad ??= (name, element);
        }
        foreach (var device in devices.Values)
            if (device.TakeLeft() is var (slice, element)) bad ??= (coded[slice].Name, coded[slice].Start + element);
        if (bad is var (which, where)) throw new MomentsNotFiniteException(which, where);
    }

    /// <summary>Lets something change a parameter's moments: numbers of the parameter's shape, in its type or float32. What was not changed
    /// stays bit for bit. Where moments are codes or on pages these are copies, of all the parameter's at once.</summary>
    /// <returns>Whether the parameter is one of this optimizer's.</returns>
    public bool ChangeMoments(Parameter parameter, Action<Tensor, Tensor> change)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        if (!slicesOf.TryGetValue(parameter, out var slices)) return false;
        if (slices is [FullMoments { Paged: false } one])
        {
            change(one.State[0], one.State[1]);
            return true;
        }
        var (first, second) = (empty(parameter.shape, slices[0].Type, parameter.device), empty(parameter.shape, slices[0].Type, parameter.device));
        var (flat1, flat2) = (first.view(-1), second.view(-1));
        foreach (var slice in slices)
            slice.AtHand(() => slice.Read(flat1.narrow(0, slice.Start, slice.Count), flat2.narrow(0, slice.Start, slice.Count)));
        change(first, second);
        foreach (var slice in slices)
            slice.AtHand(() => slice.Write(flat1.narrow(0, slice.Start, slice.Count), flat2.narrow(0, slice.Start, slice.Count)));
        return true;
    }

    /// <summary>Copies of all that is remembered, on the CPU, for <see cref="Restore(IReadOnlyDictionary{string, Tensor})"/>: "NAME.step" and, as torch and bitsandbytes call them,
    /// "NAME.exp_avg" and "NAME.exp_avg_sq" or "NAME.state1", "NAME.state2", "NAME.absmax1", "NAME.absmax2"; and "NAME.master". Pages make no difference. The
    /// tensors belong to the caller.</summary>
    public Dictionary<string, Tensor> Capture()
    {
        var all = new Dictionary<string, Tensor>();
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (name, parameter) in named)
        {
            var slices = slicesOf[parameter];
            var parts = slices[0].Parts.Select(part => (part.Name, Pieces: new List<Tensor>())).ToList();
            foreach (var slice in slices)
                slice.AtHand(() =>
                {
                    foreach (var ((_, pieces), state) in parts.Zip(slice.State)) pieces.Add(state.cpu().reshape(-1).clone());
                });
            all.Add($"{name}.step", tensor(slices[0].Steps, ScalarType.Int64));
            foreach (var ((key, shape, _), (_, pieces)) in Whole(parameter).Zip(parts)) all.Add($"{name}.{key}", cat(pieces).view(shape));
        }
        foreach (var value in all.Values) value.DetachFromDisposeScope();
        return all;
    }

    /// <summary>Takes what <see cref="Capture"/> gave of an optimizer over the same parameters that keeps moments in the same way, on pages or
    /// not.</summary>
    /// <exception cref="ArgumentException">A part is missing or of another shape or type; says which. Nothing is changed.</exception>
    public void Restore(IReadOnlyDictionary<string, Tensor> captured) =>
        Restore(key => captured.TryGetValue(key, out var found) ? (found.shape, found.dtype) : null, key => captured[key]);

    /// <summary>Frees the moments and the pages.</summary>
    public void Dispose()
    {
        together?.Dispose();
        foreach (var moments in slicesOf.Values.SelectMany(slices => slices)) moments.Dispose();
        foreach (var device in devices.Values) device.Dispose();
        file?.Dispose();
    }

    /// <summary>The parts of what is remembered of a whole parameter: in its shape, scales flat.</summary>
    private IEnumerable<(string Name, long[] Shape, ScalarType Type)> Whole(Parameter parameter)
    {
        var slices = slicesOf[parameter];
        for (var i = 0; i < slices[0].Parts.Count; i++)
        {
            var (name, _, type) = slices[0].Parts[i];
            var elements = slices.Sum(slice => slice.Parts[i].Elements);
            yield return (name, elements == parameter.numel() ? parameter.shape : [elements], type);
        }
    }

    private EightBitDevice On(Device device) =>
        devices.TryGetValue(device.ToString(), out var found) ? found : devices[device.ToString()] = EightBitDevice.On(device);

    /// <summary>torch's defaults for what a group leaves open.</summary>
    private static void Complete(AdamW.Options options)
    {
        options.LearningRate ??= 1e-3;
        options.beta1 ??= 0.9;
        options.beta2 ??= 0.999;
        options.eps ??= 1e-8;
        options.weight_decay ??= 0;
        options.amsgrad ??= false;
        options.maximize ??= false;
    }
}

/// <summary>A moment of 8-bit AdamW was not finite: a gradient was not, or its square was too large for float32.</summary>
public sealed class MomentsNotFiniteException : ArithmeticException
{
    internal MomentsNotFiniteException(string parameter, long element)
        : base($"the moments of {parameter} are not finite from its element {element} on (a gradient that is not finite, or above 1e19). That block of 256 was left as it was; "
            + "everything else has taken the step.") => Parameter = parameter;

    /// <summary>The first parameter with such a block.</summary>
    public string Parameter { get; }
}
