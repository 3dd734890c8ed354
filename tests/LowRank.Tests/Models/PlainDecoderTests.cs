// Qwen3 and Llama's scaled rotary positions, of which there is no fixture, against a decoder written out in plain operators in float64,
// one head and one pair of places at a time, from the papers' formulas. The other families in Llama's style go through it too.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Models;

public sealed class PlainDecoderTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Theory, InlineData("qwen3"), InlineData("llama, scaled, biases"), InlineData("llama"), InlineData("mistral"), InlineData("qwen2")]
    public void Logits_are_those_of_the_formulas(string name)
    {
        using var model = FamilyTests.Model(name, ScalarType.Float64);
        using var none = no_grad();
        var ids = FamilyTests.Ids(2, 13);
        // The model takes angles in float32.
        Golden.Close(Logits((LlamaStyleConfig)model.Config, model.state_dict(), ids), model.forward(ids), 1e-6, name);
    }

    /// <summary>Turns a head's pair i takes from one place to the next, times 2π.</summary>
    private static double Frequency(LlamaStyleConfig config, int pair)
    {
        var plain = Math.Pow(config.RopeTheta, -2.0 * pair / config.HeadSize);
        if (config.RopeScaling is not { } scaling) return plain;
        var turns = scaling.OriginalMaxPositions * plain / (2 * Math.PI);           // within the original context
        if (turns > scaling.HighFrequencyFactor) return plain;
        if (turns < scaling.LowFrequencyFactor) return plain / scaling.Factor;
        var share = (turns - scaling.LowFrequencyFactor) / (scaling.HighFrequencyFactor - scaling.LowFrequencyFactor);
        return plain * (share + (1 - share) / scaling.Factor);
    }

    [Fact]
    public void The_scaled_shape_has_frequencies_of_all_three_kinds()
    {
        var config = (LlamaStyleConfig)SmallModels.All["llama, scaled, biases"];
        var factors = Enumerable.Range(0, 6).Select(pair => Frequency(config, pair) / Math.Pow(config.RopeTheta, -2.0 * pair / config.HeadSize)).ToList();
        Assert.Contains(factors, f => f == 1);
        Assert.Contains(factors, f => f is > 0.126 and < 0.999);
        Assert.Contains(factors, f => Math.Abs(f - 1.0 / 8) < 1e-12);
    }

    private static Tensor Logits(LlamaStyleConfig config, Dictionary<string, Tensor> weights, Tensor ids)
    {
        var (d, batch, tokens) = (config.HeadSize, ids.shape[0], ids.shape[1]);
        Tensor Normed(Tensor x, string weight) => x / (x.square().mean([-1], keepdim: true) + config.NormEpsilon).sqrt() * weights[weight];
        var x = weights["model.embed_tokens.weight"].index_select(0, ids.flatten()).view(batch, tokens, -1);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var path = $"model.layers.{layer}.";
            Tensor Linear(Tensor y, string name)
            {
                var product = y.matmul(weights[$"{path}{name}.weight"].t());
                return weights.TryGetValue($"{path}{name}.bias", out var bias) ? product + bias : product;
            }
            var n = Normed(x, path + "input_layernorm.weight");
            var heads = new List<Tensor>();
            for (long h = 0; h < config.Heads; h++)
            {
                var shared = h * config.KeyValueHeads / config.Heads;
                Tensor Head(string name, long index, string? norm)
                {
                    var head = Linear(n, name).narrow(2, index * d, d);
                    return norm is not null && weights.ContainsKey(path + norm) ? Normed(head, path + norm) : head;
                }
                var (q, k, v) = (Head("self_attn.q_proj", h, "self_attn.q_norm.weight"), Head("self_attn.k_proj", shared, "self_attn.k_norm.weight"), Head("self_attn.v_proj", shared, null));
                var rows = new List<Tensor>();
                for (long t = 0; t < tokens; t++)
                {
                    var first = Math.Max(0, t - (config.WindowOf(layer) ?? tokens) + 1);
                    var scores = new List<Tensor>();
                    for (var s = first; s <= t; s++) scores.Add((Turned(config, q.select(1, t), t) * Turned(config, k.select(1, s), s)).sum(-1) / Math.Sqrt(d));
                    var p = stack(scores, 1).softmax(1).unsqueeze(1);                                       // [batch, 1, seen]
                    rows.Add(p.matmul(v.narrow(1, first, t - first + 1)).squeeze(1));                       // [batch, d]
                }
                heads.Add(stack(rows, 1));
            }
            x = x + Linear(cat(heads, 2), "self_attn.o_proj");
            n = Normed(x, path + "post_attention_layernorm.weight");
            var gate = Linear(n, "mlp.gate_proj");
            x = x + Linear(gate * gate.sigmoid() * Linear(n, "mlp.up_proj"), "mlp.down_proj");
        }
        return Normed(x, "model.norm.weight").matmul(weights[config.TiedEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight"].t());
    }

    /// <summary>[batch, d] at a place.</summary>
    private static Tensor Turned(LlamaStyleConfig config, Tensor x, long place)
    {
        var half = config.HeadSize / 2;
        var angles = tensor(Enumerable.Range(0, (int)half).Select(pair => place * Frequency(config, pair)).ToArray());
        var (a, b) = (x.narrow(1, 0, half), x.narrow(1, half, half));
        return cat([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], 1);
    }
}
