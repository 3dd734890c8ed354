// What AdamW remembers of a slice of a parameter, at hand or on pages, and its step. Three kinds: torch's own (FullMoments), float32 moments
// of 16-bit numbers (WideMoments), 8-bit codes (EightBitMoments). MasterMoments are one of them over a float32 copy of 16-bit numbers.
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The moments of elements [start, start + count) of a parameter; all of them if it is not contiguous.</summary>
internal abstract class Moments(Parameter parameter, AdamW.Options options, long start, long count) : IDisposable
{
    private Page[]? pages;

    /// <summary>Steps taken.</summary>
    public virtual long Steps { get; set; }

    /// <summary>What is remembered, in the order of <see cref="Parts"/>; disposed while it is on pages.</summary>
    public abstract Tensor[] State { get; set; }

    /// <summary>What it is made of, under the names that torch and bitsandbytes have for it.</summary>
    public abstract IReadOnlyList<(string Name, long Elements, ScalarType Type)> Parts { get; }

    /// <summary>Of the moments as numbers.</summary>
    public virtual ScalarType Type => ScalarType.Float32;

    public bool Paged => pages is not null;

    public long Start => start;

    public long Count => count;

    protected Parameter Parameter => parameter;

    protected AdamW.Options Options => options;

    /// <summary>One step with the parameter's gradient, which is there.</summary>
    /// <returns>The element from which on a block was left as it was because a moment of it is not finite, or -1. On a GPU
    /// <see cref="EightBitDevice.TakeLeft"/> tells.</returns>
    public long Step()
    {
        long bad = -1;
        AtHand(() => bad = Update(parameter.grad!));
        return bad < 0 ? bad : start + bad;
    }

    /// <summary>Counts the step too.</summary>
    protected abstract long Update(Tensor gradient);

    /// <summary>Writes both moments as numbers, flat.</summary>
    public abstract void Read(Tensor first, Tensor second);

    /// <summary>Takes both moments from numbers, flat.</summary>
    public abstract void Write(Tensor first, Tensor second);

    /// <summary>Moves what is remembered to pages, from which it comes back when it is wanted.</summary>
    public void MoveToPages(Func<Tensor, Page> pageOf)
    {
        pages = [.. State.Select(pageOf)];
        ToPages();
    }

    /// <summary>Does something with what is remembered while it is on the device.</summary>
    public void AtHand(Action use)
    {
        if (pages is null)
        {
            use();
            return;
        }
        State = [.. pages.Select(page => empty(page.Shape, page.Type, page.Device).DetachFromDisposeScope())];
        try
        {
            foreach (var (part, page) in State.Zip(pages)) page.Read(part);
            use();
        }
        catch
        {
            Free();
            throw;
        }
        ToPages();
    }

    /// <summary>Gives the memory of what is remembered back.</summary>
    public virtual void Free()
    {
        foreach (var part in State) part.Dispose();
    }

    private void ToPages()
    {
        foreach (var (part, page) in State.Zip(pages!)) page.Write(part);
        Free();
    }

    public virtual void Dispose()
    {
        Free();
        foreach (var page in pages ?? []) page.Dispose();
    }

    protected static Tensor[] Zeros((string, long Elements, ScalarType Type)[] parts, Device device) =>
        [.. parts.Select(part => zeros(part.Elements, part.Type, device).DetachFromDisposeScope())];

    /// <summary>Calls a step with values and gradient, flat; values are the parameter's own memory, or copied back.</summary>
    protected long OnFlat(Tensor gradient, Func<Tensor, Tensor, long> step)
    {
        Steps++;
        var values = Flat(parameter.detach());
        var bad = step(values, Flat(gradient));
        if (parameter.is_contiguous()) values.narrow(0, 0, 0).zero_();          // tells libtorch that the parameter has changed
        else parameter.copy_(values.view(parameter.shape));
        return bad;
    }

    /// <summary>The slice of a tensor of the parameter's shape, [count]: its own memory if that is contiguous.</summary>
    protected Tensor Flat(Tensor tensor) => tensor.contiguous().view(-1).narrow(0, start, count);
}

/// <summary>torch's own, of a parameter that it steps together with others or of a slice with an AdamW of its own.</summary>
internal sealed class FullMoments : Moments
{
    private readonly AdamW.State state;
    private readonly AdamW? own;
    private readonly Parameter? slice;

    public FullMoments(Parameter parameter, AdamW.Options options, AdamW.State state) : base(parameter, options, 0, parameter.numel()) => this.state = state;

    public FullMoments(Parameter parameter, AdamW.Options options, long start, long count) : base(parameter, options, start, count)
    {
        // Its memory is the parameter's own.
        if (count < parameter.numel()) slice = new Parameter(parameter.detach().view(-1).narrow(0, start, count));
        own = optim.AdamW([new AdamW.ParamGroup([slice ?? parameter], options)]);
        state = (AdamW.State)own.state_dict().State[0];
    }

    public override long Steps { get => state.step; set => state.step = value; }

    public override Tensor[] State
    {
        get => [state.exp_avg!, state.exp_avg_sq!];
        set => (state.exp_avg, state.exp_avg_sq) = (value[0], value[1]);
    }

    public override IReadOnlyList<(string Name, long Elements, ScalarType Type)> Parts => [("exp_avg", Count, Type), ("exp_avg_sq", Count, Type)];

    public override ScalarType Type => Parameter.dtype;

    protected override long Update(Tensor gradient)
    {
        if (slice is not null) slice.grad = gradient.contiguous().view(-1).narrow(0, Start, Count);
        own!.step();
        if (slice is not null) slice.grad = null!;
        return -1;
    }

    public override void Read(Tensor first, Tensor second)
    {
        first.copy_(state.exp_avg!.reshape(-1));
        second.copy_(state.exp_avg_sq!.reshape(-1));
    }

    public override void Write(Tensor first, Tensor second)
    {
        state.exp_avg!.copy_(first.view(state.exp_avg.shape));
        state.exp_avg_sq!.copy_(second.view(state.exp_avg_sq!.shape));
    }

    public override void Dispose()
    {
        base.Dispose();
        own?.Dispose();
        slice?.Dispose();
    }
}

/// <summary>Moments in float32 of 16-bit numbers that are too few for codes.</summary>
internal sealed class WideMoments(Parameter parameter, AdamW.Options options, long start, long count) : Moments(parameter, options, start, count)
{
    private static (string, long, ScalarType)[] PartsOf(long count) => [("exp_avg", count, ScalarType.Float32), ("exp_avg_sq", count, ScalarType.Float32)];

    public override Tensor[] State { get; set; } = Zeros(PartsOf(count), parameter.device);

    public override IReadOnlyList<(string Name, long Elements, ScalarType Type)> Parts => PartsOf(Count);

    protected override long Update(Tensor gradient) => OnFlat(gradient, (values, flat) =>
    {
        var (first, second, rate) = (State[0], State[1], Options.LearningRate!.Value);
        var g = flat.to(ScalarType.Float32);
        first.mul_(Options.beta1!.Value).add_(g, 1 - Options.beta1.Value);                          // m = β₁ m + (1 − β₁) g
        second.mul_(Options.beta2!.Value).addcmul_(g, g, 1 - Options.beta2.Value);                  // v = β₂ v + (1 − β₂) g²
        var divisor = second.sqrt().mul_(1 / Math.Sqrt(1 - Math.Pow(Options.beta2.Value, Steps))).add_(Options.eps!.Value);
        var wide = values.to(ScalarType.Float32).mul_(1 - rate * Options.weight_decay!.Value);
        values.copy_(wide.addcdiv_(first, divisor, -rate / (1 - Math.Pow(Options.beta1.Value, Steps))));
        return -1;
    });

    public override void Read(Tensor first, Tensor second)
    {
        first.copy_(State[0]);
        second.copy_(State[1]);
    }

    public override void Write(Tensor first, Tensor second)
    {
        State[0].copy_(first);
        State[1].copy_(second);
    }
}

/// <summary>What steps of 8-bit moments need on a GPU.</summary>
/// <param name="First">[256] float32: what the first moment's codes stand for.</param>
/// <param name="Second">The second moment's.</param>
/// <param name="Left">[1] int64: of the blocks that a step left as they were the least number of slice · 2⁴⁰ + element; else the largest int64.</param>
internal sealed record EightBitDevice(Tensor First, Tensor Second, Tensor Left) : IDisposable
{
    private const int ElementBits = 40;

    public static EightBitDevice On(Device device) =>
        new(On(tensor(EightBitTable.Dynamic.Values), device), On(tensor(EightBitTable.DynamicUnsigned.Values), device), On(tensor(new[] { long.MaxValue }), device));

    /// <summary>What a slice's elements are counted from in <see cref="Left"/>.</summary>
    public static long Mark(int slice) => (long)slice << ElementBits;

    /// <summary>The first block that was left since the last call, if there is one. Waits for the device: one number for all parameters.</summary>
    public (int Slice, long Element)? TakeLeft()
    {
        var left = Left.item<long>();
        if (left == long.MaxValue) return null;
        Left.fill_(long.MaxValue);
        return ((int)(left >> ElementBits), left & ((1L << ElementBits) - 1));
    }

    public void Dispose()
    {
        foreach (var part in new[] { First, Second, Left }) part.Dispose();
    }

    private static Tensor On(Tensor values, Device device)
    {
        using (values) return values.to(device).DetachFromDisposeScope();
    }
}

/// <summary>Moments as 8-bit codes with a scale for each block of 256, on the CPU by <see cref="AdamW8Kernel"/>, on a GPU by
/// <see cref="CudaSteps.AdamW8"/>.</summary>
internal sealed class EightBitMoments(Parameter parameter, AdamW.Options options, long start, long count, int slice, Func<Device, EightBitDevice> on)
    : Moments(parameter, options, start, count)
{
    private static (string, long, ScalarType)[] PartsOf(long count) => [("state1", count, ScalarType.Byte), ("state2", count, ScalarType.Byte),
        ("absmax1", AdamW8Kernel.Blocks(count), ScalarType.Float32), ("absmax2", AdamW8Kernel.Blocks(count), ScalarType.Float32)];

    public override Tensor[] State { get; set; } = Zeros(PartsOf(count), parameter.device);

    public override IReadOnlyList<(string Name, long Elements, ScalarType Type)> Parts => PartsOf(Count);

    protected override long Update(Tensor gradient) => OnFlat(gradient, (values, flat) =>
    {
        var (first, second) = ((State[0], State[2]), (State[1], State[3]));
        if (!KernelLauncher.Has(values))
            return AdamW8Kernel.Run(values, flat, first, second, new(Steps, Options.LearningRate!.Value, Options.beta1!.Value, Options.beta2!.Value,
                Options.eps!.Value, Options.weight_decay!.Value));
        var (map1, map2, left) = on(values.device);
        CudaSteps.AdamW8(values, flat, first, second, map1, map2, Steps, Options.LearningRate!.Value, Options.beta1!.Value, Options.beta2!.Value,
            Options.eps!.Value, Options.weight_decay!.Value, left, EightBitDevice.Mark(slice));
        return -1;                                                              // the optimizer asks for all slices at once
    });

    // On the CPU whatever the device: this is for the rare moments when something else looks at moments.
    public override void Read(Tensor first, Tensor second)
    {
        var state = State.Select(part => part.cpu()).ToArray();
        foreach (var (table, i, to) in new[] { (EightBitTable.Dynamic, 0, first), (EightBitTable.DynamicUnsigned, 1, second) })
        {
            var numbers = empty(Count, ScalarType.Float32);
            AdamW8Kernel.Decode(table, state[i], state[i + 2], numbers);
            to.copy_(numbers);
        }
    }

    public override void Write(Tensor first, Tensor second)
    {
        var state = State.Select(part => part.cpu()).ToArray();
        foreach (var (table, i, from) in new[] { (EightBitTable.Dynamic, 0, first), (EightBitTable.DynamicUnsigned, 1, second) })
            AdamW8Kernel.Encode(table, from.cpu().contiguous(), state[i], state[i + 2]);
        foreach (var (part, changed) in State.Zip(state)) part.copy_(changed);
    }
}
