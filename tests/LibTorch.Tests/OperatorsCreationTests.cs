// Factories, arrays, conversions, random draws, text.
using TorchSharp;
using static TorchSharp.torch;

namespace LibTorch.Tests;

public class OperatorsCreationTests
{
    [Fact]
    public void Types_and_shapes_of_factories()
    {
        Assert.Equal((float32, int64, float32), (zeros(2, 3).dtype, arange(3).dtype, arange(0, 1, 0.25).dtype));
        Assert.Equal([0L, 1, 2], arange(3).data<long>().ToArray());
        Assert.Equal([1f, 3, 5], arange(1, 6, 2, float32).data<float>().ToArray());
        Assert.Equal([0f, 0.5f, 1], linspace(0, 1, 3).data<float>().ToArray());
        Assert.Equal([1f, 10, 100], logspace(0, 2, 3).data<float>().ToArray());
        Assert.Equal([1.0, 0, 0, 1, 0, 0], eye(3, 2, float64).data<double>().ToArray()[..2].Concat([0.0, 1, 0, 0]));
        Assert.Equal([7.0, 7], full([2], 7, float64).data<double>().ToArray());
        Assert.Equal([2L, 3, 4, 5], empty(2, 3, 4, 5).shape);
        Assert.Equal(Array.Empty<long>(), ones(Array.Empty<long>()).shape);
        Assert.True(ones(2, requires_grad: true).requires_grad);
        var x = tensor(new long[,] { { 1, 2 } });
        Assert.Equal((int64, float16), (zeros_like(x).dtype, ones_like(x, dtype: float16).dtype));
        Assert.Equal((int64, x.shape[1]), (x.new_full(2, 5).dtype, x.new_zeros(2).numel()));
        Assert.Contains("names", Assert.Throws<NotSupportedException>(() => zeros(2, names: ["n"])).Message);
    }

    [Fact]
    public void The_default_type_and_device_can_be_set()
    {
        set_default_dtype(float64);
        try { Assert.Equal((float64, float64), (zeros(1).dtype, rand(1).dtype)); }
        finally { set_default_dtype(float32); }
        Assert.Throws<ArgumentException>(() => set_default_dtype(int64));
        set_default_device(META);
        try { Assert.True(zeros(1000000, 1000000).is_meta); }
        finally { set_default_device(CPU); }
        Assert.Equal((float32, float64, int64, bfloat16), (promote_types(float16, float32), promote_types(float64, int64), promote_types(int32, int64), promote_types(bfloat16, int8)));
        Assert.False(can_cast(float32, int32));
        Assert.Equal(Math.ScaleB(1, -23), finfo(float32).eps);
    }

    [Fact]
    public void Numbers_keep_their_type()
    {
        Assert.Equal((float64, float32, int32, int64), (tensor(1.0).dtype, tensor(1f).dtype, tensor(1).dtype, tensor(1L).dtype));
        Assert.Equal((@bool, uint8, int8, int16), (tensor(true).dtype, tensor((byte)1).dtype, tensor((sbyte)1).dtype, tensor((short)1).dtype));
        Assert.Equal((float16, complex128, complex64), (tensor(new[] { (Half)1 }).dtype, tensor(1.0, 2.0).dtype, tensor(1f, 2f).dtype));
        Assert.Equal(bfloat16, tensor(new[] { 1.5, 2 }, dtype: bfloat16).dtype);
        Assert.Equal([1.0, 2, 3, 4, 5, 6], tensor(new double[,] { { 1, 2, 3 }, { 4, 5, 6 } }).data<double>().ToArray());
        Assert.Equal([2L, 1, 2], tensor(new float[,,] { { { 1, 2 } }, { { 3, 4 } } }).shape);
        Assert.Equal([2L, 2], tensor(new List<long> { 1, 2, 3, 4 }, 2, 2).shape);
        Assert.Equal([2L, 2], tensor(new[] { 1, 2, 3, 4 }, [2L, 2]).shape);
        Assert.Equal(6, (long)from_array(new long[,,] { { { 1, 2, 3 } } }).sum());
        Assert.Equal(float16, as_tensor(new[] { 1f, 2 }, float16).dtype);
        Assert.Equal([0L], tensor(Array.Empty<float>()).shape);
        Assert.True(tensor(new[] { 1f }, requires_grad: true).requires_grad);
        Assert.Equal(2.5, (double)2.5.ToTensor());
        Assert.Contains("4 values do not fill", Assert.Throws<ArgumentException>(() => tensor(new[] { 1, 2, 3, 4 }, [3L, 2])).Message);
        Assert.Contains("System.Decimal", Assert.Throws<ArgumentException>(() => from_array(new[] { 1m })).Message);
    }

    [Fact]
    public void Conversions_copy_only_where_they_must()
    {
        var x = tensor(new[] { 1.7f, -2.2f });
        var same = x.to(float32);
        Assert.NotSame(x, same);
        same[0] = 5f;
        Assert.Equal(5f, (float)x[0]);
        var copy = x.to(float32, copy: true);
        copy[0] = 6f;
        Assert.Equal(5f, (float)x[0]);
        Assert.Equal([5L, -2], x.@long().data<long>().ToArray());
        Assert.Equal((float16, bfloat16, float64, @bool, int8), (x.half().dtype, x.bfloat16().dtype, x.@double().dtype, x.@bool().dtype, x.@char().dtype));
        var y = x.to(float64, disposeAfter: true);
        Assert.True(x.IsInvalid);
        Assert.Equal(5, (double)y[0]);
        var z = y.to(float64, disposeAfter: true);
        Assert.True(y.IsInvalid);
        Assert.Equal(5, (double)z[0]);
        Assert.Equal((float32, float32), (z.to(zeros(1)).dtype, z.type_as(zeros(1)).dtype));
        Assert.True(z.to("meta").is_meta);
        Assert.Throws<ArgumentException>(() => z.cuda(CPU));
    }

    [Fact]
    public void Draws_follow_their_generator_and_their_law()
    {
        Generator G() => new(42);
        Assert.True(randn([100], generator: G()).allclose(randn([100], generator: G())));
        manual_seed(5);
        var first = rand(3);
        manual_seed(5);
        Assert.True(first.allclose(rand(3)));
        var n = 100_000;
        var normal = randn([n], float64, generator: G());
        Assert.Equal(0, (double)normal.mean(), 0.02);
        Assert.Equal(1, (double)normal.std(), 0.02);
        var uniform = empty(n).uniform_(-2, 4, G());
        Assert.Equal(1, (double)uniform.mean(), 0.03);
        Assert.InRange((double)uniform.min(), -2, -1.99);
        Assert.Equal(0.3, (double)empty(n).bernoulli_(0.3, G()).mean(), 0.01);
        Assert.Equal(3, (double)empty(n).normal_(3, 0.5, G()).mean(), 0.02);
        Assert.Equal(2, (double)empty(n).exponential_(0.5, G()).mean(), 0.05);
        var dice = randint(1, 7, [n], generator: G());
        Assert.Equal((int64, 1L, 6L), (dice.dtype, (long)dice.min(), (long)dice.max()));
        Assert.Equal(Enumerable.Range(0, 50).Select(i => (long)i), randperm(50, generator: G()).data<long>().ToArray().Order());
        var drawn = multinomial(tensor(new[] { 1.0, 0, 3 }), n, true, G());
        Assert.Equal([0.25, 0, 0.75], Enumerable.Range(0, 3).Select(k => (double)drawn.eq(k).@double().mean()), (a, b) => Math.Abs(a - b) < 0.01);
        Assert.Equal(2L, rand_like(zeros(2, 2)).ndim);
    }

    [Fact]
    public void Text_of_small_and_large_tensors()
    {
        set_printoptions(julia, newLine: "\n");
        try
        {
            Assert.Equal("[2x2], type = Float32, device = cpu\n   1 2.5\n  -3   4\n", tensor(new float[,] { { 1, 2.5f }, { -3, 4 } }).ToString());
            Assert.Equal("[], type = Int64, device = cpu, value = 7", tensor(7L).str());
            Assert.Equal("[[1, 2],\n [3, 4]]", tensor(new[,] { { 1, 2 }, { 3, 4 } }).npstr());
            Assert.Equal("[2], type = Bool, device = cpu, value = bool[] {true, false}", tensor(new[] { true, false }).cstr());
            Assert.Equal("[2], type = Float32, device = cpu, value = float[] {1f, 0.5f}", tensor(new[] { 1f, 0.5f }).cstr());
            Assert.Equal("[0, 1, 2, ..., 1997, 1998, 1999]", arange(2000).npstr().Replace("   ", "").Replace("  ", " ").Replace("[ ", "["));
            Assert.Equal(8, zeros(2000, 2000).ToString().Split('\n').Length - 1);
            Assert.Equal("[2x3], type = Float32, device = meta", zeros(2, 3, device: META).ToString());
            Assert.Equal("[0], type = Float32, device = cpu\n", zeros(0).ToString());
            Assert.Contains("[1, .., ..] =", zeros(2, 2, 2).ToString());
            Assert.Contains("1-2i", complex(tensor(new[] { 1f }), tensor(new[] { -2f })).ToString());
            var gone = zeros(1);
            gone.Dispose();
            Assert.Equal("a disposed tensor", gone.ToString());
        }
        finally { set_printoptions(julia, newLine: Environment.NewLine); }
    }

    [Fact]
    public void Elements_lists_and_streams()
    {
        var x = tensor(new[,] { { 1.5f, -2 }, { 3, 4 } });
        Assert.Equal(-2f, x.ReadCpuSingle(1));
        Assert.Equal(1.5f, x.bfloat16().ReadCpuBFloat16(0));
        Assert.Equal(3f, x.half().ReadCpuFloat16(2));
        Assert.Throws<IndexOutOfRangeException>(() => x.ReadCpuSingle(4));
        Assert.Throws<ArgumentException>(() => x.ReadCpuDouble(0));
        var rows = (System.Collections.ArrayList)x.tolist();
        Assert.Equal(4f, ((Scalar)((System.Collections.ArrayList)rows[1]!)[1]!).ToSingle());
        var stream = new MemoryStream();
        x.t().WriteBytesToStream(stream);
        stream.Position = 0;
        var y = zeros(2, 2);
        y.ReadBytesFromStream(stream);
        Assert.Equal([1.5f, 3, -2, 4], y.data<float>().ToArray());
        Assert.Throws<EndOfStreamException>(() => y.ReadBytesFromStream(stream));
        stream.SetLength(0);
        x.Save(stream);
        stream.Position = 0;
        Assert.True((bool)Tensor.Load(stream).eq(x).all());
        Assert.Equal([2L, 3, 4], broadcast_shapes([3, 1], [2, 1, 4]).Shape);
        Assert.Throws<ArgumentException>(() => broadcast_shapes([3], [4]));
    }
}
