// A tree of linear layers under a Llama's names and shapes, without what lies between them: enough for adapters' files and
// targets.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

/// <summary>model.layers.N.self_attn.{q,k,v,o}_proj, model.layers.N.mlp.{gate,up,down}_proj and lm_head.</summary>
internal sealed class Skeleton : nn.Module
{
    public Skeleton(int layers = 2, long hidden = 64, long keys = 32, long feedForward = 112) : base(nameof(Skeleton))
    {
        var stack = Enumerable.Range(0, layers).Select(_ => (nn.Module)new Branch(
            ("self_attn", new Branch(
                ("q_proj", Linear(hidden, hidden)), ("k_proj", Linear(hidden, keys)),
                ("v_proj", Linear(hidden, keys)), ("o_proj", Linear(hidden, hidden)))),
            ("mlp", new Branch(
                ("gate_proj", Linear(hidden, feedForward)), ("up_proj", Linear(hidden, feedForward)),
                ("down_proj", Linear(feedForward, hidden))))));
        var numbered = new Branch([.. stack.Select((layer, index) => (index.ToString(), layer))]);
        register_module("model", new Branch(("layers", numbered)));
        register_module("lm_head", Linear(hidden, 256));
    }

    private static AdaptedLinear Linear(long from, long to) => new(from, to);

    private sealed class Branch : nn.Module
    {
        public Branch(params (string Name, nn.Module Module)[] children) : base(nameof(Branch))
        {
            foreach (var (name, module) in children) register_module(name, module);
        }
    }
}
