// Matrix and vector products.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        static class Product
        {
            internal static readonly Operator matmul = new("matmul"), mm = new("mm"), bmm = new("bmm"), mv = new("mv"), dot = new("dot"), outer = new("outer"),
                addmm = new("addmm"), addmm_ = new("addmm_"), addmv = new("addmv"), baddbmm = new("baddbmm"), baddbmm_ = new("baddbmm_"), kron = new("kron");
        }

        public Tensor matmul(Tensor target) => Product.matmul.Call(this, target);
        public Tensor mm(Tensor target) => Product.mm.Call(this, target);
        public Tensor bmm(Tensor batch2) => Product.bmm.Call(this, batch2);
        public Tensor mv(Tensor target) => Product.mv.Call(this, target);
        public Tensor dot(Tensor target) => Product.dot.Call(this, target);
        public Tensor outer(Tensor vec2) => Product.outer.Call(this, vec2);
        public Tensor kron(Tensor other) => Product.kron.Call(this, other);
        public Tensor addmm(Tensor mat1, Tensor mat2, float beta = 1, float alpha = 1) => Product.addmm.Call(this, mat1, mat2, beta, alpha);
        public Tensor addmm_(Tensor mat1, Tensor mat2, float beta = 1, float alpha = 1) => Product.addmm_.Call(this, mat1, mat2, beta, alpha);
        public Tensor addmv(Tensor mat, Tensor vec, float beta = 1, float alpha = 1) => Product.addmv.Call(this, mat, vec, beta, alpha);
        public Tensor baddbmm(Tensor batch1, Tensor batch2, float beta = 1, float alpha = 1) => Product.baddbmm.Call(this, batch1, batch2, beta, alpha);
    }

    public static Tensor matmul(Tensor input, Tensor target) => input.matmul(target);
    public static Tensor mm(Tensor input, Tensor target) => input.mm(target);
    public static Tensor bmm(Tensor input, Tensor batch2) => input.bmm(batch2);
    public static Tensor mv(Tensor input, Tensor target) => input.mv(target);
    public static Tensor dot(Tensor input, Tensor other) => input.dot(other);
    public static Tensor outer(Tensor input, Tensor vec2) => input.outer(vec2);
    public static Tensor addmm(Tensor input, Tensor mat1, Tensor mat2, float beta, float alpha) => input.addmm(mat1, mat2, beta, alpha);
    public static Tensor einsum(string equation, params Tensor[] tensors) => EinsumOperator.Call(equation, tensors);
    static readonly Operator EinsumOperator = new("einsum");
}
