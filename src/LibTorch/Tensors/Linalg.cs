// torch.linalg: decompositions and norms.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public static partial class linalg
    {
        static readonly Operator Svd = new("linalg_svd"), Svdvals = new("linalg_svdvals"), Qr = new("linalg_qr"), Rank = new("linalg_matrix_rank", "atol_rtol_float"),
            VectorNorm = new("linalg_vector_norm"), Norm = new("linalg_norm"), NormName = new("linalg_norm", "ord_str"), MatrixNorm = new("linalg_matrix_norm", "str_ord");

        public enum QRMode { Reduced = 0, Complete = 1, R = 2 }

        public static (Tensor U, Tensor S, Tensor Vh) svd(Tensor input, bool fullMatrices = true) => Svd.CallTriple(input, fullMatrices);
        public static Tensor svdvals(Tensor input) => Svdvals.Call(input);
        public static (Tensor Q, Tensor R) qr(Tensor input, QRMode mode = QRMode.Reduced) => Qr.CallPair(input, mode switch { QRMode.Complete => "complete", QRMode.R => "r", _ => "reduced" });
        public static Tensor matrix_rank(Tensor input, double? atol = null, double? rtol = null, bool hermitian = false) => Rank.Call(input, atol, rtol, hermitian);
        public static Tensor vector_norm(Tensor input, double ord = 2, long[]? dims = null, bool keepdim = false) => VectorNorm.Call(input, ord, dims, keepdim);
        public static Tensor norm(Tensor input, long[]? dims = null, bool keepdim = false) => Norm.Call(input, Argument.None, dims, keepdim);
        public static Tensor norm(Tensor input, double ord, long[]? dims = null, bool keepdim = false) => Norm.Call(input, ord, dims, keepdim);
        public static Tensor norm(Tensor input, string ord, long[]? dims = null, bool keepdim = false) => NormName.Call(input, ord, dims, keepdim);
        public static Tensor matrix_norm(Tensor input, string ord = "fro", long[]? dims = null, bool keepdim = false) => MatrixNorm.Call(input, ord, dims ?? [-2, -1], keepdim);
    }
}
