// Mixed precision (arXiv 1710.03740, section 3.1): a 16-bit parameter is stepped as a float32 copy, its master, and then is that copy, rounded. An
// update below half of the parameter's last place, which in 16 bits would be nothing at every step, adds up in the master.
//
// The parameter is what others see and may change: a restart, a merge, a loaded checkpoint. Before a step each number of the master that no longer
// rounds to the parameter's becomes the parameter's; so a change is never undone, and what nobody touched keeps all of its bits.
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A float32 master of elements [start, start + count) of a 16-bit parameter, and how its moments are kept.</summary>
internal sealed class MasterMoments : Moments
{
    private const string Name = "master";

    private readonly Parameter master;          // [count]
    private readonly Moments moments;           // of the master

    /// <param name="parameter">bfloat16 or float16.</param>
    /// <param name="options">Of its group.</param>
    /// <param name="start">The first element.</param>
    /// <param name="count">Elements.</param>
    /// <param name="of">Makes the moments of the master.</param>
    public MasterMoments(Parameter parameter, AdamW.Options options, long start, long count, Func<Parameter, Moments> of) : base(parameter, options, start, count)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        master = new Parameter(Flat(parameter.detach()).to(ScalarType.Float32).DetachFromDisposeScope());
        moments = of(master);
    }

    public override long Steps { get => moments.Steps; set => moments.Steps = value; }

    public override Tensor[] State
    {
        get => [.. moments.State, master];
        set
        {
            moments.State = value[..^1];
            Hold(value[^1]);
        }
    }

    public override IReadOnlyList<(string Name, long Elements, ScalarType Type)> Parts => [.. moments.Parts, (Name, Count, ScalarType.Float32)];

    public override void Read(Tensor first, Tensor second) => moments.Read(first, second);

    public override void Write(Tensor first, Tensor second) => moments.Write(first, second);

    protected override long Update(Tensor gradient)
    {
        using var scope = NewDisposeScope();                                    // a slice's gradient is gone before the next one's comes
        var values = Flat(Parameter.detach());
        MasterKernel.Follow(master, values);
        master.grad = Flat(gradient).to(ScalarType.Float32);
        var bad = moments.Step();
        master.grad = null!;
        if (Parameter.is_contiguous()) values.copy_(master);                    // rounded to nearest, ties to even
        else Parameter.copy_(master.view(Parameter.shape));
        return bad;
    }

    /// <summary>The master stays what its moments are of, without memory.</summary>
    public override void Free()
    {
        moments.Free();
        Hold(empty([0], ScalarType.Float32, master.device));
    }

    public override void Dispose()
    {
        base.Dispose();
        moments.Dispose();
        master.Dispose();
    }

    /// <summary>Takes a tensor's memory as the master's.</summary>
    private void Hold(Tensor numbers)
    {
        using var guard = no_grad();
        using (numbers) master.set_(numbers);
    }
}
