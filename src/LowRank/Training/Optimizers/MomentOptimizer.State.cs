// What is remembered, into a file and out of one: a part of one parameter is in memory at a time, so moments on pages stay there.
using System.Buffers.Binary;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

public sealed partial class MomentOptimizer
{
    /// <summary>What <see cref="Capture"/> gives, to be written to a file.</summary>
    internal IEnumerable<SafeTensorsEntry> Entries(string prefix)
    {
        foreach (var (name, parameter) in named)
        {
            var slices = slicesOf[parameter];
            yield return new($"{prefix}{name}.step", SafeTensorsType.I64, [], stream =>
            {
                Span<byte> steps = stackalloc byte[sizeof(long)];
                BinaryPrimitives.WriteInt64LittleEndian(steps, slices[0].Steps);
                stream.Write(steps);
            });
            foreach (var (part, (key, shape, type)) in Whole(parameter).Index())
                yield return new($"{prefix}{name}.{key}", SafeTensors.TypeOf("the optimizer", name, type), shape, stream =>
                {
                    foreach (var slice in slices)
                        slice.AtHand(() =>
                        {
                            using var scope = NewDisposeScope();
                            SafeTensors.ForEachPart(slice.State[part].detach().cpu().contiguous(), (some, _) => stream.Write(some.bytes));
                        });
                });
        }
    }

    /// <summary>Takes what <see cref="Entries"/> wrote.</summary>
    /// <exception cref="InvalidDataException">A part is missing or of another shape or type; says which. Nothing is changed.</exception>
    internal void Restore(string prefix, SafeTensorsFile file)
    {
        try
        {
            Restore(key => file.Contains(prefix + key) && file.Info(prefix + key) is var info && SafeTensors.ScalarTypeOf(info.Type) is { } type
                ? ([.. info.Shape], type) : null, key => file.Read(prefix + key));
        }
        catch (ArgumentException e) { throw new InvalidDataException($"{file.Path}: {e.Message}", e); }
    }

    private void Restore(Func<string, (long[] Shape, ScalarType Type)?> find, Func<string, Tensor> read)
    {
        using var guard = no_grad();
        foreach (var (name, parameter) in named)
        {
            Expect($"{name}.step", [], ScalarType.Int64);
            foreach (var (key, shape, type) in Whole(parameter)) Expect($"{name}.{key}", shape, type);
        }
        foreach (var (name, parameter) in named)
        {
            using var scope = NewDisposeScope();
            var steps = read($"{name}.step").item<long>();
            var parts = Whole(parameter).Select(part => read($"{name}.{part.Name}").reshape(-1)).ToList();
            var done = new long[parts.Count];
            foreach (var slice in slicesOf[parameter])
                slice.AtHand(() =>
                {
                    slice.Steps = steps;
                    foreach (var (i, (state, (_, elements, _))) in slice.State.Zip(slice.Parts).Index())
                    {
                        state.copy_(parts[i].narrow(0, done[i], elements).view(state.shape));
                        done[i] += elements;
                    }
                });
        }

        void Expect(string key, long[] shape, ScalarType type)
        {
            if (find(key) is not { } found)
                throw new ArgumentException($"what was captured has no {key}; it is of other parameters, or of an optimizer that keeps moments in another way");
            if (found.Type != type || !found.Shape.SequenceEqual(shape))
                throw new ArgumentException($"{key} is [{string.Join(", ", found.Shape)}] {found.Type}; [{string.Join(", ", shape)}] {type} is wanted");
        }
    }
}
