// Sequences, identity, and tensors shaped like another one.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>start, start + step, … before stop: int64 where all three are integers, else the default type.</summary>
    public static Tensor arange(Scalar start, Scalar stop, Scalar step, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false) =>
        Finish(Op.ArangeStartStep.Call(start, stop, step,
            dtype ?? (is_integral(start.Type) && is_integral(stop.Type) && is_integral(step.Type) ? ScalarType.Int64 : get_default_dtype()),
            Argument.None, DeviceOr(device), Argument.None), requires_grad);
    public static Tensor arange(Scalar start, Scalar stop, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false) =>
        arange(start, stop, 1, dtype, device, requires_grad);
    public static Tensor arange(Scalar stop, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        arange(0, stop, 1, dtype, device, requires_grad);

    /// <summary>steps values from start to end, both included.</summary>
    public static Tensor linspace(double start, double end, long steps, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false) =>
        Finish(Op.Linspace.Call(start, end, steps, dtype ?? get_default_dtype(), Argument.None, DeviceOr(device), Argument.None),
            requires_grad);

    /// <summary>base to the power of <see cref="linspace"/>.</summary>
    public static Tensor logspace(double start, double end, long steps, double @base = 10, ScalarType? dtype = null,
        Device? device = null, bool requires_grad = false) =>
        Finish(Op.Logspace.Call(start, end, steps, @base, dtype ?? get_default_dtype(), Argument.None, DeviceOr(device),
            Argument.None), requires_grad);

    public static Tensor eye(long rows, long columns = -1, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, string[]? names = null) =>
        Finish(Op.EyeM.Call(rows, columns < 0 ? rows : columns, dtype ?? get_default_dtype(), Argument.None, DeviceOr(device),
            Argument.None), requires_grad, names);

    public static Tensor empty_strided(long[] size, long[] strides, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, string[]? names = null) =>
        Finish(Op.EmptyStrided.Call(size, strides, dtype ?? get_default_dtype(), Argument.None, DeviceOr(device), Argument.None),
            requires_grad, names);

    public partial class Tensor
    {
        public Tensor zeros_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Finish(Op.ZerosLike.Call(this, dtype, Argument.None, device), requires_grad);
        public Tensor ones_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Finish(Op.OnesLike.Call(this, dtype, Argument.None, device), requires_grad);
        public Tensor empty_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Finish(Op.EmptyLike.Call(this, dtype, Argument.None, device), requires_grad);
        public Tensor rand_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Finish(Op.RandLike.Call(this, dtype, Argument.None, device), requires_grad);
        public Tensor randn_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Finish(Op.RandnLike.Call(this, dtype, Argument.None, device), requires_grad);
        public Tensor full_like(Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Finish(Op.FullLike.Call(this, value, dtype, Argument.None, device), requires_grad);
        public Tensor randint_like(long low, long high, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            Finish(Op.RandintLikeLowDtype.Call(this, low, high, dtype, Argument.None, device), requires_grad);

        public Tensor new_empty(ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            torch.empty(size.ToArray(), dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_empty(long size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            torch.empty(new[] { size }, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_empty(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            torch.empty(size, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_empty(long rows, long columns, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            torch.empty(new[] { rows, columns }, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_empty(long dim0, long dim1, long dim2, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            torch.empty(new[] { dim0, dim1, dim2 }, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_empty(long dim0, long dim1, long dim2, long dim3, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            torch.empty(new[] { dim0, dim1, dim2, dim3 }, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_zeros(ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            torch.zeros(size.ToArray(), dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_zeros(long size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            torch.zeros(new[] { size }, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_zeros(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            torch.zeros(size, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_zeros(long rows, long columns, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            torch.zeros(new[] { rows, columns }, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_zeros(long dim0, long dim1, long dim2, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            torch.zeros(new[] { dim0, dim1, dim2 }, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_zeros(long dim0, long dim1, long dim2, long dim3, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            torch.zeros(new[] { dim0, dim1, dim2, dim3 }, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_ones(long size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            torch.ones(new[] { size }, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_ones(long rows, long columns, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            torch.ones(new[] { rows, columns }, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_ones(long dim0, long dim1, long dim2, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            torch.ones(new[] { dim0, dim1, dim2 }, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_ones(long dim0, long dim1, long dim2, long dim3, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            torch.ones(new[] { dim0, dim1, dim2, dim3 }, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_full(ReadOnlySpan<long> size, Scalar value, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            torch.full(size.ToArray(), value, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_full(long size, Scalar value, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            torch.full(new[] { size }, value, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_full(long[] size, Scalar value, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            torch.full(size, value, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_full(long rows, long columns, Scalar value, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            torch.full(new[] { rows, columns }, value, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_full(long dim0, long dim1, long dim2, Scalar value, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            torch.full(new[] { dim0, dim1, dim2 }, value, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_full(long dim0, long dim1, long dim2, long dim3, Scalar value, ScalarType? dtype = null,
            Device? device = null, bool requires_grad = false) =>
            torch.full(new[] { dim0, dim1, dim2, dim3 }, value, dtype ?? this.dtype, device ?? this.device, requires_grad);
    }

    public static Tensor zeros_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
        string[]? names = null) =>
        Finish(input.zeros_like(dtype, device, false), requires_grad, names);
    public static Tensor ones_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
        string[]? names = null) =>
        Finish(input.ones_like(dtype, device, false), requires_grad, names);
    public static Tensor empty_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
        string[]? names = null) =>
        Finish(input.empty_like(dtype, device, false), requires_grad, names);
    public static Tensor full_like(Tensor input, Scalar value, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, string[]? names = null) =>
        Finish(input.full_like(value, dtype, device, false), requires_grad, names);
    public static Tensor rand_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        input.rand_like(dtype, device, requires_grad);
    public static Tensor randn_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        input.randn_like(dtype, device, requires_grad);
    public static Tensor randint_like(Tensor input, long low, long high, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false) =>
        input.randint_like(low, high, dtype, device, requires_grad);

    static partial class Op
    {
        internal static readonly Operator
            ArangeStartStep = new("arange", "start_step"), EmptyLike = new("empty_like"), EmptyStrided = new("empty_strided"),
            EyeM = new("eye", "m"), FullLike = new("full_like"), Linspace = new("linspace"), Logspace = new("logspace"),
            OnesLike = new("ones_like"), RandLike = new("rand_like"), RandintLikeLowDtype = new("randint_like", "low_dtype"),
            RandnLike = new("randn_like"), ZerosLike = new("zeros_like");
    }
}
