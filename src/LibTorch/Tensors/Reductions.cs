// Sums, means, extrema and running sums. A reduction over integers follows PyTorch: sum and prod give int64, mean is an error.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>The sum of all elements; over dimension 0 it is <c>sum(0L)</c>, because C# takes a plain 0 for an enumeration's value.</summary>
        public Tensor sum(ScalarType? type = null) => Op.Sum.Call(this, NoDimension(type, "sum"));
        public Tensor sum(long[] dim, bool keepdim = false, ScalarType? type = null) =>
            Op.SumDimIntList.Call(this, dim, keepdim, type);
        public Tensor sum(ReadOnlySpan<long> dim, bool keepdim = false, ScalarType? type = null) =>
            sum(dim.ToArray(), keepdim, type);
        public Tensor sum(long dim, bool keepdim = false, ScalarType? type = null) => sum(new[] { dim }, keepdim, type);
        public Tensor sum(long dim0, long dim1, bool keepdim = false, ScalarType? type = null) =>
            sum(new[] { dim0, dim1 }, keepdim, type);
        public Tensor sum(long dim0, long dim1, long dim2, bool keepdim = false, ScalarType? type = null) =>
            sum(new[] { dim0, dim1, dim2 }, keepdim, type);
        public Tensor nansum() => Op.Nansum.Call(this);

        public Tensor mean() => Op.Mean.Call(this);
        public Tensor mean(long[] dimensions, bool keepdim = false, ScalarType? type = null) =>
            Op.MeanDim.Call(this, dimensions, keepdim, type);
        public Tensor nanmean(int? dim = null, bool keepdim = false, ScalarType? dtype = null) =>
            Op.Nanmean.Call(this, dim is { } d ? new[] { d } : Argument.None, keepdim, dtype);

        /// <summary>The product of all elements; over dimension 0 it is <c>prod(0L)</c>.</summary>
        public Tensor prod(ScalarType? type = null) => Op.Prod.Call(this, NoDimension(type, "prod"));
        public Tensor prod(long dim, bool keepdim = false, ScalarType? type = null) =>
            Op.ProdDimInt.Call(this, dim, keepdim, type);

        /// <summary>A plain 0 meant as a dimension arrives as the type numbered 0, and would reduce everything in uint8.</summary>
        static ScalarType? NoDimension(ScalarType? type,
            string what) => type != ScalarType.Byte ? type : throw new ArgumentException(
            $"{what}(0): C# reads 0 as ScalarType.Byte; write {what}(0L) for dimension 0, or {what}().to(uint8) for the total in uint8");

        public Tensor max() => Op.Max.Call(this);
        public (Tensor values, Tensor indexes) max(long dim, bool keepdim = false) => Op.MaxDim.CallPair(this, dim, keepdim);
        public Tensor min() => Op.Min.Call(this);
        public (Tensor values, Tensor indexes) min(long dim, bool keepdim = false) => Op.MinDim.CallPair(this, dim, keepdim);
        public Tensor argmax() => Op.Argmax.Call(this);
        public Tensor argmax(long dim, bool keepdim = false) => Op.Argmax.Call(this, dim, keepdim);
        public Tensor argmin() => Op.Argmin.Call(this);
        public Tensor argmin(long dim, bool keepdim = false) => Op.Argmin.Call(this, dim, keepdim);

        /// <summary>The maximum over several dimensions; without any, over all. Ties share the gradient.</summary>
        public Tensor amax(params long[] dims) => amax(dims, keepdim: false);
        public Tensor amax(long[] dims, bool keepdim = false, Tensor? @out = null) =>
            @out is null ? Op.Amax.Call(this, dims, keepdim) : @out.InPlace(Op.AmaxOut, this, dims, keepdim, @out);
        public Tensor amax(ReadOnlySpan<long> dims, bool keepdim = false, Tensor? @out = null) =>
            amax(dims.ToArray(), keepdim, @out);
        public Tensor amin(params long[] dims) => amin(dims, keepdim: false);
        public Tensor amin(long[] dims, bool keepdim = false, Tensor? @out = null) =>
            @out is null ? Op.Amin.Call(this, dims, keepdim) : @out.InPlace(Op.AminOut, this, dims, keepdim, @out);
        public Tensor amin(ReadOnlySpan<long> dims, bool keepdim = false, Tensor? @out = null) =>
            amin(dims.ToArray(), keepdim, @out);
        public (Tensor min, Tensor max) aminmax(long? dim = null, bool keepdim = false) =>
            Op.Aminmax.CallPair(this, dim, keepdim);

        public Tensor all() => Op.All.Call(this);
        public Tensor all(long dim, bool keepdim = false) => Op.AllDim.Call(this, dim, keepdim);
        public Tensor any() => Op.Any.Call(this);
        public Tensor any(long dim, bool keepdim = false) => Op.AnyDim.Call(this, dim, keepdim);
        public Tensor count_nonzero(long[]? dims = null) =>
            dims is null ? Op.CountNonzero.Call(this) : Op.CountNonzeroDimIntList.Call(this, dims);

        /// <summary>The p-norm of all elements; infinity is the largest magnitude.</summary>
        public Tensor norm(float p = 2) => Op.NormScalar.Call(this, p);
        public Tensor norm(int dim, bool keepdim = false, float p = 2) =>
            Op.NormScalarOptDim.Call(this, p, new[] { dim }, keepdim);
        public Tensor renorm(float p, long dim, float maxnorm) => Op.Renorm.Call(this, p, dim, maxnorm);

        /// <summary>log Σ exp, without overflow.</summary>
        public Tensor logsumexp(long dim, bool keepdim = false) => Op.Logsumexp.Call(this, new[] { dim }, keepdim);
        public Tensor logcumsumexp(long dim) => Op.Logcumsumexp.Call(this, dim);
        public Tensor cumsum(long dim, ScalarType? type = null) => Op.Cumsum.Call(this, dim, type);
        public Tensor cumprod(long dim, ScalarType? type = null) => Op.Cumprod.Call(this, dim, type);
        public (Tensor values, Tensor indexes) cummax(long dim) => Op.Cummax.CallPair(this, dim);
        public (Tensor values, Tensor indexes) cummin(long dim) => Op.Cummin.CallPair(this, dim);

        public Tensor trapezoid(double dx = 1, long dim = -1) => Op.TrapezoidDx.Call(this, dx, dim);
        public Tensor trapezoid(Tensor x, long dim = -1) => Op.TrapezoidX.Call(this, x, dim);
        public Tensor cumulative_trapezoid(double dx = 1, long dim = -1) => Op.CumulativeTrapezoidDx.Call(this, dx, dim);
        public Tensor cumulative_trapezoid(Tensor x, long dim = -1) => Op.CumulativeTrapezoidX.Call(this, x, dim);
        public Tensor diff(long n = 1, long dim = -1, Tensor? prepend = null, Tensor? append = null) =>
            Op.Diff.Call(this, n, dim, prepend, append);
    }

    public static Tensor norm(Tensor input) => input.norm();

    public static Tensor sum(Tensor input, long dim, bool keepdim = false, ScalarType? type = null) =>
        input.sum(dim, keepdim, type);
    public static Tensor sum(Tensor input, ScalarType? type = null) => input.sum(type);
    public static Tensor sum(Tensor input, ReadOnlySpan<long> dim, bool keepdim = false, ScalarType? type = null) =>
        input.sum(dim, keepdim, type);
    public static Tensor nansum(Tensor input) => input.nansum();
    public static Tensor mean(Tensor input) => input.mean();
    public static Tensor mean(Tensor input, long[] dimensions, bool keepdim = false, ScalarType? type = null) =>
        input.mean(dimensions, keepdim, type);
    public static Tensor nanmean(Tensor input, int? dim = null, bool keepdim = false, ScalarType? dtype = null) =>
        input.nanmean(dim, keepdim, dtype);
    public static Tensor prod(Tensor input, long dim, bool keepdim = false, ScalarType? type = null) =>
        input.prod(dim, keepdim, type);
    public static Tensor prod(Tensor input, ScalarType? type = null) => input.prod(type);
    public static (Tensor values, Tensor indexes) max(Tensor input, long dim, bool keepdim = false) => input.max(dim, keepdim);
    public static Tensor max(Tensor input) => input.max();
    public static (Tensor values, Tensor indexes) min(Tensor input, long dim, bool keepdim = false) => input.min(dim, keepdim);
    public static Tensor min(Tensor input) => input.min();
    public static Tensor argmax(Tensor input) => input.argmax();
    public static Tensor argmax(Tensor input, long dim, bool keepdim = false) => input.argmax(dim, keepdim);
    public static Tensor argmin(Tensor input) => input.argmin();
    public static Tensor argmin(Tensor input, long dim, bool keepdim = false) => input.argmin(dim, keepdim);
    public static Tensor amax(Tensor input, long[] dims) => input.amax(dims);
    public static Tensor amax(Tensor input, long[] dims, bool keepdim = false, Tensor? @out = null) =>
        input.amax(dims, keepdim, @out);
    public static Tensor amax(Tensor input, ReadOnlySpan<long> dims, bool keepdim = false, Tensor? @out = null) =>
        input.amax(dims, keepdim, @out);
    public static Tensor amin(Tensor input, long[] dims, bool keepdim = false, Tensor? @out = null) =>
        input.amin(dims, keepdim, @out);
    public static Tensor amin(Tensor input, ReadOnlySpan<long> dims, bool keepdim = false, Tensor? @out = null) =>
        input.amin(dims, keepdim, @out);
    public static (Tensor min, Tensor max) aminmax(Tensor input, long? dim = null, bool keepdim = false) =>
        input.aminmax(dim, keepdim);
    public static Tensor all(Tensor input) => input.all();
    public static Tensor all(Tensor input, long dim, bool keepdim = false) => input.all(dim, keepdim);
    public static Tensor any(Tensor input) => input.any();
    public static Tensor any(Tensor input, long dim, bool keepdim = false) => input.any(dim, keepdim);
    public static Tensor count_nonzero(Tensor input, long[]? dims = null) => input.count_nonzero(dims);
    public static Tensor norm(Tensor input, int dimension, bool keepdim = false, float p = 2) =>
        input.norm(dimension, keepdim, p);
    public static Tensor norm(Tensor input, float p = 2) => input.norm(p);
    public static Tensor renorm(Tensor input, float p, long dim, float maxnorm) => input.renorm(p, dim, maxnorm);
    public static Tensor logsumexp(Tensor input, long dim, bool keepdim = false) => input.logsumexp(dim, keepdim);
    public static Tensor logcumsumexp(Tensor input, long dim) => input.logcumsumexp(dim);
    public static Tensor cumsum(Tensor input, long dim, ScalarType? type = null) => input.cumsum(dim, type);
    public static Tensor cumprod(Tensor input, long dim, ScalarType? dtype = null) => input.cumprod(dim, dtype);
    public static (Tensor values, Tensor indices) cummax(Tensor input, long dim) => input.cummax(dim);
    public static (Tensor values, Tensor indices) cummin(Tensor input, long dim) => input.cummin(dim);
    public static Tensor trapezoid(Tensor y, double dx = 1, long dim = -1) => y.trapezoid(dx, dim);
    public static Tensor trapezoid(Tensor y, Tensor x, long dim = -1) => y.trapezoid(x, dim);
    public static Tensor cumulative_trapezoid(Tensor y, double dx = 1, long dim = -1) => y.cumulative_trapezoid(dx, dim);
    public static Tensor cumulative_trapezoid(Tensor y, Tensor x, long dim = -1) => y.cumulative_trapezoid(x, dim);
    public static Tensor diff(Tensor input, long n = 1, long dim = -1, Tensor? prepend = null, Tensor? append = null) =>
        input.diff(n, dim, prepend, append);

    static partial class Op
    {
        internal static readonly Operator
            All = new("all"), AllDim = new("all", "dim"), Amax = new("amax"), AmaxOut = new("amax", "out"), Amin = new("amin"),
            AminOut = new("amin", "out"), Aminmax = new("aminmax"), Any = new("any"), AnyDim = new("any", "dim"),
            Argmax = new("argmax"), Argmin = new("argmin"), CountNonzero = new("count_nonzero"),
            CountNonzeroDimIntList = new("count_nonzero", "dim_IntList"), Cummax = new("cummax"), Cummin = new("cummin"),
            Cumprod = new("cumprod"), Cumsum = new("cumsum"), CumulativeTrapezoidDx = new("cumulative_trapezoid", "dx"),
            CumulativeTrapezoidX = new("cumulative_trapezoid", "x"), Diff = new("diff"), Logcumsumexp = new("logcumsumexp"),
            Logsumexp = new("logsumexp"), Max = new("max"), MaxDim = new("max", "dim"), Mean = new("mean"),
            MeanDim = new("mean", "dim"), Min = new("min"), MinDim = new("min", "dim"), Nanmean = new("nanmean"),
            Nansum = new("nansum"), NormScalar = new("norm", "Scalar"), NormScalarOptDim = new("norm", "ScalarOpt_dim"),
            Prod = new("prod"), ProdDimInt = new("prod", "dim_int"), Renorm = new("renorm"), Sum = new("sum"),
            SumDimIntList = new("sum", "dim_IntList"), TrapezoidDx = new("trapezoid", "dx"), TrapezoidX = new("trapezoid", "x");
    }
}
