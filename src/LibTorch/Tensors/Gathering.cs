// Reading and writing elements at given places along a dimension or under a mask.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor gather(long dim, Tensor index) => Op.Gather.Call(this, dim, index);
        public Tensor scatter(long dim, Tensor index, Tensor src) => Op.ScatterSrc.Call(this, dim, index, src);
        public Tensor scatter_(long dim, Tensor index, Tensor src) => InPlace(Op.ScatterSrc_, this, dim, index, src);
        public Tensor scatter_add(long dim, Tensor index, Tensor src) => Op.ScatterAdd.Call(this, dim, index, src);
        public Tensor scatter_add_(long dim, Tensor index, Tensor src) => InPlace(Op.ScatterAdd_, this, dim, index, src);

        public Tensor index_select(long dim, Tensor index) => Op.IndexSelect.Call(this, dim, index);
        public Tensor index_add(long dim, Tensor index, Tensor source, Scalar alpha) =>
            Op.IndexAdd.Call(this, dim, index, source, alpha);
        public Tensor index_add_(long dim, Tensor index, Tensor source, Scalar alpha) =>
            InPlace(Op.IndexAdd_, this, dim, index, source, alpha);
        public Tensor index_copy(long dim, Tensor index, Tensor source) => Op.IndexCopy.Call(this, dim, index, source);
        public Tensor index_copy_(long dim, Tensor index, Tensor source) => InPlace(Op.IndexCopy_, this, dim, index, source);
        public Tensor index_fill(long dim, Tensor index, Scalar value) => Op.IndexFillIntScalar.Call(this, dim, index, value);
        public Tensor index_fill_(long dim, Tensor index, Scalar value) =>
            InPlace(Op.IndexFillIntScalar_, this, dim, index, value);

        public Tensor take(Tensor index) => Op.Take.Call(this, index);
        public Tensor take_along_dim(Tensor indices) => Op.TakeAlongDim.Call(this, indices);
        public Tensor take_along_dim(Tensor indices, long dim) => Op.TakeAlongDim.Call(this, indices, dim);
        public Tensor take_along_dim(IEnumerable<long> indices) =>
            take_along_dim(torch.tensor(indices.ToArray(), device: device));
        public Tensor take_along_dim(IEnumerable<long> indices, long dim) =>
            take_along_dim(torch.tensor(indices.ToArray(), device: device), dim);

        /// <summary>libtorch 1.13 reads masks of other types as if their bytes were truth values.</summary>
        static Tensor Mask(Tensor mask) => mask.dtype == ScalarType.Bool ? mask
            : throw new ArgumentException($"the mask holds {mask.dtype}; make it a bool tensor, for example with .ne(0)");

        public Tensor masked_fill(Tensor mask, Scalar value) => Op.MaskedFillScalar.Call(this, Mask(mask), value);
        public Tensor masked_fill_(Tensor mask, Scalar value) => InPlace(Op.MaskedFillScalar_, this, Mask(mask), value);
        public Tensor masked_scatter(Tensor mask, Tensor value) => Op.MaskedScatter.Call(this, mask, value);
        public Tensor masked_scatter_(Tensor mask, Tensor value) => InPlace(Op.MaskedScatter_, this, mask, value);
        public Tensor masked_select(Tensor mask) => Op.MaskedSelect.Call(this, mask);

        /// <summary>[count, dim]: the indices of the elements that are not zero.</summary>
        public Tensor nonzero() => Op.Nonzero.Call(this);
        public IList<Tensor> nonzero_as_list() => Op.NonzeroNumpy.CallList(this);
        public Tensor argwhere() => Op.Argwhere.Call(this);

        public Tensor select_scatter(Tensor src, long dim, long index) => Op.SelectScatter.Call(this, src, dim, index);
        public Tensor slice_scatter(Tensor src, long dim = 0, long? start = null, long? end = null, long step = 1) =>
            Op.SliceScatter.Call(this, src, dim, start, end, step);
        public Tensor diagonal_scatter(Tensor src, long offset = 0, long dim1 = 0, long dim2 = 1) =>
            Op.DiagonalScatter.Call(this, src, offset, dim1, dim2);
    }

    public static Tensor gather(Tensor input, long dim, Tensor index, bool sparse_grad = false) =>
        Op.Gather.Call(input, dim, index, sparse_grad);
    public static Tensor take_along_dim(Tensor input, Tensor indices, long dim = 0) => input.take_along_dim(indices, dim);
    public static Tensor take_along_dim(Tensor input, IEnumerable<long> indices, long dim = 0) =>
        input.take_along_dim(indices, dim);

    public static Tensor gather(Tensor input, long dim, Tensor index) => input.gather(dim, index);
    public static Tensor scatter(Tensor input, long dim, Tensor index, Tensor src) => input.scatter(dim, index, src);
    public static Tensor scatter_(Tensor input, long dim, Tensor index, Tensor src) => input.scatter_(dim, index, src);
    public static Tensor scatter_add(Tensor input, long dim, Tensor index, Tensor src) => input.scatter_add(dim, index, src);
    public static Tensor scatter_add_(Tensor input, long dim, Tensor index, Tensor src) => input.scatter_add_(dim, index, src);
    public static Tensor index_select(Tensor input, long dim, Tensor index) => input.index_select(dim, index);
    public static Tensor index_add(Tensor input, long dim, Tensor index, Tensor source, Scalar alpha) =>
        input.index_add(dim, index, source, alpha);
    public static Tensor index_add_(Tensor input, long dim, Tensor index, Tensor source, Scalar alpha) =>
        input.index_add_(dim, index, source, alpha);
    public static Tensor index_copy(Tensor input, long dim, Tensor index, Tensor source) => input.index_copy(dim, index, source);
    public static Tensor index_copy_(Tensor input, long dim, Tensor index, Tensor source) =>
        input.index_copy_(dim, index, source);
    public static Tensor index_fill(Tensor input, long dim, Tensor index, Scalar value) => input.index_fill(dim, index, value);
    public static Tensor index_fill_(Tensor input, long dim, Tensor index, Scalar value) => input.index_fill_(dim, index, value);
    public static Tensor take(Tensor input, Tensor index) => input.take(index);
    public static Tensor masked_select(Tensor input, Tensor mask) => input.masked_select(mask);
    public static Tensor nonzero(Tensor input) => input.nonzero();
    public static Tensor argwhere(Tensor input) => input.argwhere();
    public static Tensor select_scatter(Tensor input, Tensor src, long dim, long index) => input.select_scatter(src, dim, index);
    public static Tensor slice_scatter(Tensor input, Tensor src, long dim = 0, long? start = null, long? end = null,
        long step = 1) =>
        input.slice_scatter(src, dim, start, end, step);
    public static Tensor diagonal_scatter(Tensor input, Tensor src, long offset = 0, long dim1 = 0, long dim2 = 1) =>
        input.diagonal_scatter(src, offset, dim1, dim2);

    static partial class Op
    {
        internal static readonly Operator
            Argwhere = new("argwhere"), DiagonalScatter = new("diagonal_scatter"), Gather = new("gather"),
            IndexAdd = new("index_add"), IndexAdd_ = new("index_add_"), IndexCopy = new("index_copy"),
            IndexCopy_ = new("index_copy_"), IndexFillIntScalar = new("index_fill", "int_Scalar"),
            IndexFillIntScalar_ = new("index_fill_", "int_Scalar"), IndexSelect = new("index_select"),
            MaskedFillScalar = new("masked_fill", "Scalar"), MaskedFillScalar_ = new("masked_fill_", "Scalar"),
            MaskedScatter = new("masked_scatter"), MaskedScatter_ = new("masked_scatter_"), MaskedSelect = new("masked_select"),
            Nonzero = new("nonzero"), NonzeroNumpy = new("nonzero_numpy"), ScatterAdd = new("scatter_add"),
            ScatterAdd_ = new("scatter_add_"), ScatterSrc = new("scatter", "src"), ScatterSrc_ = new("scatter_", "src"),
            SelectScatter = new("select_scatter"), SliceScatter = new("slice_scatter"), Take = new("take"),
            TakeAlongDim = new("take_along_dim");
    }
}
