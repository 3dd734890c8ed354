// A Llama written out in libtorch's plainest operators, one head at a time, in float64: what baselines are compared with. It takes a
// baseline as its file holds it and cuts the prefix up as PEFT does, so it checks the layout of files too.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Baselines;

internal sealed class ReferenceLlama(CausalLm model)
{
    private readonly LlamaConfig config = (LlamaConfig)model.Config;
    private readonly Dictionary<string, Tensor> weights = model.state_dict().ToDictionary(p => p.Key, p => p.Value.detach().clone());

    /// <summary>Every layer's keys, turned, and values, [batch, key heads, tokens, d], of the last run.</summary>
    public List<(Tensor Keys, Tensor Values)> Cache { get; } = [];

    /// <param name="ids">[batch, tokens]</param>
    /// <param name="prompt">[p, hidden]</param>
    /// <param name="prefix">[p, layers · 2 · key heads · d]</param>
    /// <param name="bottleneck">By their names in a file.</param>
    /// <returns>Logits [batch, tokens, vocabulary].</returns>
    public Tensor Logits(Tensor ids, Tensor? prompt = null, Tensor? prefix = null, Dictionary<string, Tensor>? bottleneck = null)
    {
        Cache.Clear();
        var (batch, own) = (ids.shape[0], ids.shape[1]);
        var table = weights["model.embed_tokens.weight"];
        var x = table.index_select(0, ids.flatten()).view(batch, own, -1);
        if (prompt is not null) x = cat([stack(Enumerable.Repeat(prompt, (int)batch).ToArray()), x], 1);
        var tokens = x.shape[1];
        var p = prefix?.shape[0] ?? 0;
        // As PEFT: view(p, layers · 2, heads, d), permuted to [layers · 2, heads, p, d]; even ones are keys, odd ones values.
        var past = prefix?.view(p, config.Layers * 2, config.KeyValueHeads, config.HeadSize).permute(1, 2, 0, 3);
        for (var i = 0; i < config.Layers; i++)
        {
            var path = $"model.layers.{i}.";
            Tensor Linear(Tensor y, string name) => y.matmul(weights[$"{path}{name}.weight"].t());
            Tensor Behind(Tensor h, string place)
            {
                Tensor T(string name) => bottleneck![$"base_model.model.{path}{place}.bottleneck.{name}"];
                if (bottleneck is null || !bottleneck.ContainsKey($"base_model.model.{path}{place}.bottleneck.up.bias")) return h;
                var inner = h.matmul(T("down.weight").t()) + T("down.bias");
                inner = inner * 0.5 * (1 + (inner / Math.Sqrt(2)).erf());
                return h + inner.matmul(T("up.weight").t()) + T("up.bias");
            }
            var n = Norm(x, path + "input_layernorm.weight");
            var (q, k, v) = (Linear(n, "self_attn.q_proj"), Linear(n, "self_attn.k_proj"), Linear(n, "self_attn.v_proj"));
            var keys = Enumerable.Range(0, (int)config.KeyValueHeads).Select(h => Turn(Head(k, h), p)).ToArray();
            var values = Enumerable.Range(0, (int)config.KeyValueHeads).Select(h => Head(v, h)).ToArray();
            Cache.Add((stack(keys, 1), stack(values, 1)));
            var heads = new List<Tensor>();
            for (var h = 0; h < config.Heads; h++)
            {
                var shared = h * config.KeyValueHeads / config.Heads;
                var (seenKeys, seenValues) = (keys[shared], values[shared]);
                if (past is not null)
                {
                    Tensor Front(long which) => past[which, shared].unsqueeze(0).expand(batch, -1, -1);
                    (seenKeys, seenValues) = (cat([Front(2 * i), seenKeys], 1), cat([Front(2 * i + 1), seenValues], 1));
                }
                var scores = Turn(Head(q, h), p).matmul(seenKeys.transpose(1, 2)) / Math.Sqrt(config.HeadSize);
                for (long t = 0; t < tokens; t++)
                    for (long s = p + t + 1; s < p + tokens; s++) scores[TensorIndex.Colon, t, s] = tensor(double.NegativeInfinity, ScalarType.Float64);
                heads.Add(scores.softmax(-1).matmul(seenValues));
            }
            x = x + Behind(Linear(cat(heads, 2), "self_attn.o_proj"), "self_attn");
            n = Norm(x, path + "post_attention_layernorm.weight");
            var gate = Linear(n, "mlp.gate_proj");
            x = x + Behind(Linear(gate * gate.sigmoid() * Linear(n, "mlp.up_proj"), "mlp.down_proj"), "mlp");
        }
        return Norm(x, "model.norm.weight").narrow(1, tokens - own, own).matmul(table.t());
    }

    private Tensor Norm(Tensor x, string weight) => x / (x.square().mean([-1], keepdim: true) + config.NormEpsilon).sqrt() * weights[weight];

    private Tensor Head(Tensor x, int index) => x.narrow(2, index * config.HeadSize, config.HeadSize);

    /// <summary>[batch, tokens, d], whose first token is at position <paramref name="start"/>.</summary>
    private Tensor Turn(Tensor x, long start)
    {
        var half = config.HeadSize / 2;
        var frequencies = arange(half, ScalarType.Float64).mul(-2 * Math.Log(config.RopeTheta) / config.HeadSize).exp();
        var angles = (arange(x.shape[1], ScalarType.Float64) + start).unsqueeze(1) * frequencies;
        var (a, b) = (x.narrow(2, 0, half), x.narrow(2, half, half));
        return cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()], 2);
    }
}
