// Random numbers. A generator of its own makes a draw independent of the global one, which torch.manual_seed sets.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    static Tensor Draw(Operator op, long[] size, ScalarType? dtype, Device? device, bool requires_grad, Generator? generator,
        string[]? names) =>
        Finish(op.Call(size, generator, dtype ?? get_default_dtype(), Argument.None, DeviceOr(device), Argument.None),
            requires_grad, names);

    // Uniform over [0, 1).
    public static Tensor rand(ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandGenerator, size.ToArray(), dtype, device, requires_grad, generator, names);
    public static Tensor rand(int size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
        Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandGenerator, [size], dtype, device, requires_grad, generator, names);
    public static Tensor rand(long size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
        Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandGenerator, [size], dtype, device, requires_grad, generator, names);
    public static Tensor rand(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
        Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandGenerator, size, dtype, device, requires_grad, generator, names);
    public static Tensor rand(int rows, int columns, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
        Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandGenerator, [rows, columns], dtype, device, requires_grad, generator, names);
    public static Tensor rand(long rows, long columns, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandGenerator, [rows, columns], dtype, device, requires_grad, generator, names);
    public static Tensor rand(int dim0, int dim1, int dim2, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandGenerator, [dim0, dim1, dim2], dtype, device, requires_grad, generator, names);
    public static Tensor rand(long dim0, long dim1, long dim2, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandGenerator, [dim0, dim1, dim2], dtype, device, requires_grad, generator, names);
    public static Tensor rand(int dim0, int dim1, int dim2, int dim3, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandGenerator, [dim0, dim1, dim2, dim3], dtype, device, requires_grad, generator, names);
    public static Tensor rand(long dim0, long dim1, long dim2, long dim3, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandGenerator, [dim0, dim1, dim2, dim3], dtype, device, requires_grad, generator, names);

    // Standard normal.
    public static Tensor randn(ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandnGenerator, size.ToArray(), dtype, device, requires_grad, generator, names);
    public static Tensor randn(int size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
        Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandnGenerator, [size], dtype, device, requires_grad, generator, names);
    public static Tensor randn(long size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
        Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandnGenerator, [size], dtype, device, requires_grad, generator, names);
    public static Tensor randn(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
        Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandnGenerator, size, dtype, device, requires_grad, generator, names);
    public static Tensor randn(int rows, int columns, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
        Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandnGenerator, [rows, columns], dtype, device, requires_grad, generator, names);
    public static Tensor randn(long rows, long columns, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandnGenerator, [rows, columns], dtype, device, requires_grad, generator, names);
    public static Tensor randn(int dim0, int dim1, int dim2, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandnGenerator, [dim0, dim1, dim2], dtype, device, requires_grad, generator, names);
    public static Tensor randn(long dim0, long dim1, long dim2, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandnGenerator, [dim0, dim1, dim2], dtype, device, requires_grad, generator, names);
    public static Tensor randn(int dim0, int dim1, int dim2, int dim3, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandnGenerator, [dim0, dim1, dim2, dim3], dtype, device, requires_grad, generator, names);
    public static Tensor randn(long dim0, long dim1, long dim2, long dim3, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Draw(Op.RandnGenerator, [dim0, dim1, dim2, dim3], dtype, device, requires_grad, generator, names);

    // Integers in [low, high), int64 unless dtype says otherwise.
    public static Tensor randint(int high, int[] size, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        randint((long)0, (long)high, Array.ConvertAll(size, s => (long)s), dtype, device, requires_grad, generator, names);
    public static Tensor randint(int low, int high, int[] size, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        randint((long)low, (long)high, Array.ConvertAll(size, s => (long)s), dtype, device, requires_grad, generator, names);
    public static Tensor randint(long high, long[] size, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        randint(0L, high, size, dtype, device, requires_grad, generator, names);
    public static Tensor randint(long high, Size size, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        randint(0L, high, size.Shape, dtype, device, requires_grad, generator, names);
    public static Tensor randint(long low, long high, long[] size, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Finish(Op.RandintLowGenerator.Call(low, high, size, generator, dtype ?? ScalarType.Int64, Argument.None, DeviceOr(device),
            Argument.None), requires_grad, names);
    public static Tensor randint(long low, long high, Size size, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        randint(low, high, size.Shape, dtype, device, requires_grad, generator, names);

    /// <summary>A random permutation of 0 … n − 1.</summary>
    public static Tensor randperm(long n, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
        Generator? generator = null) =>
        Finish(Op.RandpermGenerator.Call(n, generator, dtype ?? ScalarType.Int64, Argument.None, DeviceOr(device), Argument.None),
            requires_grad);

    public static Tensor normal(double mean, double std, ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Finish(randn(size, dtype, device, false, generator).mul_(std).add_(mean), requires_grad, names);
    public static Tensor normal(Tensor mean, Tensor std, Generator? generator = null) =>
        Op.NormalTensorTensor.Call(mean, std, generator);

    public partial class Tensor
    {
        public Tensor uniform_(double from, double to, Generator? generator = null) =>
            InPlace(Op.Uniform_, this, from, to, generator);
        public Tensor normal_(double mean = 0, double std = 1, Generator? generator = null) =>
            InPlace(Op.Normal_, this, mean, std, generator);
        public Tensor log_normal_(double mean = 0, double std = 1, Generator? generator = null) =>
            InPlace(Op.LogNormal_, this, mean, std, generator);
        public Tensor exponential_(double lambda = 1, Generator? generator = null) =>
            InPlace(Op.Exponential_, this, lambda, generator);
        public Tensor cauchy_(double median = 0, double sigma = 1, Generator? generator = null) =>
            InPlace(Op.Cauchy_, this, median, sigma, generator);
        public Tensor geometric_(double p, Generator? generator = null) => InPlace(Op.Geometric_, this, p, generator);

        /// <summary>Whole numbers in [from, to).</summary>
        public Tensor random_(double from, double to, Generator? generator = null) =>
            InPlace(Op.RandomFrom_, this, (long)from, (long)to, generator);
        public Tensor bernoulli_(double p = 0.5, Generator? generator = null) => InPlace(Op.BernoulliFloat_, this, p, generator);
        public Tensor bernoulli_(Tensor p, Generator? generator = null) => InPlace(Op.BernoulliTensor_, this, p, generator);

        /// <summary>1 with the probability that stands at each place.</summary>
        public Tensor bernoulli(Generator? generator = null) => Op.Bernoulli.Call(this, generator);
        public Tensor poisson(Generator? generator = null) => Op.Poisson.Call(this, generator);
        public Tensor binomial(Tensor prob, Generator? generator = null) => Op.Binomial.Call(this, prob, generator);

        /// <summary>Indices drawn in proportion to a row's weights: [k] or [rows, k] -> […, num_samples].</summary>
        public Tensor multinomial(long num_samples, bool replacement = false, Generator? generator = null) =>
            Op.Multinomial.Call(this, num_samples, replacement, generator);
    }

    public static Tensor bernoulli(Tensor input, Generator? generator = null) => input.bernoulli(generator);
    public static Tensor poisson(Tensor input, Generator? generator = null) => input.poisson(generator);
    public static Tensor binomial(Tensor count, Tensor probs, Generator? generator = null) => count.binomial(probs, generator);
    public static Tensor multinomial(Tensor input, long num_samples, bool replacement = false, Generator? generator = null) =>
        input.multinomial(num_samples, replacement, generator);

    static partial class Op
    {
        internal static readonly Operator
            Bernoulli = new("bernoulli"), BernoulliFloat_ = new("bernoulli_", "float"),
            BernoulliTensor_ = new("bernoulli_", "Tensor"), Binomial = new("binomial"), Cauchy_ = new("cauchy_"),
            Exponential_ = new("exponential_"), Geometric_ = new("geometric_"), LogNormal_ = new("log_normal_"),
            Multinomial = new("multinomial"), NormalTensorTensor = new("normal", "Tensor_Tensor"), Normal_ = new("normal_"),
            Poisson = new("poisson"), RandGenerator = new("rand", "generator"),
            RandintLowGenerator = new("randint", "low_generator"), RandnGenerator = new("randn", "generator"),
            RandomFrom_ = new("random_", "from"), RandpermGenerator = new("randperm", "generator"), Uniform_ = new("uniform_");
    }
}
