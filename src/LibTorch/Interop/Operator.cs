// Calls any operator of libtorch by name through the boxed dispatcher (native/dispatch.cpp).
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using static TorchSharp.torch;

namespace LibTorch;

/// <summary>
/// An operator of libtorch: <c>new Operator("add", "Tensor")</c> is <c>aten::add.Tensor</c>. Arguments are positional in the schema's
/// order; those left out take the schema's defaults. A wrong call throws <see cref="ExternalException"/> with libtorch's first line.
/// </summary>
public sealed unsafe class Operator(string name, string overload = "")
{
    nint handle;

    /// <summary>Is this operator part of the libtorch that was found?</summary>
    public bool Exists
    {
        get
        {
            try { return Resolve() != 0; }
            catch (ExternalException) { return false; }
        }
    }

    public override string ToString() => overload.Length == 0 ? name : $"{name}.{overload}";

    /// <summary>The one tensor that the operator returns. In-place operators return a new object on the same storage.</summary>
    public Tensor Call(params ReadOnlySpan<Argument> arguments)
    {
        var results = Invoke(arguments);
        if (results.Length == 1 && results[0].Tag == ArgumentTag.Tensor) return Tensor.Own(results[0].Tensor);
        throw Unexpected(results, "one tensor");
    }

    /// <summary>Two tensors.</summary>
    public (Tensor, Tensor) CallPair(params ReadOnlySpan<Argument> arguments)
    {
        var list = CallList(arguments);
        return list.Length == 2 ? (list[0], list[1]) : throw new InvalidOperationException($"{this} returned {list.Length} tensors, not 2");
    }

    /// <summary>Three tensors.</summary>
    public (Tensor, Tensor, Tensor) CallTriple(params ReadOnlySpan<Argument> arguments)
    {
        var list = CallList(arguments);
        return list.Length == 3 ? (list[0], list[1], list[2]) : throw new InvalidOperationException($"{this} returned {list.Length} tensors, not 3");
    }

    /// <summary>All tensors of a tuple or a list; an undefined one (an output that was not asked for) is null.</summary>
    public Tensor[] CallList(params ReadOnlySpan<Argument> arguments)
    {
        var results = Invoke(arguments);
        var list = new Tensor[results.Length];
        for (var i = 0; i < list.Length; i++)
        {
            if (results[i].Tag != ArgumentTag.Tensor) throw Unexpected(results, "tensors");
            list[i] = results[i].Tensor == 0 ? null! : Tensor.Own(results[i].Tensor);
        }
        return list;
    }

    /// <summary>For an operator that returns nothing, or whose tensors are of no interest.</summary>
    public void CallVoid(params ReadOnlySpan<Argument> arguments) => Release(Invoke(arguments));

    public long CallLong(params ReadOnlySpan<Argument> arguments) => Single(Invoke(arguments), ArgumentTag.Int, "an int").Integer;

    public double CallDouble(params ReadOnlySpan<Argument> arguments) => Single(Invoke(arguments), ArgumentTag.Double, "a float").Real;

    public bool CallBool(params ReadOnlySpan<Argument> arguments) => Single(Invoke(arguments), ArgumentTag.Bool, "a bool").Integer != 0;

    NativeResult Single(ReadOnlySpan<NativeResult> results, ArgumentTag tag, string wanted) =>
        results.Length == 1 && results[0].Tag == tag ? results[0] : throw Unexpected(results, wanted);

    InvalidOperationException Unexpected(ReadOnlySpan<NativeResult> results, string wanted)
    {
        var given = string.Join(", ", results.ToArray().Select(r => r.Tag));
        Release(results);
        return new InvalidOperationException($"{this} returned ({given}), not {wanted}");
    }

    static void Release(ReadOnlySpan<NativeResult> results)
    {
        foreach (var result in results)
            if (result.Tag == ArgumentTag.Tensor && result.Tensor != 0) Native.wt_tensor_release(result.Tensor);
    }

    nint Resolve()
    {
        if (handle != 0) return handle;
        var qualified = name.Contains("::") ? name : "aten::" + name;
        fixed (byte* n = Encoding.UTF8.GetBytes(qualified + "\0"), o = Encoding.UTF8.GetBytes(overload + "\0"))
        {
            nint found;
            Native.Check(Native.wt_operator(n, o, &found));
            return handle = found;
        }
    }

    /// <summary>Results live in the calling thread's buffer on the C++ side until its next call.</summary>
    [SkipLocalsInit]
    ReadOnlySpan<NativeResult> Invoke(ReadOnlySpan<Argument> arguments)
    {
        var op = Resolve();
        Memory.CollectIfPiledUp();

        var bytes = 0;
        foreach (ref readonly var argument in arguments)
            if (argument.Reference is not null) bytes += (argument.ScratchBytes + 7) & ~7;
        const int OnStack = 512;
        var onStack = stackalloc byte[OnStack];
        var scratch = bytes <= OnStack ? onStack : (byte*)NativeMemory.Alloc((nuint)bytes);
        var natives = stackalloc NativeArgument[arguments.Length];

        var held = 0;
        try
        {
            var free = scratch;
            for (; held < arguments.Length; held++) Marshal(arguments[held], natives + held, ref free);
            NativeResult* results;
            int count;
            Native.Check(Native.wt_call(op, natives, arguments.Length, &results, &count));
            return new ReadOnlySpan<NativeResult>(results, count);
        }
        finally
        {
            for (var i = 0; i < held; i++) Unhold(arguments[i]);
            if (scratch != onStack) NativeMemory.Free(scratch);
        }
    }

    static void Marshal(in Argument argument, NativeArgument* native, ref byte* free)
    {
        native->Tag = argument.Tag;
        native->Integer = argument.Integer;
        native->Real = argument.Real;
        if (argument.Reference is null) return;
        native->Pointer = (nint)free;
        switch (argument.Tag)
        {
            case ArgumentTag.Tensor:
                native->Pointer = ((Tensor)argument.Reference).handle.Acquire();
                return;
            case ArgumentTag.Generator:
                native->Pointer = ((Generator)argument.Reference).Handle;
                return;
            case ArgumentTag.String:
                var text = (string)argument.Reference;
                native->Count = Encoding.UTF8.GetBytes(text, new Span<byte>(free, Encoding.UTF8.GetMaxByteCount(text.Length)));
                break;
            case ArgumentTag.Ints:
                var ints = (long[])argument.Reference;
                native->Count = ints.Length;
                ints.CopyTo(new Span<long>(free, ints.Length));
                break;
            case ArgumentTag.Doubles:
                var reals = (double[])argument.Reference;
                native->Count = reals.Length;
                reals.CopyTo(new Span<double>(free, reals.Length));
                break;
            case ArgumentTag.Bools:
                var bools = (bool[])argument.Reference;
                native->Count = bools.Length;
                bools.CopyTo(new Span<bool>(free, bools.Length));
                break;
            default:
                var tensors = (IReadOnlyList<Tensor?>)argument.Reference;
                native->Count = tensors.Count;
                var i = 0;
                try
                {
                    for (; i < tensors.Count; i++) ((nint*)free)[i] = tensors[i] is { } tensor ? tensor.handle.Acquire() : 0;
                }
                catch
                {
                    while (i-- > 0) tensors[i]?.handle.DangerousRelease();
                    throw;
                }
                break;
        }
        free += (argument.ScratchBytes + 7) & ~7;
    }

    static void Unhold(in Argument argument)
    {
        if (argument.Tag == ArgumentTag.Tensor) ((Tensor)argument.Reference!).handle.DangerousRelease();
        else if (argument.Tag is ArgumentTag.Tensors or ArgumentTag.OptionalTensors)
            foreach (var tensor in (IReadOnlyList<Tensor?>)argument.Reference!) tensor?.handle.DangerousRelease();
        else GC.KeepAlive(argument.Reference);
    }
}
