// One place in an indexer: a number, a range, "…", a new axis, a bool or a tensor of indices.
namespace TorchSharp;

public static partial class torch
{
    /// <summary>An index of <c>tensor[…]</c>; made by conversion from a number, a <see cref="Range"/> or a tensor.</summary>
    public struct TensorIndex
    {
        internal enum Kind { None, Single, Ellipsis, Bool, Tensor, Slice }

        internal Kind kind;
        internal long? start, stop, step;   // start is also the single index and the bool
        internal Tensor? tensor;

        /// <summary>As many full ranges as are missing.</summary>
        public static TensorIndex Ellipsis = new() { kind = Kind.Ellipsis };

        /// <summary>A new axis of size 1.</summary>
        public static TensorIndex None = new() { kind = Kind.None };

        /// <inheritdoc cref="None"/>
        public static TensorIndex Null = None;

        /// <summary>The whole dimension.</summary>
        public static TensorIndex Colon = Slice();

        public static TensorIndex Slice(long? start = null, long? stop = null, long? step = null) =>
            new() { kind = Kind.Slice, start = start, stop = stop, step = step };

        public static TensorIndex Slice((int? start, int? end) range) => Slice((long?)range.start, range.end);

        /// <summary>^n counts from the end, as a negative index does; ^0 is the end.</summary>
        public static TensorIndex Slice(Range range) => Slice(
            range.Start.IsFromEnd ? range.Start.Value == 0 ? long.MaxValue : -range.Start.Value : range.Start.Value,
            range.End.IsFromEnd ? range.End.Value == 0 ? null : -range.End.Value : range.End.Value);

        public static TensorIndex Bool(bool value) => new() { kind = Kind.Bool, start = value ? 1 : 0 };

        public static TensorIndex Single(long? index) => new() { kind = Kind.Single, start = index };

        public static TensorIndex Tensor(Tensor tensor) => new() { kind = Kind.Tensor, tensor = tensor };

        public static implicit operator TensorIndex(long value) => Single(value);
        public static implicit operator TensorIndex(Index index) => Single(index.IsFromEnd ? -index.Value : index.Value);
        public static implicit operator TensorIndex(Range range) => Slice(range);
        public static implicit operator TensorIndex((int? start, int? end) range) => Slice(range);

        public static implicit operator Tensor(TensorIndex value) => value.kind switch
        {
            Kind.Single => torch.tensor(value.start ?? throw new ArgumentException("an index without a value is no tensor")),
            Kind.Tensor => value.tensor!,
            _ => throw new ArgumentException($"an index of kind {value.kind} is no tensor"),
        };
    }
}
