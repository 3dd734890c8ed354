// tensor[…], read and written. Numbers, ranges, new axes and "…" make a view; bools and tensors of indices then pick from that view
// (PyTorch's advanced indexing), all at once.
using System.Runtime.CompilerServices;
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        [IndexerName("TensorItems")]
        public Tensor this[params TensorIndex[] indices]
        {
            get => index(indices);
            set => index_put_(value, indices);
        }

        [IndexerName("TensorItems")]
        public Tensor this[params Tensor[] indices]
        {
            get => index(indices);
            set => index_put_(value, indices);
        }

        [IndexerName("TensorItems")]
        public Tensor this[params long[] indices]
        {
            get => At(indices);
            set => Put(At(indices), value);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1]
        {
            get => Op.SelectInt.Call(this, 0, i1);
            set => Put(At(i1), value);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2]
        {
            get => At(i1, i2);
            set => Put(At(i1, i2), value);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3]
        {
            get => At(i1, i2, i3);
            set => Put(At(i1, i2, i3), value);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3, long i4]
        {
            get => At(i1, i2, i3, i4);
            set => Put(At(i1, i2, i3, i4), value);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3, long i4, long i5]
        {
            get => At(i1, i2, i3, i4, i5);
            set => Put(At(i1, i2, i3, i4, i5), value);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3, long i4, long i5, long i6]
        {
            get => At(i1, i2, i3, i4, i5, i6);
            set => Put(At(i1, i2, i3, i4, i5, i6), value);
        }

        Tensor At(params ReadOnlySpan<long> indices)
        {
            if (indices.Length > Dimensions) throw TooMany(indices.Length);
            var view = indices.Length == 0 ? alias() : this;
            foreach (var i in indices) view = Replace(view, Op.SelectInt.Call(view, 0, i));
            return view;
        }

        static void Put(Tensor view, Tensor value)
        {
            using (view) Op.Copy_.CallVoid(view, value);
        }

        /// <summary>The next view in a chain; the one before is not needed any more unless it is this tensor itself.</summary>
        Tensor Replace(Tensor before, Tensor next)
        {
            if (!ReferenceEquals(before, this)) before.Dispose();
            return next;
        }

        ArgumentException TooMany(int given) =>
            new($"{given} indices for a tensor of {Dimensions} dimensions, [{string.Join(", ", shape)}]");

        public Tensor index(params TensorIndex[] indices)
        {
            var (view, places) = View(indices);
            if (places.Count > 0) return Replace(view, Op.IndexTensor.Call(view, Argument.OptionalTensors(places)));
            return ReferenceEquals(view, this) ? alias() : view;
        }

        public Tensor index(params Tensor[] indices) => index(Indices(indices));

        public Tensor index_put_(Tensor value, params TensorIndex[] indices) => index_put_(value, indices, accumulate: false);

        /// <summary>Writes (or, to accumulate, adds) <paramref name="value"/>, broadcast, at the places.</summary>
        public Tensor index_put_(Tensor value, TensorIndex[] indices, bool accumulate = false)
        {
            var (view, places) = View(indices);
            if (places.Count > 0) Op.IndexPut_.CallVoid(view, Argument.OptionalTensors(places), On(value, view), accumulate);
            else if (accumulate) Op.AddTensor_.CallVoid(view, value);
            else Op.Copy_.CallVoid(view, value);
            return Replace(view, this);
        }

        public Tensor index_put_(Tensor value, params Tensor[] indices) => index_put_(value, Indices(indices));
        public Tensor index_put_(Tensor value, Tensor[] indices, bool accumulate = false) =>
            index_put_(value, Indices(indices), accumulate);
        public Tensor index_put_(Scalar value, params TensorIndex[] indices) => index_put_(Of(value), indices);
        public Tensor index_put_(Scalar value, params Tensor[] indices) => index_put_(Of(value), Indices(indices));

        Tensor Of(Scalar value) => torch.full([], value, dtype, device);

        static Tensor On(Tensor value, Tensor place) =>
            value.dtype == place.dtype && (value.Dimensions == 0 || value.device_type == place.device_type)
            ? value : value.to(place.dtype, place.device);

        static TensorIndex[] Indices(Tensor[] tensors) => Array.ConvertAll(tensors, TensorIndex.Tensor);

        /// <summary>Applies what is a view; what remains are index tensors, null for a dimension that is taken whole.</summary>
        (Tensor View, List<Tensor?> Places) View(TensorIndex[] indices)
        {
            var named = 0L;     // dimensions of this tensor that the indices speak of
            foreach (ref readonly var i in indices.AsSpan())
                named += i.kind switch
                {
                    TensorIndex.Kind.Single or TensorIndex.Kind.Slice => 1,
                    TensorIndex.Kind.Tensor => i.tensor!.dtype is ScalarType.Bool or ScalarType.Byte ? i.tensor.Dimensions : 1,
                    _ => 0,
                };
            if (named > Dimensions) throw TooMany(indices.Length);

            var view = this;
            var places = new List<Tensor?>();
            var d = 0L;         // the dimension of the view that comes next
            void PlaceHere(Tensor index, long width)
            {
                while (places.Count < d) places.Add(null);
                places.Add(index);
                d += width;
            }
            foreach (var i in indices)
                switch (i.kind)
                {
                    case TensorIndex.Kind.Single:
                        view = Replace(view, Op.SelectInt.Call(view, d, i.start ?? throw new ArgumentException("an index without a value")));
                        break;
                    case TensorIndex.Kind.Slice:
                        if (i.step is <= 0) throw new ArgumentException($"a range's step is {i.step}; it has to be positive");
                        if (i.start is not null || i.stop is not null || i.step is not null and not 1)
                            view = Replace(view, Op.SliceTensor.Call(view, d, i.start, i.stop, i.step ?? 1));
                        d++;
                        break;
                    case TensorIndex.Kind.None:
                        view = Replace(view, view.unsqueeze(d++));
                        break;
                    case TensorIndex.Kind.Ellipsis:
                        d += Dimensions - named;
                        named = Dimensions;     // a second "…" stands for nothing
                        break;
                    case TensorIndex.Kind.Bool:
                        view = Replace(view, view.unsqueeze(d));
                        PlaceHere(torch.full([1], i.start != 0, ScalarType.Bool, device), 1);
                        break;
                    default:
                        PlaceHere(i.tensor!, Math.Max(1, i.tensor!.dtype is ScalarType.Bool or ScalarType.Byte ? i.tensor.Dimensions : 1));
                        break;
                }
            return (view, places);
        }
    }

    static partial class Op
    {
        internal static readonly Operator
            IndexPut_ = new("index_put_"), IndexTensor = new("index", "Tensor"), SelectInt = new("select", "int"),
            SliceTensor = new("slice", "Tensor");
    }
}
