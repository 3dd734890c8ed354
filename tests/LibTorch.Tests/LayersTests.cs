using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace LibTorch.Tests;

/// <summary>Layers, functions and initializations against closed forms.</summary>
public class LayersTests
{
    static Tensor Of(params double[] values) => tensor(values);

    static double[] Values(Tensor t) => t.detach().to(float64).contiguous().data<double>().ToArray();

    static void Close(double[] expected, Tensor actual, double tolerance = 1e-6)
    {
        var values = Values(actual);
        Assert.Equal(expected.Length, values.Length);
        for (var i = 0; i < values.Length; i++) Assert.Equal(expected[i], values[i], tolerance);
    }

    [Fact]
    public void Linear_multiplies_and_adds()
    {
        using var layer = Linear(Parameter(tensor(new[,] { { 1.0, 2 }, { 3, 4 }, { 5, 6 } })), Parameter(Of(10, 20, 30)));
        var x = tensor(new[,] { { 1.0, -1 } });
        Close([9, 19, 29], layer.call(x));
        layer.call(x).sum().backward();
        Close([1, -1, 1, -1, 1, -1], layer.weight.grad!);
        Close([1, 1, 1], layer.bias!.grad!);
        Assert.Equal((2, 3), (layer.in_features, layer.out_features));
        Assert.ThrowsAny<Exception>(() => layer.call(zeros(1, 3, float64)));

        using var drawn = Linear(64, 1000, dtype: float64);
        var bound = 1 / Math.Sqrt(64);
        Assert.All(Values(drawn.weight).Concat(Values(drawn.bias!)), w => Assert.InRange(w, -bound, bound));
        Assert.Equal(bound / Math.Sqrt(3), drawn.weight.std().item<double>(), 0.002);
        Assert.Null(Linear(2, 2, hasBias: false).bias);
        Assert.True(Linear(1 << 20, 1 << 20, device: META).weight.is_meta);   // 4 TB, of which nothing is allocated
    }

    [Fact]
    public void Embedding_looks_rows_up()
    {
        using var table = Embedding(4, 3, padding_idx: -3);
        var ids = tensor(new long[] { 2, 1, 2 });
        var rows = table.call(ids);
        Assert.Equal(Values(table.weight[2]), Values(rows[0]));
        Close([0, 0, 0], rows[1]);
        rows.sum().backward();
        Close([0, 0, 0, 0, 0, 0, 2, 2, 2, 0, 0, 0], table.weight.grad!);
        Assert.ThrowsAny<Exception>(() => table.call(tensor(new long[] { 4 })));
        Assert.Contains("padding_idx 4", Assert.Throws<ArgumentOutOfRangeException>(() => Embedding(4, 3, padding_idx: 4)).Message);

        using var bounded = Embedding(4, 3, max_norm: 0.5);
        Assert.All(Values(bounded.call(tensor(new long[] { 0, 1 })).norm(1)), norm => Assert.InRange(norm, 0, 0.5 + 1e-6));
    }

    [Fact]
    public void Layer_norm_centres_and_scales()
    {
        using var norm = LayerNorm(4, eps: 0, dtype: float64);
        var deviation = Math.Sqrt(1.25);
        Close([-1.5 / deviation, -0.5 / deviation, 0.5 / deviation, 1.5 / deviation], norm.call(Of(1, 2, 3, 4)));
        init.constant_(norm.weight!, 2);
        init.constant_(norm.bias!, 1);
        Close([1 - 3 / deviation, 1 - 1 / deviation, 1 + 1 / deviation, 1 + 3 / deviation], norm.call(Of(1, 2, 3, 4)));
        norm.reset_parameters();
        Close([1, 1, 1, 1], norm.weight!);
        Assert.Equal(["weight"], LayerNorm([2, 3], bias: false).named_parameters().Select(p => p.name));
        Assert.Empty(LayerNorm(2, elementwise_affine: false).parameters());
    }

    public static TheoryData<string> Activations => ["relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid", "identity", "softplus", "leaky", "logsigmoid", "relu6"];

    /// <summary>Values against the formula, gradients against central differences.</summary>
    [Theory]
    [MemberData(nameof(Activations))]
    public void Activations_and_their_gradients(string name)
    {
        static double Normal(double x)   // the distribution function, by Simpson's rule
        {
            const int Steps = 2000;
            double h = x / Steps, sum = 0;
            for (var i = 0; i <= Steps; i++) sum += (i is 0 or Steps ? 1 : i % 2 == 1 ? 4 : 2) * Math.Exp(-(i * h) * (i * h) / 2);
            return 0.5 + sum * h / 3 / Math.Sqrt(2 * Math.PI);
        }
        (Func<Tensor, Tensor> Apply, Func<double, double> Formula) of = name switch
        {
            "relu" => (x => ReLU().call(x), x => Math.Max(x, 0)),
            "gelu" => (x => GELU().call(x), x => x * Normal(x)),
            "gelu_tanh" => (x => GELU(TorchSharp.Modules.GELU.Approximate.tanh).call(x), x => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)))),
            "silu" => (x => SiLU().call(x), x => x / (1 + Math.Exp(-x))),
            "tanh" => (x => functional.tanh(x), Math.Tanh),
            "sigmoid" => (x => Sigmoid().call(x), x => 1 / (1 + Math.Exp(-x))),
            "identity" => (x => Identity().call(x), x => x),
            "softplus" => (x => functional.softplus(x, beta: 2), x => Math.Log(1 + Math.Exp(2 * x)) / 2),
            "leaky" => (x => functional.leaky_relu(x, 0.3), x => x > 0 ? x : 0.3 * x),
            "relu6" => (x => functional.relu6(x), x => Math.Clamp(x, 0, 6)),
            _ => (x => functional.logsigmoid(x), x => -Math.Log(1 + Math.Exp(-x))),
        };
        double[] points = [-2.5, -0.7, 0.1, 1.3, 6.5];
        var input = Of(points).requires_grad_();
        var output = of.Apply(input);
        Close([.. points.Select(of.Formula)], output, 1e-9);
        output.sum().backward();
        Close([.. points.Select(x => (of.Formula(x + 1e-6) - of.Formula(x - 1e-6)) / 2e-6)], input.grad!, 1e-7);
    }

    [Fact]
    public void In_place_activations_change_their_input()
    {
        var x = Of(-1, 2);
        functional.relu(x, inplace: true);
        Close([0, 2], x);
        SiLU(inplace: true).call(x);
        Close([0, 2 / (1 + Math.Exp(-2))], x);
    }

    [Fact]
    public void Softmax_normalizes()
    {
        double sum = 1 + Math.E;
        Close([1 / sum, Math.E / sum], Softmax(0).call(Of(1000, 1001)), 1e-12);
        Close([-Math.Log(sum), 1 - Math.Log(sum)], LogSoftmax(-1).call(Of(0, 1)), 1e-12);
        Assert.Equal(float64, functional.softmax(zeros(2), 0, dtype: float64).dtype);
    }

    [Fact]
    public void Dropout_drops_in_training_alone()
    {
        var x = ones(10_000, float64);
        using var layer = Dropout(0.25);
        var dropped = Values(layer.call(x));
        Assert.All(dropped, v => Assert.True(v == 0 || Math.Abs(v - 1 / 0.75) < 1e-12));
        Assert.InRange(dropped.Count(v => v == 0), 2200, 2800);
        layer.eval();
        Assert.All(Values(layer.call(x)), v => Assert.Equal(1, v));
        Assert.Throws<ArgumentOutOfRangeException>(() => Dropout(1.5));
        Assert.Equal([2, 6], Flatten().call(zeros(2, 3, 2)).shape);
    }

    [Fact]
    public void Cross_entropy_ignores_weighs_and_smooths()
    {
        var logits = tensor(new[,] { { 0.0, Math.Log(3) }, { 0, 0 }, { 5, -5 } }).requires_grad_();
        var target = tensor(new long[] { 1, 0, -100 });
        var loss = functional.cross_entropy(logits, target);
        Close([(-Math.Log(0.75) - Math.Log(0.5)) / 2], loss, 1e-12);
        loss.backward();
        Close([0.125, -0.125, -0.25, 0.25, 0, 0], logits.grad!, 1e-12);   // (softmax − one-hot) / 2
        Close([-Math.Log(0.75), -Math.Log(0.5), 0], functional.cross_entropy(logits, target, reduction: Reduction.None), 1e-12);
        Close([(-4 * Math.Log(0.75) - Math.Log(0.5)) / 5], new CrossEntropyLoss(Of(1, 4)).call(logits, target), 1e-12);
        Close([-Math.Log(0.5)], CrossEntropyLoss(ignore_index: 1, reduction: Reduction.Sum).call(logits[..2], target[..2]), 1e-12);
        var smooth = 0.9 * -Math.Log(0.75) + 0.1 * -(Math.Log(0.25) + Math.Log(0.75)) / 2;
        Close([smooth], functional.cross_entropy(logits[..1], target[..1], label_smoothing: 0.1), 1e-12);
        Close([Values(loss)[0]], NLLLoss().call(functional.log_softmax(logits, 1), target), 1e-12);
        Assert.ThrowsAny<Exception>(() => functional.cross_entropy(logits, tensor(new long[] { 1, 0, 2 })));
    }

    [Fact]
    public void Other_losses_follow_their_formulas()
    {
        Tensor x = Of(0.2, 0.9), y = Of(0, 1);
        Close([(0.04 + 0.01) / 2], MSELoss().call(x, y), 1e-12);
        Close([0.3], functional.l1_loss(x, y, Reduction.Sum), 1e-12);
        Close([0.02, 0.005], functional.smooth_l1_loss(x, y, Reduction.None), 1e-12);
        Close([-Math.Log(0.8), -Math.Log(0.9)], functional.binary_cross_entropy(x, y, reduction: Reduction.None), 1e-12);
        Close([Math.Log(1 + Math.Exp(0.2)), 3 * Math.Log(1 + Math.Exp(-0.9))], BCEWithLogitsLoss(reduction: Reduction.None, pos_weights: Of(3, 3)).call(x, y), 1e-12);
        Tensor p = Of(0.25, 0.75), q = Of(0.5, 0.5);
        var divergence = 0.25 * Math.Log(0.25 / 0.5) + 0.75 * Math.Log(0.75 / 0.5);
        Close([divergence], functional.kl_div(q.log(), p.log(), log_target: true, Reduction.Sum), 1e-12);
        Close([divergence], new KLDivLoss(log_target: false, Reduction.Sum).call(q.log(), p), 1e-12);
    }

    /// <summary>Attention against its definition, with and without masks, gradients included.</summary>
    [Theory]
    [InlineData("none")]
    [InlineData("causal")]
    [InlineData("bool")]
    [InlineData("added")]
    public void Attention_is_softmax_of_scaled_products(string mask)
    {
        manual_seed(3);
        Tensor[] Inputs() => [.. Enumerable.Range(0, 3).Select(i => randn([2, 3, 5, 4], float64).requires_grad_())];
        var inputs = Inputs();
        var lower = ones(5, 5, float64).tril().to(ScalarType.Bool);
        var added = randn(5, 5, float64);
        var scores = inputs[0].matmul(inputs[1].transpose(-2, -1)) / 2;   // [.., 5, 4] x [.., 4, 5] -> [.., 5, 5], √4 = 2
        if (mask is "causal" or "bool") scores = scores.masked_fill(lower.logical_not(), double.NegativeInfinity);
        if (mask == "added") scores = scores + added;
        var expected = functional.softmax(scores, -1).matmul(inputs[2]);
        var probe = randn([2, 3, 5, 4], float64);
        (expected * probe).sum().backward();
        var gradients = inputs.Select(i => Values(i.grad!)).ToArray();
        foreach (var input in inputs) input.grad = null;

        var actual = functional.scaled_dot_product_attention(inputs[0], inputs[1], inputs[2],
            attn_mask: mask == "bool" ? lower : mask == "added" ? added : null, is_casual: mask == "causal");
        Close(Values(expected), actual, 1e-12);
        (actual * probe).sum().backward();
        for (var i = 0; i < 3; i++) Close(gradients[i], inputs[i].grad!, 1e-12);
    }

    [Fact]
    public void Vectors_are_padded_normalized_compared_and_counted()
    {
        Close([7, 1, 2, 7, 7], functional.pad(Of(1, 2), [1, 2], value: 7));
        Close([2, 1, 2, 3, 2], functional.pad(tensor(new[,] { { 1.0, 2, 3 } }), (1, 1), PaddingModes.Reflect));
        Close([0, 1, 0], functional.pad(Of(1), 1));
        Close([0.6, 0.8, 0, 0], functional.normalize(tensor(new[,] { { 3.0, 4 }, { 0, 0 } })));
        Close([0.6], functional.cosine_similarity(tensor(new[,] { { 3.0, 4 } }), tensor(new[,] { { 2.0, 0 } })), 1e-12);
        Close([0, 0, 1, 1, 0, 0], functional.one_hot(tensor(new long[] { 2, 0 })));
    }

    [Fact]
    public void Initializations_have_their_moments()
    {
        manual_seed(1);
        var weight = empty([400, 100], float64);
        void Within(double bound, double deviation)
        {
            if (!double.IsInfinity(bound)) Assert.InRange(weight.abs().max().item<double>(), 0.99 * bound, bound);
            Assert.Equal(deviation, weight.std().item<double>(), 0.02 * deviation);
        }
        Assert.Same(weight, init.uniform_(weight, -2, 2));
        Within(2, 2 / Math.Sqrt(3));
        init.xavier_uniform_(weight, 2);
        Within(2 * Math.Sqrt(6.0 / 500), 2 * Math.Sqrt(2.0 / 500));
        init.xavier_normal_(weight);
        Within(double.PositiveInfinity, Math.Sqrt(2.0 / 500));
        init.kaiming_uniform_(weight, Math.Sqrt(5));
        Within(0.1, 0.1 / Math.Sqrt(3));
        init.kaiming_normal_(weight, mode: init.FanInOut.FanOut, nonlinearity: init.NonlinearityType.ReLU);
        Within(double.PositiveInfinity, Math.Sqrt(2.0 / 400));
        init.trunc_normal_(weight, std: 1, a: -1, b: 1);
        Within(1, 0.5396);   // the standard normal cut off at ±1
        Assert.Equal(0, weight.mean().item<double>(), 0.01);
        init.eye_(weight);
        Assert.Equal(100, weight.sum().item<double>());
        Assert.Equal((300, 200), init.CalculateFanInAndFanOut(empty(50, 75, 2, 2)));
        Assert.Throws<ArgumentException>(() => init.xavier_uniform_(empty(3)));
        Assert.Throws<ArgumentException>(() => init.trunc_normal_(weight, a: 1, b: 1));

        using var first = new Generator(7);
        using var second = new Generator(7);
        Assert.Equal(Values(init.normal_(empty(5), generator: first)), Values(init.normal_(empty(5), generator: second)));
    }

    [Theory]
    [InlineData(5, 3)]
    [InlineData(3, 5)]
    public void Orthogonal_rows_or_columns(int rows, int columns)
    {
        var weight = init.orthogonal_(empty([rows, columns], float64), gain: 2);
        var gram = rows < columns ? weight.matmul(weight.t()) : weight.t().matmul(weight);   // [3, 3] either way
        Close(Values(4 * eye(3, dtype: float64)), gram, 1e-12);
    }
}
