// Views, joins and selections: the same elements in another arrangement.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    static readonly Operator CatOperator = new("cat"), StackOperator = new("stack");

    public partial class Tensor
    {
        static class Views
        {
            internal static readonly Operator view = new("view"), reshape = new("reshape"), permute = new("permute"), transpose = new("transpose", "int"), t = new("t"),
                unsqueeze = new("unsqueeze"), squeeze = new("squeeze"), squeezeDim = new("squeeze", "dim"), expand = new("expand"), repeat = new("repeat"),
                flatten = new("flatten", "using_ints"), narrow = new("narrow"), select = new("select", "int"), slice = new("slice", "Tensor"), contiguous = new("contiguous"),
                split = new("split", "Tensor"), splitSizes = new("split_with_sizes"), chunk = new("chunk"), unbind = new("unbind", "int"), flip = new("flip"), roll = new("roll"),
                tril = new("tril"), triu = new("triu"), tril_ = new("tril_"), triu_ = new("triu_"), diag = new("diag"), diagonal = new("diagonal"),
                indexSelect = new("index_select"), gather = new("gather"), scatter_ = new("scatter_", "src"), scatterAdd_ = new("scatter_add_"), indexAdd_ = new("index_add_"),
                indexCopy_ = new("index_copy_"), maskedSelect = new("masked_select"), nonzero = new("nonzero"), repeatInterleave = new("repeat_interleave", "self_int");
        }

        public Tensor view(params long[] shape) => Views.view.Call(this, shape);
        public Tensor reshape(params long[] shape) => Views.reshape.Call(this, shape);
        public Tensor permute(params long[] permutation) => Views.permute.Call(this, permutation);
        public Tensor transpose(long dim0, long dim1) => Views.transpose.Call(this, dim0, dim1);
        public Tensor t() => Views.t.Call(this);
        public Tensor T => Views.t.Call(this);
        public Tensor unsqueeze(long dim) => Views.unsqueeze.Call(this, dim);
        public Tensor squeeze(long? dim = null) => dim is { } d ? Views.squeezeDim.Call(this, d) : Views.squeeze.Call(this);
        public Tensor expand(params long[] sizes) => Views.expand.Call(this, sizes);
        public Tensor expand_as(Tensor other) => Views.expand.Call(this, other.shape);
        public Tensor repeat(params long[] sizes) => Views.repeat.Call(this, sizes);
        public Tensor repeat_interleave(long repeats, long? dim = null, long? output_size = null) => Views.repeatInterleave.Call(this, repeats, dim, output_size);
        public Tensor flatten(long start_dim = 0, long end_dim = -1) => Views.flatten.Call(this, start_dim, end_dim);
        public Tensor narrow(long dim, long start, long length) => Views.narrow.Call(this, dim, start, length);
        public Tensor select(long dim, long index) => Views.select.Call(this, dim, index);
        public Tensor slice(long dim, long start, long finish, long step) => Views.slice.Call(this, dim, start, finish, step);
        public Tensor contiguous() => Views.contiguous.Call(this);
        public Tensor[] split(long size, int dim = 0) => Views.split.CallList(this, size, dim);
        public Tensor[] split(long[] sizes, long dim = 0) => Views.splitSizes.CallList(this, sizes, dim);
        public Tensor[] chunk(long chunks, long dim = 0) => Views.chunk.CallList(this, chunks, dim);
        public Tensor[] unbind(long dimension = 0) => Views.unbind.CallList(this, dimension);
        public Tensor flip(params long[] dims) => Views.flip.Call(this, dims);
        public Tensor tril(long diagonal = 0) => Views.tril.Call(this, diagonal);
        public Tensor triu(long diagonal = 0) => Views.triu.Call(this, diagonal);
        public Tensor tril_(long diagonal = 0) => Views.tril_.Call(this, diagonal);
        public Tensor triu_(long diagonal = 0) => Views.triu_.Call(this, diagonal);
        public Tensor diag(long diagonal = 0) => Views.diag.Call(this, diagonal);
        public Tensor diagonal(long offset = 0, long dim1 = 0, long dim2 = 1) => Views.diagonal.Call(this, offset, dim1, dim2);
        public Tensor index_select(long dim, Tensor index) => Views.indexSelect.Call(this, dim, index);
        public Tensor gather(long dim, Tensor index) => Views.gather.Call(this, dim, index);
        public Tensor scatter_(long dim, Tensor index, Tensor src) => Views.scatter_.Call(this, dim, index, src);
        public Tensor scatter_add_(long dim, Tensor index, Tensor src) => Views.scatterAdd_.Call(this, dim, index, src);
        public Tensor index_add_(long dim, Tensor index, Tensor source, Scalar alpha) => Views.indexAdd_.Call(this, dim, index, source, alpha);
        public Tensor masked_select(Tensor mask) => Views.maskedSelect.Call(this, mask);
        public Tensor nonzero() => Views.nonzero.Call(this);
    }

    public static Tensor cat(IList<Tensor> tensors, long dim = 0) => CatOperator.Call(tensors.ToArray(), dim);
    public static Tensor cat(Tensor[] tensors, long dim = 0) => CatOperator.Call(tensors, dim);
    public static Tensor stack(IEnumerable<Tensor> tensors, long dim = 0) => StackOperator.Call(tensors.ToArray(), dim);
    public static Tensor tril(Tensor input, long diagonal = 0) => input.tril(diagonal);
    public static Tensor triu(Tensor input, long diagonal = 0) => input.triu(diagonal);
    public static Tensor diag(Tensor input, long diagonal = 0) => input.diag(diagonal);
}
