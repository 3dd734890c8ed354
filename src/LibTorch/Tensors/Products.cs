// Products of vectors, matrices and batches of matrices; shapes stand at each.
using LibTorch;

namespace TorchSharp;

/// <summary>How <c>cdist</c> measures Euclidean distances: through a matrix product for many rows, always, never.</summary>
public enum compute_mode
{
    use_mm_for_euclid_dist_if_necessary = 0, use_mm_for_euclid_dist = 1, donot_use_mm_for_euclid_dist = 2
}

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>[…, n, k] x […, k, m] -> […, n, m], batches broadcast; a vector stands for a row or a column.</summary>
        public Tensor matmul(Tensor target) => Op.Matmul.Call(this, target);

        /// <summary>[n, k] x [k, m] -> [n, m]</summary>
        public Tensor mm(Tensor target) => Op.Mm.Call(this, target);

        /// <summary>[b, n, k] x [b, k, m] -> [b, n, m]</summary>
        public Tensor bmm(Tensor batch2) => Op.Bmm.Call(this, batch2);

        /// <summary>[n, k] x [k] -> [n]</summary>
        public Tensor mv(Tensor target) => Op.Mv.Call(this, target);
        public Tensor dot(Tensor target) => Op.Dot.Call(this, target);
        public Tensor vdot(Tensor target) => Op.Vdot.Call(this, target);

        /// <summary>[…, k] x […, k] -> […, …]</summary>
        public Tensor inner(Tensor vec2) => Op.Inner.Call(this, vec2);

        /// <summary>[n] x [m] -> [n, m]</summary>
        public Tensor outer(Tensor vec2) => Op.Outer.Call(this, vec2);
        public Tensor ger(Tensor vec2) => outer(vec2);
        public Tensor kron(Tensor other) => Op.Kron.Call(this, other);

        /// <summary>beta · this [n, m] + alpha · [n, k] x [k, m] -> [n, m]</summary>
        public Tensor addmm(Tensor mat1, Tensor mat2, float beta = 1, float alpha = 1) =>
            Op.Addmm.Call(this, mat1, mat2, beta, alpha);
        public Tensor addmm_(Tensor mat1, Tensor mat2, float beta = 1, float alpha = 1) =>
            InPlace(Op.Addmm_, this, mat1, mat2, beta, alpha);

        /// <summary>beta · this [n] + alpha · [n, k] x [k] -> [n]</summary>
        public Tensor addmv(Tensor mat, Tensor vec, float beta = 1, float alpha = 1) =>
            Op.Addmv.Call(this, mat, vec, beta, alpha);
        public Tensor addmv_(Tensor mat, Tensor vec, float beta = 1, float alpha = 1) =>
            InPlace(Op.Addmv_, this, mat, vec, beta, alpha);

        /// <summary>beta · this [n, m] + alpha · [n] x [m] -> [n, m]</summary>
        public Tensor addr(Tensor vec1, Tensor vec2, float beta = 1, float alpha = 1) =>
            Op.Addr.Call(this, vec1, vec2, beta, alpha);
        public Tensor addr_(Tensor vec1, Tensor vec2, float beta = 1, float alpha = 1) =>
            InPlace(Op.Addr_, this, vec1, vec2, beta, alpha);

        /// <summary>beta · this [n, m] + alpha · Σ_b [b, n, k] x [b, k, m] -> [n, m]</summary>
        public Tensor addbmm(Tensor batch1, Tensor batch2, float beta = 1, float alpha = 1) =>
            Op.Addbmm.Call(this, batch1, batch2, beta, alpha);
        public Tensor addbmm_(Tensor batch1, Tensor batch2, float beta = 1, float alpha = 1) =>
            InPlace(Op.Addbmm_, this, batch1, batch2, beta, alpha);

        /// <summary>beta · this [b, n, m] + alpha · [b, n, k] x [b, k, m] -> [b, n, m]</summary>
        public Tensor baddbmm(Tensor batch1, Tensor batch2, float beta = 1, float alpha = 1) =>
            Op.Baddbmm.Call(this, batch1, batch2, beta, alpha);

        /// <summary>Sums over the last <paramref name="dims"/> dimensions of this and the first of b.</summary>
        public Tensor tensordot(Tensor b, long dims = 2)
        {
            var count = (int)dims;
            if (count < 0 || count > Dimensions || count > b.Dimensions)
                throw new ArgumentException($"tensordot over {dims} dimensions of tensors that have {Dimensions} and {b.Dimensions}");
            return tensordot(b, [.. Enumerable.Range((int)Dimensions - count, count).Select(d => (long)d)],
                [.. Enumerable.Range(0, count).Select(d => (long)d)]);
        }

        public Tensor tensordot(Tensor b, long[] dims1, long[] dims2) => Op.Tensordot.Call(this, b, dims1, dims2);
        public Tensor tensordot(Tensor b, (long, long)[] dims) =>
            tensordot(b, Array.ConvertAll(dims, d => d.Item1), Array.ConvertAll(dims, d => d.Item2));

        public Tensor matrix_power(int n) => Op.MatrixPower.Call(this, n);
        public Tensor matrix_exp() => Op.LinalgMatrixExp.Call(this);
    }

    /// <summary>Einstein's summation: <c>einsum("bik,bkj->bij", a, b)</c> is a batched product.</summary>
    public static Tensor einsum(string equation, params Tensor[] tensors) => Op.Einsum.Call(equation, tensors);

    public static Tensor chain_matmul(params Tensor[] matrices) => Op.LinalgMultiDot.Call(matrices);

    /// <summary>[…, n, d], […, m, d] -> […, n, m] distances.</summary>
    public static Tensor cdist(Tensor x1, Tensor x2, double p = 2,
        compute_mode compute_mode = compute_mode.use_mm_for_euclid_dist_if_necessary) =>
        Op.Cdist.Call(x1, x2, p, (long)compute_mode);

    public static Tensor addmv(Tensor input, Tensor mat1, Tensor mat2, float beta, float alpha) =>
        input.addmv(mat1, mat2, beta, alpha);
    public static Tensor addmv_(Tensor input, Tensor mat1, Tensor mat2, float beta, float alpha) =>
        input.addmv_(mat1, mat2, beta, alpha);

    public static Tensor matmul(Tensor input, Tensor target) => input.matmul(target);
    public static Tensor mm(Tensor input, Tensor target) => input.mm(target);
    public static Tensor bmm(Tensor input, Tensor batch2) => input.bmm(batch2);
    public static Tensor mv(Tensor input, Tensor target) => input.mv(target);
    public static Tensor dot(Tensor input, Tensor other) => input.dot(other);
    public static Tensor vdot(Tensor input, Tensor target) => input.vdot(target);
    public static Tensor inner(Tensor input, Tensor vec2) => input.inner(vec2);
    public static Tensor outer(Tensor input, Tensor vec2) => input.outer(vec2);
    public static Tensor ger(Tensor input, Tensor vec2) => input.ger(vec2);
    public static Tensor kron(Tensor input, Tensor other) => input.kron(other);
    public static Tensor addmm(Tensor input, Tensor mat1, Tensor mat2, float beta, float alpha) =>
        input.addmm(mat1, mat2, beta, alpha);
    public static Tensor addmm_(Tensor input, Tensor mat1, Tensor mat2, float beta, float alpha) =>
        input.addmm_(mat1, mat2, beta, alpha);
    public static Tensor addr(Tensor input, Tensor vec1, Tensor vec2, float beta = 1, float alpha = 1) =>
        input.addr(vec1, vec2, beta, alpha);
    public static Tensor addr_(Tensor input, Tensor vec1, Tensor vec2, float beta = 1, float alpha = 1) =>
        input.addr_(vec1, vec2, beta, alpha);
    public static Tensor addbmm(Tensor input, Tensor batch1, Tensor batch2, float beta = 1, float alpha = 1) =>
        input.addbmm(batch1, batch2, beta, alpha);
    public static Tensor addbmm_(Tensor input, Tensor batch1, Tensor batch2, float beta = 1, float alpha = 1) =>
        input.addbmm_(batch1, batch2, beta, alpha);
    public static Tensor baddbmm(Tensor input, Tensor batch1, Tensor batch2, float beta = 1, float alpha = 1) =>
        input.baddbmm(batch1, batch2, beta, alpha);
    public static Tensor tensordot(Tensor a, Tensor b, long[] dims1, long[] dims2) => a.tensordot(b, dims1, dims2);
    public static Tensor tensordot(Tensor a, Tensor b, (long, long)[] dims) => a.tensordot(b, dims);
    public static Tensor matrix_power(Tensor input, int n) => input.matrix_power(n);
    public static Tensor matrix_exp(Tensor input) => input.matrix_exp();

    static partial class Op
    {
        internal static readonly Operator
            Addbmm = new("addbmm"), Addbmm_ = new("addbmm_"), Addmm = new("addmm"), Addmm_ = new("addmm_"), Addmv = new("addmv"),
            Addmv_ = new("addmv_"), Addr = new("addr"), Addr_ = new("addr_"), Baddbmm = new("baddbmm"), Bmm = new("bmm"),
            Cdist = new("cdist"), Dot = new("dot"), Einsum = new("einsum"), Inner = new("inner"), Kron = new("kron"),
            Matmul = new("matmul"), MatrixPower = new("matrix_power"), Mm = new("mm"), Mv = new("mv"), Outer = new("outer"),
            Tensordot = new("tensordot"), Vdot = new("vdot");
    }
}
