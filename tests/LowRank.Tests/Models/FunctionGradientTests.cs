using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Models;

/// <summary>Every hand-written backward against central differences in float64, and every forward against its formula in plain operators.</summary>
public sealed class FunctionGradientTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly Generator generator = new(1);

    public void Dispose()
    {
        scope.Dispose();
        generator.Dispose();
    }

    private Tensor Random(params long[] shape) => randn(shape, ScalarType.Float64, generator: generator);

    /// <summary>∂(Σ probe ⊙ f) / ∂input for every input, at every element.</summary>
    private void CheckGradients(Func<Tensor[], Tensor> f, params Tensor[] inputs)
    {
        var tracked = inputs.Select(x => x.clone().requires_grad_()).ToArray();
        var output = f(tracked);
        var probe = Random(output.shape);
        (output * probe).sum().backward();
        const double h = 1e-6;
        for (var i = 0; i < inputs.Length; i++)
        {
            var expected = zeros_like(inputs[i]);
            var flat = expected.view(-1);
            for (long j = 0; j < inputs[i].numel(); j++)
            {
                double At(double shift)
                {
                    using var inner = NewDisposeScope();
                    using var _ = no_grad();
                    var moved = inputs.Select(x => x.clone()).ToArray();
                    moved[i].view(-1)[j] += shift;
                    return (f(moved) * probe).sum().item<double>();
                }
                flat[j] = (At(h) - At(-h)) / (2 * h);
            }
            Golden.Close(expected, tracked[i].grad!, 1e-7, $"gradient of input {i}");
        }
    }

    /// <summary>The float32 path (one-pass kernels on the CPU) against the float64 one (libtorch's operators), forward and backward.</summary>
    private void CheckPrecisions(Func<Tensor[], Tensor> f, ScalarType dtype, double tolerance, params Tensor[] inputs)
    {
        Tensor[] Results(ScalarType type)
        {
            var tracked = inputs.Select(x => (x.dtype == ScalarType.Float64 ? x.to(dtype).to(type).clone() : x).detach()).ToArray();
            foreach (var x in tracked.Where(x => x.is_floating_point())) x.requires_grad_();
            var output = f(tracked);
            (output * arange(output.numel(), ScalarType.Float64).cos().to(type).view(output.shape)).sum().backward();
            return [output, .. tracked.Where(x => x.is_floating_point()).Select(x => x.grad!)];
        }
        foreach (var (index, (expected, actual)) in Results(ScalarType.Float64).Zip(Results(dtype)).Index())
        {
            if (index > 0) Assert.Equal(dtype, actual.dtype);   // a loss of 16-bit numbers is a float32
            Golden.Close(expected, actual, tolerance, index == 0 ? $"output in {dtype}" : $"gradient of input {index - 1} in {dtype}");
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32, 5e-6), InlineData(ScalarType.BFloat16, 5e-2)]
    public void Every_function_agrees_with_its_float64_self(ScalarType dtype, double tolerance)
    {
        CheckPrecisions(t => RmsNormFunction.Apply(t[0], t[1], 1e-5), dtype, tolerance, Random(3, 5, 70), Random(70));
        CheckPrecisions(t => SwiGluFunction.Apply(t[0], t[1]), dtype, tolerance, Random(3, 5, 70) * 3, Random(3, 5, 70));
        foreach (var (d, turned, window) in new (long, bool, long?)[] { (6, true, null), (32, true, null), (6, true, 4), (6, false, null), (7, false, 3), (8, true, 1) })
            CheckPrecisions(t =>
            {
                (Tensor, Tensor)? angles = turned ? new RotaryTable(d, 100).Rows(0, 9, t[0].dtype, CPU) : null;
                return AttentionFunction.Apply(t[0], t[1], t[2], angles, d, window);
            }, dtype, tolerance, Random(2, 9, 4 * d), Random(2, 9, 2 * d), Random(2, 9, 2 * d));
        var targets = tensor(new long[] { 3, -100, 0, 6, 6 });
        CheckPrecisions(t => NextTokenLoss.OfHidden(t[0], t[1], targets), dtype, tolerance, Random(5, 8), Random(7, 8));
        CheckPrecisions(t => NextTokenLoss.OfLogits(t[0], targets), dtype, tolerance, Random(5, 7));
    }

    [Fact]
    public void A_label_outside_the_vocabulary_is_refused() => Assert.Contains("from 0 to 7, outside the vocabulary of 7",
        Assert.Throws<ArgumentException>(() => NextTokenLoss.OfHidden(Random(2, 3), Random(7, 3), tensor(new long[] { -100, 7 }))).Message);

    [Fact]
    public void RmsNorm()
    {
        var (x, weight) = (Random(2, 3, 10), Random(10));
        var plain = x * (x.square().mean([-1], keepdim: true) + 1e-3).rsqrt() * weight;
        Golden.Close(plain, RmsNormFunction.Apply(x, weight, 1e-3), 1e-14, "y");
        CheckGradients(t => RmsNormFunction.Apply(t[0], t[1], 1e-3), x, weight);
    }

    [Fact]
    public void SwiGlu()
    {
        var (gate, up) = (Random(2, 3, 7) * 3, Random(2, 3, 7));
        Golden.Close(gate * gate.sigmoid() * up, SwiGluFunction.Apply(gate, up), 1e-14, "y");
        CheckGradients(t => SwiGluFunction.Apply(t[0], t[1]), gate, up);
    }

    [Theory]
    [InlineData(4, 4, true, null), InlineData(4, 2, true, null), InlineData(3, 1, true, null), InlineData(4, 2, true, 3L), InlineData(2, 2, false, null), InlineData(2, 1, false, 1L), InlineData(2, 1, true, 99L)]
    public void Attention(long heads, long keyHeads, bool turned, long? window)
    {
        const long batch = 2, tokens = 5, d = 4;
        (Tensor, Tensor)? angles = turned ? new RotaryTable(d, 100).Rows(0, tokens, ScalarType.Float64, CPU) : null;
        var (q, k, v) = (Random(batch, tokens, heads * d), Random(batch, tokens, keyHeads * d), Random(batch, tokens, keyHeads * d));
        Golden.Close(PlainAttention(q, k, v, angles, window, heads, keyHeads, d), AttentionFunction.Apply(q, k, v, angles, d, window), 1e-13, "attention");
        CheckGradients(t => AttentionFunction.Apply(t[0], t[1], t[2], angles, d, window), q, k, v);
    }

    /// <summary>One head at a time, as the papers write it.</summary>
    private static Tensor PlainAttention(Tensor q, Tensor k, Tensor v, (Tensor Cos, Tensor Sin)? angles, long? window, long heads, long keyHeads, long d)
    {
        Tensor Head(Tensor x, long index) => x.narrow(2, index * d, d);
        Tensor Rope(Tensor x) => angles is not var (cos, sin) ? x : cat([x.narrow(2, 0, d / 2) * cos - x.narrow(2, d / 2, d / 2) * sin,
            x.narrow(2, d / 2, d / 2) * cos + x.narrow(2, 0, d / 2) * sin], 2);
        var tokens = q.shape[1];
        var hidden = ones(tokens, tokens, ScalarType.Bool).triu(1);
        for (long t = 0; t < tokens; t++)
            for (long s = 0; s <= t - (window ?? tokens); s++) hidden[t, s] = tensor(true);
        var parts = new List<Tensor>();
        for (long h = 0; h < heads; h++)
        {
            var key = h * keyHeads / heads;
            var scores = Rope(Head(q, h)).matmul(Rope(Head(k, key)).transpose(1, 2)) / Math.Sqrt(d);
            parts.Add(scores.masked_fill(hidden, double.NegativeInfinity).softmax(-1).matmul(Head(v, key)));
        }
        return cat(parts, 2);
    }

    [Theory]
    [InlineData(5), InlineData(200)]
    public void Next_token_loss_of_hidden_states_in_one_chunk_and_in_several(long rows)
    {
        // 9,000 tokens of vocabulary make chunks of 116 rows; differences are taken over few elements only, so both sizes stay quick.
        var vocabulary = rows > 100 ? 9_000 : 11;
        var (hidden, weight) = (Random(rows, 3), Random(vocabulary, 3));
        var targets = randint(0, vocabulary, [rows], ScalarType.Int64, generator: generator);
        targets[1] = NextTokenLoss.Ignored;
        var (a, b) = (hidden.clone().requires_grad_(), weight.clone().requires_grad_());
        var plain = nn.functional.cross_entropy(a.matmul(b.t()), targets);
        plain.backward();
        var (c, e) = (hidden.clone().requires_grad_(), weight.clone().requires_grad_());
        var loss = NextTokenLoss.OfHidden(c, e, targets);
        (loss * 1).backward();
        Golden.Close(plain, loss, 1e-12, "loss");
        Golden.Close(a.grad!, c.grad!, 1e-10, "gradient of the hidden states");
        Golden.Close(b.grad!, e.grad!, 1e-10, "gradient of the weight");
        if (rows < 100)
            CheckGradients(t => NextTokenLoss.OfHidden(t[0], t[1], targets) * 3, hidden, weight);
    }

    [Fact]
    public void Next_token_loss_of_logits()
    {
        var logits = Random(6, 5);
        var targets = tensor(new long[] { 0, 4, -100, 2, 2, -100 });
        Golden.Close(nn.functional.cross_entropy(logits, targets), NextTokenLoss.OfLogits(logits, targets), 1e-13, "loss");
        CheckGradients(t => NextTokenLoss.OfLogits(t[0], targets) * 2, logits);
    }

    [Fact]
    public void A_frozen_head_gets_no_gradient_and_the_hidden_states_do()
    {
        var (hidden, weight) = (Random(4, 3).requires_grad_(), Random(7, 3));
        NextTokenLoss.OfHidden(hidden, weight, tensor(new long[] { 1, 2, 3, 4 })).backward();
        Assert.Null(weight.grad);
        Assert.NotNull(hidden.grad);
    }
}
