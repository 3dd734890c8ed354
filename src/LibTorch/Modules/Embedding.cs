// A table of vectors, looked up by integer.
using LibTorch;
using TorchSharp.Utils;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            /// <summary>Rows drawn from N(0, 1). The row <paramref name="padding_idx"/> is zero and never trained; rows longer than
            /// <paramref name="max_norm"/> are scaled down, in place, when they are looked up.</summary>
            public static Modules.Embedding Embedding(long num_embeddings, long embedding_dims, long? padding_idx = null, double? max_norm = null,
                double norm_type = 2, bool scale_grad_by_freq = false, bool sparse = false, Device? device = null, ScalarType? dtype = null)
            {
                if (padding_idx is { } row && (row < -num_embeddings || row >= num_embeddings))
                    throw new ArgumentOutOfRangeException(nameof(padding_idx), $"padding_idx {row} is not one of {num_embeddings} rows");
                var padding = padding_idx < 0 ? padding_idx + num_embeddings : padding_idx;
                var table = init.normal_(Allocate.Empty([num_embeddings, embedding_dims], device, dtype));
                return new Modules.Embedding(new(table), padding, max_norm, norm_type, scale_grad_by_freq, sparse);
            }
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>ids [...] int64 of a table weight [rows, width] -> [..., width].</summary>
    public sealed class Embedding : Module<Tensor, Tensor>
    {
        static readonly Operator Lookup = new("embedding"), Renormalize = new("embedding_renorm_"), Select = new("select", "int"), Zero = new("zero_");

        [ComponentName(Name = nameof(weight))] Parameter table = null!;
        readonly long? padding;
        readonly double? maxNorm;
        readonly double normType;
        readonly bool scaleByFrequency, sparse;

        internal Embedding(Parameter weight, long? padding, double? maxNorm, double normType, bool scaleByFrequency, bool sparse) : base(nameof(Embedding))
        {
            (this.padding, this.maxNorm, this.normType, this.scaleByFrequency, this.sparse) = (padding, maxNorm, normType, scaleByFrequency, sparse);
            this.weight = weight;
            if (padding is not { } row) return;
            using var guard = no_grad();
            using var view = Select.Call(weight, 0, row);
            Zero.CallVoid(view);
        }

        public Parameter weight
        {
            get => table;
            set => ConditionallyRegisterParameter(nameof(weight), table = value);
        }

        public override Tensor forward(Tensor input)
        {
            if (maxNorm is { } limit)
                using (no_grad()) Renormalize.CallVoid(table, input, limit, normType);
            return Lookup.Call(table, input, padding ?? -1, scaleByFrequency, sparse);
        }
    }
}
