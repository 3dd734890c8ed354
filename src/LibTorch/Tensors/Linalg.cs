// torch.linalg: factorizations, norms and solvers. Inputs may be batches: every shape below may have leading dimensions.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public static partial class linalg
    {
        /// <summary>Q [m, k] and R [k, n] with k = min(m, n); complete: k = m; only R.</summary>
        public enum QRMode { Reduced = 0, Complete = 1, R = 2 }

        /// <summary>[m, n] -> U [m, k], S [k] descending, Vh [k, n] with k = min(m, n); with full matrices U [m, m], Vh [n, n].</summary>
        public static (Tensor U, Tensor S, Tensor Vh) svd(Tensor input, bool fullMatrices = true) =>
            Op.LinalgSvd.CallTriple(input, fullMatrices);
        public static Tensor svdvals(Tensor input) => Op.LinalgSvdvals.Call(input);
        public static (Tensor Q, Tensor R) qr(Tensor input, QRMode mode = QRMode.Reduced) => Op.LinalgQr.CallPair(input,
            mode switch
        {
            QRMode.Reduced => "reduced",
            QRMode.Complete => "complete",
            QRMode.R => "r",
            _ => throw new ArgumentException($"qr: there is no mode {(int)mode}"),
        });

        /// <summary>Eigenvalues and eigenvectors of any square matrix, complex.</summary>
        public static (Tensor, Tensor) eig(Tensor input) => Op.LinalgEig.CallPair(input);
        public static Tensor eigvals(Tensor input) => Op.LinalgEigvals.Call(input);

        /// <summary>Of a symmetric matrix, of which only the lower (L) or upper (U) triangle is read; eigenvalues ascending.</summary>
        public static (Tensor, Tensor) eigh(Tensor input, char UPLO = 'L') => Op.LinalgEigh.CallPair(input, UPLO.ToString());
        public static Tensor eigvalsh(Tensor input, char UPLO = 'L') => Op.LinalgEigvalsh.Call(input, UPLO.ToString());

        public static Tensor cholesky(Tensor input) => Op.LinalgCholesky.Call(input);
        public static (Tensor L, Tensor info) cholesky_ex(Tensor input, bool check_errors = false) =>
            Op.LinalgCholeskyEx.CallPair(input, false, check_errors);
        public static (Tensor P, Tensor L, Tensor U) lu(Tensor input, bool pivot = true) => Op.LinalgLu.CallTriple(input, pivot);
        public static (Tensor LU, Tensor Pivots) lu_factor(Tensor input, bool pivot = true) =>
            Op.LinalgLuFactor.CallPair(input, pivot);
        public static (Tensor LU, Tensor Pivots) ldl_factor(Tensor input, bool hermitian = true) =>
            Op.LinalgLdlFactor.CallPair(input, hermitian);
        public static (Tensor LU, Tensor Pivots, Tensor Info) ldl_factor_ex(Tensor input, bool hermitian = true,
            bool check_errors = false) =>
            Op.LinalgLdlFactorEx.CallTriple(input, hermitian, check_errors);

        public static Tensor det(Tensor input) => Op.LinalgDet.Call(input);
        public static (Tensor, Tensor) slogdet(Tensor input) => Op.LinalgSlogdet.CallPair(input);
        public static Tensor inv(Tensor input) => Op.LinalgInv.Call(input);
        public static (Tensor L, Tensor info) inv_ex(Tensor input, bool check_errors = false) =>
            Op.LinalgInvEx.CallPair(input, check_errors);

        /// <summary>Singular values up to max(atol, rtol · largest) count as zero; rtol is max(m, n) · ε unless something is given.</summary>
        public static Tensor pinv(Tensor input, double? atol = null, double? rtol = null, bool hermitian = false) =>
            Op.LinalgPinvAtolRtolFloat.Call(input, atol, rtol, hermitian);
        public static Tensor pinv(Tensor input, Tensor atol, Tensor? rtol = null, bool hermitian = false) =>
            Op.LinalgPinvAtolRtolTensor.Call(input, atol, rtol, hermitian);

        /// <inheritdoc cref="pinv(Tensor, double?, double?, bool)"/>
        public static Tensor matrix_rank(Tensor input, double? atol = null, double? rtol = null, bool hermitian = false) =>
            Op.LinalgMatrixRankAtolRtolFloat.Call(input, atol, rtol, hermitian);
        public static Tensor matrix_rank(Tensor input, Tensor atol, Tensor? rtol = null, bool hermitian = false) =>
            Op.LinalgMatrixRankAtolRtolTensor.Call(input, atol, rtol, hermitian);

        /// <summary>X with A X = B: [n, n], [n, k] -> [n, k]; left: false solves X A = B.</summary>
        public static Tensor solve(Tensor A, Tensor B, bool left = true) => Op.LinalgSolve.Call(A, B, left);
        public static (Tensor result, Tensor info) solve_ex(Tensor A, Tensor B, bool left = true, bool check_errors = false) =>
            Op.LinalgSolveEx.CallPair(A, B, left, check_errors);
        public static Tensor solve_triangular(Tensor A, Tensor B, bool upper, bool left = true, bool unitriangular = false,
            Tensor? @out = null) =>
            @out is null ? Op.LinalgSolveTriangular.Call(A, B, upper, left, unitriangular)
            : Op.LinalgSolveTriangularOut.Call(A, B, upper, left, unitriangular, @out);
        public static Tensor lu_solve(Tensor LU, Tensor pivots, Tensor B, bool left = true, bool adjoint = false,
            Tensor? @out = null) =>
            @out is null ? Op.LinalgLuSolve.Call(LU, pivots, B, left, adjoint) : Op.LinalgLuSolveOut.Call(LU, pivots, B, left,
                adjoint, @out);
        public static Tensor ldl_solve(Tensor LD, Tensor pivots, Tensor B, bool hermitian = false) =>
            Op.LinalgLdlSolve.Call(LD, pivots, B, hermitian);

        /// <summary>X that minimizes ‖A X − B‖: [m, n], [m, k] -> [n, k].</summary>
        public static (Tensor Solution, Tensor Residuals, Tensor Rank, Tensor SingularValues) lstsq(Tensor input, Tensor other) =>
            Four(Op.LinalgLstsq.CallList(input, other));
        public static (Tensor Solution, Tensor Residuals, Tensor Rank, Tensor SingularValues) lstsq(Tensor input, Tensor other,
            double rcond) =>
            Four(Op.LinalgLstsq.CallList(input, other, rcond));

        static (Tensor, Tensor, Tensor, Tensor) Four(Tensor[] list) => (list[0], list[1], list[2], list[3]);

        public static Tensor tensorinv(Tensor input, long ind) => Op.LinalgTensorinv.Call(input, ind);
        public static Tensor tensorsolve(Tensor A, Tensor B, long[] dims) => Op.LinalgTensorsolve.Call(A, B, dims);

        /// <summary>The p-norm of vectors along <paramref name="dims"/>, of all elements without them.</summary>
        public static Tensor vector_norm(Tensor input, double ord = 2, long[]? dims = null, bool keepdim = false) =>
            Op.LinalgVectorNorm.Call(input, ord, dims, keepdim);

        /// <summary>"fro" or "nuc", over the last two dimensions unless others are given.</summary>
        public static Tensor matrix_norm(Tensor input, string ord = "fro", long[]? dims = null, bool keepdim = false) =>
            Op.LinalgMatrixNormStrOrd.Call(input, ord, dims ?? [-2, -1], keepdim);

        /// <summary>±1: largest (smallest) column sum, ±∞: row sum, ±2: singular value.</summary>
        public static Tensor matrix_norm(Tensor input, double ord, long[]? dims = null, bool keepdim = false) =>
            Op.LinalgMatrixNorm.Call(input, ord, dims ?? [-2, -1], keepdim);
        public static Tensor norm(Tensor input, long[]? dims = null, bool keepdim = false) =>
            Op.LinalgNorm.Call(input, Argument.None, dims, keepdim);
        public static Tensor norm(Tensor input, double ord, long[]? dims = null, bool keepdim = false) =>
            Op.LinalgNorm.Call(input, ord, dims, keepdim);
        public static Tensor norm(Tensor input, int ord, long[]? dims = null, bool keepdim = false) =>
            Op.LinalgNorm.Call(input, ord, dims, keepdim);
        public static Tensor norm(Tensor input, string ord, long[]? dims = null, bool keepdim = false) =>
            Op.LinalgNormOrdStr.Call(input, ord, dims, keepdim);

        public static Tensor cond(Tensor input) => Op.LinalgCond.Call(input);
        public static Tensor cond(Tensor input, double p) => Op.LinalgCond.Call(input, p);
        public static Tensor cond(Tensor input, int p) => Op.LinalgCond.Call(input, p);
        public static Tensor cond(Tensor input, string p) => Op.LinalgCondPStr.Call(input, p);

        public static Tensor cross(Tensor input, Tensor other, long dim = -1) => Op.LinalgCross.Call(input, other, dim);
        public static Tensor diagonal(Tensor input, int offset = 0, int dim1 = -2, int dim2 = -1) =>
            Op.LinalgDiagonal.Call(input, offset, dim1, dim2);
        public static Tensor householder_product(Tensor A, Tensor tau) => Op.LinalgHouseholderProduct.Call(A, tau);
        public static Tensor matrix_exp(Tensor input) => Op.LinalgMatrixExp.Call(input);
        public static Tensor multi_dot(IList<Tensor> tensors) => Op.LinalgMultiDot.Call(tensors.ToArray());
        public static Tensor vander(Tensor input, long? N = null) => Op.LinalgVander.Call(input, N);
        public static Tensor vecdot(Tensor x, Tensor y, long dim = -1, Tensor? @out = null) =>
            @out is null ? Op.LinalgVecdot.Call(x, y, dim) : Op.LinalgVecdotOut.Call(x, y, dim, @out);
    }

    public partial class Tensor
    {
        public Tensor det() => linalg.det(this);
        public Tensor logdet() => Op.Logdet.Call(this);
        public Tensor inverse() => linalg.inv(this);
        public Tensor pinverse(double rcond = 1e-15, bool hermitian = false) =>
            linalg.pinv(this, rtol: rcond, hermitian: hermitian);
        public Tensor cholesky(bool upper = false) => Op.LinalgCholesky.Call(this, upper);
        public Tensor cholesky_inverse(bool upper = false) => Op.CholeskyInverse.Call(this, upper);
        public Tensor cholesky_solve(Tensor input2, bool upper = false) => Op.CholeskySolve.Call(this, input2, upper);
        public (Tensor a, Tensor tau) geqrf() => Op.Geqrf.CallPair(this);
        public Tensor ormqr(Tensor tau, Tensor other, bool left = true, bool transpose = false) =>
            Op.Ormqr.Call(this, tau, other, left, transpose);
    }

    public static (Tensor res, Tensor logabsdet) slogdet(Tensor A) => linalg.slogdet(A);
    public static Tensor cholesky(Tensor input) => input.cholesky();
    public static Tensor orgqr(Tensor input, Tensor tau) => linalg.householder_product(input, tau);
    public static Tensor lu_solve(Tensor b, Tensor LU_data, Tensor LU_pivots) => linalg.lu_solve(LU_data, LU_pivots, b);

    /// <summary>Singular values up to <paramref name="tol"/> count as zero; the default is the largest times max(m, n) · ε.</summary>
    public static Tensor matrix_rank(Tensor input, float? tol = null, bool symmetric = false) =>
        linalg.matrix_rank(input, atol: tol, hermitian: symmetric);

    public static Tensor det(Tensor input) => input.det();
    public static Tensor logdet(Tensor input) => input.logdet();
    public static Tensor inverse(Tensor input) => input.inverse();
    public static Tensor pinverse(Tensor input, double rcond = 1e-15, bool hermitian = false) => input.pinverse(rcond, hermitian);
    public static Tensor cholesky(Tensor input, bool upper) => input.cholesky(upper);
    public static Tensor cholesky_inverse(Tensor input, bool upper = false) => input.cholesky_inverse(upper);
    public static Tensor cholesky_solve(Tensor input, Tensor input2, bool upper = false) => input.cholesky_solve(input2, upper);
    public static (Tensor a, Tensor tau) geqrf(Tensor input) => input.geqrf();
    public static Tensor ormqr(Tensor input, Tensor tau, Tensor other, bool left = true, bool transpose = false) =>
        input.ormqr(tau, other, left, transpose);

    static partial class Op
    {
        internal static readonly Operator
            CholeskyInverse = new("cholesky_inverse"), CholeskySolve = new("cholesky_solve"), Geqrf = new("geqrf"),
            LinalgCholesky = new("linalg_cholesky"), LinalgCholeskyEx = new("linalg_cholesky_ex"),
                LinalgCond = new("linalg_cond"),
            LinalgCondPStr = new("linalg_cond", "p_str"), LinalgCross = new("linalg_cross"), LinalgDet = new("linalg_det"),
            LinalgDiagonal = new("linalg_diagonal"), LinalgEig = new("linalg_eig"), LinalgEigh = new("linalg_eigh"),
            LinalgEigvals = new("linalg_eigvals"), LinalgEigvalsh = new("linalg_eigvalsh"),
            LinalgHouseholderProduct = new("linalg_householder_product"), LinalgInv = new("linalg_inv"),
            LinalgInvEx = new("linalg_inv_ex"), LinalgLdlFactor = new("linalg_ldl_factor"),
            LinalgLdlFactorEx = new("linalg_ldl_factor_ex"), LinalgLdlSolve = new("linalg_ldl_solve"),
            LinalgLstsq = new("linalg_lstsq"), LinalgLu = new("linalg_lu"), LinalgLuFactor = new("linalg_lu_factor"),
            LinalgLuSolve = new("linalg_lu_solve"), LinalgLuSolveOut = new("linalg_lu_solve", "out"),
            LinalgMatrixExp = new("linalg_matrix_exp"), LinalgMatrixNorm = new("linalg_matrix_norm"),
            LinalgMatrixNormStrOrd = new("linalg_matrix_norm", "str_ord"),
            LinalgMatrixRankAtolRtolFloat = new("linalg_matrix_rank", "atol_rtol_float"),
            LinalgMatrixRankAtolRtolTensor = new("linalg_matrix_rank", "atol_rtol_tensor"),
                LinalgMultiDot = new("linalg_multi_dot"),
            LinalgNorm = new("linalg_norm"), LinalgNormOrdStr = new("linalg_norm", "ord_str"),
            LinalgPinvAtolRtolFloat = new("linalg_pinv", "atol_rtol_float"),
            LinalgPinvAtolRtolTensor = new("linalg_pinv", "atol_rtol_tensor"), LinalgQr = new("linalg_qr"),
            LinalgSlogdet = new("linalg_slogdet"), LinalgSolve = new("linalg_solve"), LinalgSolveEx = new("linalg_solve_ex"),
            LinalgSolveTriangular = new("linalg_solve_triangular"), LinalgSolveTriangularOut = new("linalg_solve_triangular",
                "out"),
            LinalgSvd = new("linalg_svd"), LinalgSvdvals = new("linalg_svdvals"), LinalgTensorinv = new("linalg_tensorinv"),
            LinalgTensorsolve = new("linalg_tensorsolve"), LinalgVander = new("linalg_vander"),
                LinalgVecdot = new("linalg_vecdot"),
            LinalgVecdotOut = new("linalg_vecdot", "out"), LinalgVectorNorm = new("linalg_vector_norm"), Logdet = new("logdet"),
            Ormqr = new("ormqr");
    }
}
