// Sums, extremes and orders over all elements or along dimensions.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        static class Reduce
        {
            internal static readonly Operator sum = new("sum"), sumDim = new("sum", "dim_IntList"), mean = new("mean"), meanDim = new("mean", "dim"),
                max = new("max"), maxDim = new("max", "dim"), min = new("min"), minDim = new("min", "dim"), argmax = new("argmax"), argmin = new("argmin"),
                amax = new("amax"), amin = new("amin"), prod = new("prod"), all = new("all"), allDim = new("all", "dim"), any = new("any"), anyDim = new("any", "dim"),
                norm = new("norm", "ScalarOpt_dim"), std = new("std"), var = new("var"), cumsum = new("cumsum"), logsumexp = new("logsumexp"),
                topk = new("topk"), sort = new("sort"), argsort = new("argsort"), median = new("median"), multinomial = new("multinomial"),
                softmax = new("softmax", "int"), logSoftmax = new("log_softmax", "int"), trace = new("trace"), bincount = new("bincount");
        }

        public Tensor sum(ScalarType? type = null) => Reduce.sum.Call(this, type);
        public Tensor sum(long dim, bool keepdim = false, ScalarType? type = null) => Reduce.sumDim.Call(this, new[] { dim }, keepdim, type);
        public Tensor sum(long dim0, long dim1, bool keepdim = false, ScalarType? type = null) => Reduce.sumDim.Call(this, new[] { dim0, dim1 }, keepdim, type);
        public Tensor sum(long dim0, long dim1, long dim2, bool keepdim = false, ScalarType? type = null) => Reduce.sumDim.Call(this, new[] { dim0, dim1, dim2 }, keepdim, type);
        public Tensor sum(long[] dim, bool keepdim = false, ScalarType? type = null) => Reduce.sumDim.Call(this, dim, keepdim, type);
        public Tensor sum(ReadOnlySpan<long> dim, bool keepdim = false, ScalarType? type = null) => sum(dim.ToArray(), keepdim, type);
        public Tensor mean() => Reduce.mean.Call(this);
        public Tensor mean(long[] dimensions, bool keepdim = false, ScalarType? type = null) => Reduce.meanDim.Call(this, dimensions, keepdim, type);
        public Tensor max() => Reduce.max.Call(this);
        public Tensor max(Tensor other) => maximum(other);
        public (Tensor values, Tensor indexes) max(long dim, bool keepdim = false) => Reduce.maxDim.CallPair(this, dim, keepdim);
        public Tensor min() => Reduce.min.Call(this);
        public Tensor min(Tensor other) => minimum(other);
        public (Tensor values, Tensor indexes) min(long dim, bool keepdim = false) => Reduce.minDim.CallPair(this, dim, keepdim);
        public Tensor argmax() => Reduce.argmax.Call(this);
        public Tensor argmax(long dim, bool keepdim = false) => Reduce.argmax.Call(this, dim, keepdim);
        public Tensor argmin() => Reduce.argmin.Call(this);
        public Tensor argmin(long dim, bool keepdim = false) => Reduce.argmin.Call(this, dim, keepdim);
        public Tensor all() => Reduce.all.Call(this);
        public Tensor all(long dim, bool keepdim = false) => Reduce.allDim.Call(this, dim, keepdim);
        public Tensor any() => Reduce.any.Call(this);
        public Tensor any(long dim, bool keepdim = false) => Reduce.anyDim.Call(this, dim, keepdim);
        public Tensor norm(float p = 2) => Reduce.norm.Call(this, (double)p, Array.Empty<long>(), false);
        public Tensor norm(int dim, bool keepdim = false, float p = 2) => Reduce.norm.Call(this, (double)p, new[] { (long)dim }, keepdim);
        public Tensor cumsum(long dim, ScalarType? type = null) => Reduce.cumsum.Call(this, dim, type);
        public Tensor trace() => Reduce.trace.Call(this);
        public (Tensor values, Tensor indexes) topk(int k, int dim = -1, bool largest = true, bool sorted = true) => Reduce.topk.CallPair(this, k, dim, largest, sorted);
        public (Tensor Values, Tensor Indices) sort(long dim = -1, bool descending = false, bool stable = false) =>
            stable ? SortStable.CallPair(this, true, dim, descending) : Reduce.sort.CallPair(this, dim, descending);
        static readonly Operator SortStable = new("sort", "stable");
        public Tensor argsort(long dim = -1, bool descending = false) => Reduce.argsort.Call(this, dim, descending);
        public Tensor multinomial(long num_samples, bool replacement = false, Generator? generator = null) => Reduce.multinomial.Call(this, num_samples, replacement, generator);
        public Tensor softmax(long dim, ScalarType? dtype = null) => Reduce.softmax.Call(this, dim, dtype);
        public Tensor log_softmax(long dim, ScalarType? dtype = null) => Reduce.logSoftmax.Call(this, dim, dtype);
    }

    public static Tensor sum(Tensor input, ScalarType? type = null) => input.sum(type);
    public static Tensor mean(Tensor input) => input.mean();
    public static Tensor multinomial(Tensor input, long num_samples, bool replacement = false, Generator? generator = null) => input.multinomial(num_samples, replacement, generator);
    public static Tensor softmax(Tensor input, int dim, ScalarType? dtype = null) => input.softmax(dim, dtype);
}
