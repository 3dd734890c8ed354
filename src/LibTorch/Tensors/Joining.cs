// Many tensors to one and one to many.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>Pieces of <paramref name="size"/> elements, the last one perhaps smaller.</summary>
        public Tensor[] split(long size, int dim = 0) => Op.SplitTensor.CallList(this, size, dim);
        public Tensor[] split(long[] sizes, long dim = 0) => Op.SplitWithSizes.CallList(this, sizes, dim);
        public Tensor[] split(ReadOnlySpan<long> sizes, long dim = 0) => split(sizes.ToArray(), dim);
        public Tensor[] split(params long[] sizes) => split(sizes, dim: 0L);

        /// <summary>At most <paramref name="chunks"/> pieces of equal size, the last one perhaps smaller.</summary>
        public Tensor[] chunk(long chunks, long dim = 0) => Op.Chunk.CallList(this, chunks, dim);
        public Tensor[] unbind(long dimension = 0) => Op.UnbindInt.CallList(this, dimension);
        public Tensor[] tensor_split(long size, long dim = 0) => Op.TensorSplitSections.CallList(this, size, dim);
        public Tensor[] tensor_split(long[] sizes, long dim = 0) => Op.TensorSplitIndices.CallList(this, sizes, dim);
        public Tensor[] tensor_split(Tensor indices, long dim = 0) =>
            Op.TensorSplitTensorIndicesOrSections.CallList(this, indices, dim);
        public Tensor[] hsplit(long size) => Op.HsplitInt.CallList(this, size);
        public Tensor[] hsplit(params long[] sizes) => Op.HsplitArray.CallList(this, sizes);
        public Tensor[] vsplit(long size) => Op.VsplitInt.CallList(this, size);
        public Tensor[] vsplit(params long[] sizes) => Op.VsplitArray.CallList(this, sizes);
        public Tensor[] dsplit(long size) => Op.DsplitInt.CallList(this, size);
        public Tensor[] dsplit(params long[] sizes) => Op.DsplitArray.CallList(this, sizes);

        public static Tensor block_diag(params Tensor[] tensors) => torch.block_diag(tensors);
    }

    public static Tensor cat(Tensor[] tensors, long dim = 0) => Op.Cat.Call(tensors, dim);
    public static Tensor cat(IList<Tensor> tensors, long dim = 0) => cat(tensors.ToArray(), dim);
    public static Tensor cat(ReadOnlySpan<Tensor> tensors, long dim = 0) => cat(tensors.ToArray(), dim);
    public static Tensor concat(Tensor[] tensors, long dim = 0) => cat(tensors, dim);
    public static Tensor concat(IList<Tensor> tensors, long dim = 0) => cat(tensors, dim);
    public static Tensor concat(ReadOnlySpan<Tensor> tensors, long dim = 0) => cat(tensors, dim);
    public static Tensor concatenate(Tensor[] tensors, long axis = 0) => cat(tensors, axis);
    public static Tensor concatenate(IList<Tensor> tensors, long axis = 0) => cat(tensors, axis);
    public static Tensor concatenate(ReadOnlySpan<Tensor> tensors, long axis = 0) => cat(tensors, axis);

    public static Tensor stack(IEnumerable<Tensor> tensors, long dim = 0) => Op.Stack.Call(tensors.ToArray(), dim);
    public static Tensor hstack(params Tensor[] tensors) => Op.Hstack.Call(tensors);
    public static Tensor hstack(IList<Tensor> tensors) => hstack(tensors.ToArray());
    public static Tensor hstack(IEnumerable<Tensor> tensors) => hstack(tensors.ToArray());
    public static Tensor hstack(ReadOnlySpan<Tensor> tensors) => hstack(tensors.ToArray());
    public static Tensor vstack(Tensor[] tensors) => Op.Vstack.Call(tensors);
    public static Tensor vstack(IList<Tensor> tensors) => vstack(tensors.ToArray());
    public static Tensor vstack(ReadOnlySpan<Tensor> tensors) => vstack(tensors.ToArray());
    public static Tensor dstack(params Tensor[] tensors) => Op.Dstack.Call(tensors);
    public static Tensor dstack(IList<Tensor> tensors) => dstack(tensors.ToArray());
    public static Tensor dstack(IEnumerable<Tensor> tensors) => dstack(tensors.ToArray());
    public static Tensor dstack(ReadOnlySpan<Tensor> tensors) => dstack(tensors.ToArray());
    public static Tensor row_stack(params Tensor[] tensors) => vstack(tensors);
    public static Tensor row_stack(IList<Tensor> tensors) => vstack(tensors);
    public static Tensor row_stack(ReadOnlySpan<Tensor> tensors) => vstack(tensors);
    public static Tensor column_stack(params Tensor[] tensors) => Op.ColumnStack.Call(tensors);
    public static Tensor column_stack(IList<Tensor> tensors) => column_stack(tensors.ToArray());
    public static Tensor column_stack(ReadOnlySpan<Tensor> tensors) => column_stack(tensors.ToArray());
    public static Tensor block_diag(params Tensor[] tensors) => Op.BlockDiag.Call(tensors);

    public static IList<Tensor> broadcast_tensors(params Tensor[] tensors) => Op.BroadcastTensors.CallList(tensors);
    public static Tensor[] meshgrid(IEnumerable<Tensor> tensors, string indexing = "ij") =>
        Op.MeshgridIndexing.CallList(tensors.ToArray(), indexing);
    public static Tensor cartesian_prod(params Tensor[] tensors) => Op.CartesianProd.Call(tensors);
    public static Tensor cartesian_prod(IList<Tensor> tensors) => cartesian_prod(tensors.ToArray());
    public static Tensor cartesian_prod(ReadOnlySpan<Tensor> tensors) => cartesian_prod(tensors.ToArray());
    public static Tensor combinations(Tensor input, int r = 2, bool with_replacement = false) =>
        Op.Combinations.Call(input, r, with_replacement);

    public static Tensor[] split(Tensor tensor, long[] split_size_or_sections, long dim = 0) =>
        tensor.split(split_size_or_sections, dim);
    public static Tensor[] unbind(Tensor tensor, int dim = 0) => tensor.unbind(dim);
    public static Tensor[] unbind(Tensor input, long dim = 0) => input.unbind(dim);

    public static Tensor[] chunk(Tensor input, long chunks, long dim = 0) => input.chunk(chunks, dim);
    public static Tensor[] tensor_split(Tensor input, long indices_or_sections, long dim = 0) =>
        input.tensor_split(indices_or_sections, dim);
    public static Tensor[] tensor_split(Tensor input, long[] indices_or_sections, long dim = 0) =>
        input.tensor_split(indices_or_sections, dim);
    public static Tensor[] tensor_split(Tensor input, Tensor indices_or_sections, long dim = 0) =>
        input.tensor_split(indices_or_sections, dim);
    public static Tensor[] hsplit(Tensor input, long indices_or_sections) => input.hsplit(indices_or_sections);
    public static Tensor[] hsplit(Tensor input, long[] indices_or_sections) => input.hsplit(indices_or_sections);
    public static Tensor[] vsplit(Tensor input, long[] indices_or_sections) => input.vsplit(indices_or_sections);
    public static Tensor[] dsplit(Tensor input, long size) => input.dsplit(size);
    public static Tensor[] dsplit(Tensor input, long[] indices_or_sections) => input.dsplit(indices_or_sections);

    static partial class Op
    {
        internal static readonly Operator
            BlockDiag = new("block_diag"), BroadcastTensors = new("broadcast_tensors"), CartesianProd = new("cartesian_prod"),
            Cat = new("cat"), Chunk = new("chunk"), ColumnStack = new("column_stack"), Combinations = new("combinations"),
            DsplitArray = new("dsplit", "array"), DsplitInt = new("dsplit", "int"), Dstack = new("dstack"),
            HsplitArray = new("hsplit", "array"), HsplitInt = new("hsplit", "int"), Hstack = new("hstack"),
            MeshgridIndexing = new("meshgrid", "indexing"), SplitTensor = new("split", "Tensor"),
            SplitWithSizes = new("split_with_sizes"), Stack = new("stack"), TensorSplitIndices = new("tensor_split", "indices"),
            TensorSplitSections = new("tensor_split", "sections"),
            TensorSplitTensorIndicesOrSections = new("tensor_split", "tensor_indices_or_sections"), UnbindInt = new("unbind",
                "int"),
            VsplitArray = new("vsplit", "array"), VsplitInt = new("vsplit", "int"), Vstack = new("vstack");
    }
}
