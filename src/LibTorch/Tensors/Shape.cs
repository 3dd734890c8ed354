// The same elements in another shape or order. Views share memory with this tensor; permuting and transposing never copy.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor view(params long[] shape) => Op.View.Call(this, shape);
        public Tensor view_as(Tensor other) => view(other.shape);
        public Tensor reshape(params long[] shape) => Op.Reshape.Call(this, shape);
        public Tensor contiguous() => Op.Contiguous.Call(this);
        public Tensor flatten(long start_dim = 0, long end_dim = -1) => Op.FlattenUsingInts.Call(this, start_dim, end_dim);
        public Tensor unflatten(long dim, params long[] sizes) => Op.UnflattenInt.Call(this, dim, sizes);
        public Tensor unflatten(long dim, Size sizes) => unflatten(dim, sizes.Shape);
        public Tensor ravel() => Op.Ravel.Call(this);

        public Tensor permute(params long[] permutation) => Op.Permute.Call(this, permutation);
        public Tensor permute(IEnumerable<long> permutation) => permute(permutation.ToArray());
        public Tensor transpose(long dim0, long dim1) => Op.TransposeInt.Call(this, dim0, dim1);
        public Tensor transpose_(long dim0, long dim1) => InPlace(Op.Transpose_, this, dim0, dim1);
        public Tensor swapdims(long dim0, long dim1) => transpose(dim0, dim1);
        public Tensor swapaxes(long dim0, long dim1) => transpose(dim0, dim1);
        public Tensor t() => Op.T.Call(this);

        /// <summary>All dimensions in reverse order.</summary>
        public Tensor T => permute(Enumerable.Range(1, (int)Dimensions).Select(d => Dimensions - d));
        public Tensor mT => Op.MT.Call(this);
        public Tensor H => Op.MatrixH.Call(this).resolve_conj();
        public Tensor mH => Op.MH.Call(this).resolve_conj();
        public Tensor adjoint() => Op.Adjoint.Call(this).resolve_conj();
        public Tensor movedim(long[] source, long[] destination) => Op.MovedimIntlist.Call(this, source, destination);
        public Tensor moveaxis(long[] source, long[] destination) => movedim(source, destination);

        public Tensor unsqueeze(long dim) => Op.Unsqueeze.Call(this, dim);
        public Tensor unsqueeze_(long dim) => InPlace(Op.Unsqueeze_, this, dim);
        public Tensor squeeze(long? dim = null) => dim is { } d ? Op.SqueezeDim.Call(this, d) : Op.Squeeze.Call(this);
        public Tensor squeeze_(long? dim = null) => dim is { } d ? InPlace(Op.SqueezeDim_, this, d) : InPlace(Op.Squeeze_, this);
        public Tensor atleast_1d() => Op.Atleast1d.Call(this);
        public Tensor atleast_2d() => Op.Atleast2d.Call(this);
        public Tensor atleast_3d() => Op.Atleast3d.Call(this);

        /// <summary>Repeats dimensions of size 1 without copying; -1 keeps a size.</summary>
        public Tensor expand(params long[] sizes) => Op.Expand.Call(this, sizes);
        public Tensor expand(long[] sizes, bool isImplicit = false) => Op.Expand.Call(this, sizes, isImplicit);
        public Tensor expand(ReadOnlySpan<long> sizes, bool isImplicit = false) => expand(sizes.ToArray(), isImplicit);
        public Tensor expand(Size sizes, bool isImplicit = false) => expand(sizes.Shape, isImplicit);
        public Tensor expand_as(Tensor other) => expand(other.shape, false);
        public Tensor broadcast_to(params long[] shape) => expand(shape, false);
        public Tensor repeat(params long[] sizes) => Op.Repeat.Call(this, sizes);
        public Tensor tile(long[] reps) => Op.Tile.Call(this, reps);
        public Tensor repeat_interleave(long repeats, long? dim = null, long? output_size = null) =>
            Op.RepeatInterleaveSelfInt.Call(this, repeats, dim, output_size);
        public Tensor repeat_interleave(Tensor repeats, long? dim = null, long? output_size = null) =>
            Op.RepeatInterleaveSelfTensor.Call(this, repeats, dim, output_size);

        public Tensor roll(long[] shifts, long[] dims) => Op.Roll.Call(this, shifts, dims);
        public Tensor roll(long[] shifts) => Op.Roll.Call(this, shifts);
        public Tensor roll(long shifts, long? dims = null) =>
            roll(new[] { shifts }, dims is { } d ? new[] { d } : Array.Empty<long>());
        public Tensor roll(ReadOnlySpan<long> shifts, ReadOnlySpan<long> dims = default) =>
            roll(shifts.ToArray(), dims.ToArray());
        public Tensor roll((long, long) shifts, (long, long) dims) =>
            roll(new[] { shifts.Item1, shifts.Item2 }, new[] { dims.Item1, dims.Item2 });
        public Tensor roll((long, long, long) shifts, (long, long, long) dims) =>
            roll(new[] { shifts.Item1, shifts.Item2, shifts.Item3 }, new[] { dims.Item1, dims.Item2, dims.Item3 });
        public Tensor flip(params long[] dims) => Op.Flip.Call(this, dims);
        public Tensor fliplr() => Op.Fliplr.Call(this);
        public Tensor flipud() => Op.Flipud.Call(this);
        public Tensor rot90(long k = 1, (long, long)? dims = null) =>
            Op.Rot90.Call(this, k, new[] { dims?.Item1 ?? 0, dims?.Item2 ?? 1 });

        /// <summary>Elements start, start + step, … before finish, along dim.</summary>
        public Tensor slice(long dim, long start, long finish, long step) => Op.SliceTensor.Call(this, dim, start, finish, step);
        public Tensor narrow(long dim, long start, long length) => Op.Narrow.Call(this, dim, start, length);
        public Tensor select(long dim, long index) => Op.SelectInt.Call(this, dim, index);
        public Tensor unfold(long dimension, long size, long step) => Op.Unfold.Call(this, dimension, size, step);
        public Tensor as_strided(long[] size, long[] strides, long storageOffset = 0) =>
            Op.AsStrided.Call(this, size, strides, storageOffset);

        public Tensor tril(long diagonal = 0) => Op.Tril.Call(this, diagonal);
        public Tensor tril_(long diagonal = 0) => InPlace(Op.Tril_, this, diagonal);
        public Tensor triu(long diagonal = 0) => Op.Triu.Call(this, diagonal);
        public Tensor triu_(long diagonal = 0) => InPlace(Op.Triu_, this, diagonal);
        public Tensor diag(long diagonal = 0) => Op.Diag.Call(this, diagonal);
        public Tensor diagonal(long offset = 0, long dim1 = 0, long dim2 = 1) => Op.Diagonal.Call(this, offset, dim1, dim2);
        public Tensor diag_embed(long offset = 0, long dim1 = -2, long dim2 = -1) => Op.DiagEmbed.Call(this, offset, dim1, dim2);
        public Tensor diagflat(long offset = 0) => Op.Diagflat.Call(this, offset);
        public Tensor trace() => Op.Trace.Call(this);
    }

    public static Tensor movedim(Tensor input, long source, long destination) => input.movedim([source], [destination]);
    public static Tensor moveaxis(Tensor input, long source, long destination) => input.movedim([source], [destination]);

    public static Tensor tril_indices(long row, long col, long offset = 0, ScalarType dtype = ScalarType.Int64,
        Device? device = null) =>
        Op.TrilIndices.Call(row, col, offset, dtype, Argument.None, DeviceOr(device));
    public static Tensor triu_indices(long row, long col, long offset = 0, ScalarType dtype = ScalarType.Int64,
        Device? device = null) =>
        Op.TriuIndices.Call(row, col, offset, dtype, Argument.None, DeviceOr(device));

    public static Tensor reshape(Tensor input, params long[] shape) => input.reshape(shape);
    public static Tensor flatten(Tensor input, long start_dim = 0, long end_dim = -1) => input.flatten(start_dim, end_dim);
    public static Tensor unflatten(Tensor input, long dim, Size sizes) => input.unflatten(dim, sizes);
    public static Tensor unflatten(Tensor input, long dim, params long[] sizes) => input.unflatten(dim, sizes);
    public static Tensor ravel(Tensor input) => input.ravel();
    public static Tensor permute(Tensor input, params long[] permutation) => input.permute(permutation);
    public static Tensor transpose(Tensor input, long dim0, long dim1) => input.transpose(dim0, dim1);
    public static Tensor swapdims(Tensor input, long dim0, long dim1) => input.swapdims(dim0, dim1);
    public static Tensor swapaxes(Tensor input, long axis0, long axis1) => input.swapaxes(axis0, axis1);
    public static Tensor t(Tensor input) => input.t();
    public static Tensor adjoint(Tensor input) => input.adjoint();
    public static Tensor movedim(Tensor input, long[] source, long[] destination) => input.movedim(source, destination);
    public static Tensor moveaxis(Tensor input, long[] source, long[] destination) => input.moveaxis(source, destination);
    public static Tensor unsqueeze(Tensor input, long dim) => input.unsqueeze(dim);
    public static Tensor unsqueeze_(Tensor input, long dim) => input.unsqueeze_(dim);
    public static Tensor squeeze(Tensor input, long? dim = null) => input.squeeze(dim);
    public static Tensor squeeze_(Tensor input, long? dim = null) => input.squeeze_(dim);
    public static Tensor broadcast_to(Tensor input, params long[] shape) => input.broadcast_to(shape);
    public static Tensor tile(Tensor input, long[] dims) => input.tile(dims);
    public static Tensor repeat_interleave(Tensor input, long repeats, long? dim = null, long? output_size = null) =>
        input.repeat_interleave(repeats, dim, output_size);
    public static Tensor repeat_interleave(Tensor input, Tensor repeats, long? dim = null, long? output_size = null) =>
        input.repeat_interleave(repeats, dim, output_size);
    public static Tensor roll(Tensor input, long shifts, long? dims = null) => input.roll(shifts, dims);
    public static Tensor roll(Tensor input, long[] shifts) => input.roll(shifts);
    public static Tensor roll(Tensor input, long[] shifts, long[] dims) => input.roll(shifts, dims);
    public static Tensor roll(Tensor input, ReadOnlySpan<long> shifts, ReadOnlySpan<long> dims = default) =>
        input.roll(shifts, dims);
    public static Tensor roll(Tensor input, (long, long, long) shifts, (long, long, long) dims) => input.roll(shifts, dims);
    public static Tensor roll(Tensor input, (long, long) shifts, (long, long) dims) => input.roll(shifts, dims);
    public static Tensor flip(Tensor input, params long[] dims) => input.flip(dims);
    public static Tensor fliplr(Tensor input) => input.fliplr();
    public static Tensor flipud(Tensor input) => input.flipud();
    public static Tensor rot90(Tensor input, long k = 1, (long, long)? dims = null) => input.rot90(k, dims);
    public static Tensor narrow(Tensor input, long dim, long start, long length) => input.narrow(dim, start, length);
    public static Tensor select(Tensor input, long dim, long index) => input.select(dim, index);
    public static Tensor tril(Tensor input, long diagonal = 0) => input.tril(diagonal);
    public static Tensor tril_(Tensor input, long diagonal = 0) => input.tril_(diagonal);
    public static Tensor triu(Tensor input, long diagonal = 0) => input.triu(diagonal);
    public static Tensor triu_(Tensor input, long diagonal = 0) => input.triu_(diagonal);
    public static Tensor diag(Tensor input, long diagonal = 0) => input.diag(diagonal);
    public static Tensor diagonal(Tensor input, long offset = 0, long dim1 = 0, long dim2 = 1) =>
        input.diagonal(offset, dim1, dim2);
    public static Tensor diag_embed(Tensor input, long offset = 0, long dim1 = -2, long dim2 = -1) =>
        input.diag_embed(offset, dim1, dim2);
    public static Tensor diagflat(Tensor input, long offset = 0) => input.diagflat(offset);
    public static Tensor trace(Tensor input) => input.trace();

    static partial class Op
    {
        internal static readonly Operator
            Adjoint = new("adjoint"), AsStrided = new("as_strided"), Atleast1d = new("atleast_1d"), Atleast2d = new("atleast_2d"),
            Atleast3d = new("atleast_3d"), Contiguous = new("contiguous"), Diag = new("diag"), DiagEmbed = new("diag_embed"),
            Diagflat = new("diagflat"), Diagonal = new("diagonal"), Expand = new("expand"),
            FlattenUsingInts = new("flatten", "using_ints"), Flip = new("flip"), Fliplr = new("fliplr"), Flipud = new("flipud"),
            MH = new("mH"), MT = new("mT"), MatrixH = new("matrix_H"), MovedimIntlist = new("movedim", "intlist"),
            Narrow = new("narrow"), Permute = new("permute"), Ravel = new("ravel"), Repeat = new("repeat"),
            RepeatInterleaveSelfInt = new("repeat_interleave", "self_int"),
            RepeatInterleaveSelfTensor = new("repeat_interleave", "self_Tensor"), Reshape = new("reshape"), Roll = new("roll"),
            Rot90 = new("rot90"), Squeeze = new("squeeze"), SqueezeDim = new("squeeze", "dim"), SqueezeDim_ = new("squeeze_",
                "dim"),
            Squeeze_ = new("squeeze_"), T = new("t"), Tile = new("tile"), Trace = new("trace"),
            TransposeInt = new("transpose", "int"), Transpose_ = new("transpose_"), Tril = new("tril"),
            TrilIndices = new("tril_indices"), Tril_ = new("tril_"), Triu = new("triu"), TriuIndices = new("triu_indices"),
            Triu_ = new("triu_"), UnflattenInt = new("unflatten", "int"), Unfold = new("unfold"), Unsqueeze = new("unsqueeze"),
            Unsqueeze_ = new("unsqueeze_"), View = new("view");
    }
}
