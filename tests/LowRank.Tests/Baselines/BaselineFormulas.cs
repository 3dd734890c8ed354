// What each baseline computes: against a model written out in plain operators, and by what it must be equal to.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Baselines;

public sealed class BaselineFormulas : IDisposable
{
    // The model's rotary angles are float32's, the reference's float64's.
    private const double Tolerance = 1e-6;

    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    private static readonly Tensor Ids = tensor(new long[,] { { 5, 1, 9, 22, 3, 9 }, { 2, 2, 17, 4, 11, 8 } }).DetachFromDisposeScope();

    [Theory]
    [InlineData(4, 2, 1), InlineData(4, 2, 3), InlineData(4, 4, 5), InlineData(3, 1, 2)]
    public void A_prefix_is_further_keys_and_values_that_every_token_sees(long heads, long keyHeads, long p)
    {
        using var model = new CausalLm(BaselineSuite.Config with { Heads = heads, KeyValueHeads = keyHeads }, 3, ScalarType.Float64);
        model.Adapt(Baseline.Prefix(p, deviation: 1));
        var prefix = model.Baselines[0].ToFile().Single().Value;
        Assert.Equal([p, 2 * 2 * keyHeads * 4], prefix.shape);
        Golden.Close(new ReferenceLlama(model).Logits(Ids, prefix: prefix), model.forward(Ids), Tolerance, "logits");
    }

    [Fact]
    public void A_prefix_of_what_tokens_left_is_those_tokens()
    {
        using var model = new CausalLm(BaselineSuite.Config, 3, ScalarType.Float64);
        var row = Ids.narrow(0, 0, 1);
        var whole = model.forward(row);
        var reference = new ReferenceLlama(model);
        Golden.Close(whole, reference.Logits(row), Tolerance, "the reference's logits");
        // A cache of the first two tokens, as files lay it out: [p, layers · 2 · key heads · d].
        var cache = cat([.. reference.Cache.SelectMany(c => new[] { c.Keys, c.Values })
            .Select(c => c[0].narrow(1, 0, 2).transpose(0, 1).reshape(2, -1))], 1);
        var added = model.AddBaseline(Baseline.Prefix(2), "cache", trainable: false);
        using (no_grad()) added.FromFile(new Dictionary<string, Tensor> { ["prompt_embeddings"] = cache });
        Golden.Close(whole.narrow(1, 2, 4), model.forward(row.narrow(1, 2, 4)), Tolerance, "logits of the other tokens");
    }

    [Theory]
    [InlineData(1), InlineData(3)]
    public void A_soft_prompt_of_embeddings_is_those_tokens(long p)
    {
        using var model = new CausalLm(BaselineSuite.Config, 3, ScalarType.Float64);
        var whole = model.forward(Ids);
        var states = model.HiddenStates(Ids);
        var row = Ids.narrow(0, 0, 1);
        var added = (SoftPrompt)model.AddBaseline(Baseline.SoftPrompt(p), "default", trainable: false);
        using (no_grad()) added.Vectors.copy_(model.Embedding.Dequantize().index_select(0, row[0].narrow(0, 0, p)));
        var rest = row.narrow(1, p, 6 - p);
        Golden.Close(whole.narrow(0, 0, 1).narrow(1, p, 6 - p), model.forward(rest), 1e-12, "logits");
        Golden.Close(whole[0, 5].unsqueeze(0), model.NextLogits(rest), 1e-12, "logits after the last");
        foreach (var (i, state) in model.HiddenStates(rest).Index())
            Golden.Close(states[i].narrow(0, 0, 1).narrow(1, p, 6 - p), state, 1e-12, $"hidden state {i}");
    }

    [Fact]
    public void A_soft_prompt_equals_the_reference_in_a_batch()
    {
        using var model = new CausalLm(BaselineSuite.Config, 3, ScalarType.Float64);
        model.Adapt(Baseline.SoftPrompt(4, SoftPromptInit.Normal));
        Golden.Close(new ReferenceLlama(model).Logits(Ids, prompt: model.Baselines[0].ToFile().Single().Value), model.forward(Ids), Tolerance, "logits");
    }

    [Theory]
    [InlineData(BottleneckPlacement.Houlsby, 1), InlineData(BottleneckPlacement.Houlsby, 5), InlineData(BottleneckPlacement.Pfeiffer, 3)]
    public void Bottlenecks_bend_what_is_added_to_the_residual_stream(BottleneckPlacement placement, long size)
    {
        using var model = new CausalLm(BaselineSuite.Config, 3, ScalarType.Float64);
        var before = model.forward(Ids);
        model.Adapt(Baseline.Bottleneck(size, placement));
        Assert.True(before.eq(model.forward(Ids)).all().item<bool>(), "a new bottleneck changes something");
        BaselineSuite.Perturb(model);
        var tensors = model.Baselines[0].ToFile().ToDictionary(t => t.Name, t => t.Value.detach());
        Assert.Equal(placement == BottleneckPlacement.Houlsby ? 16 : 8, tensors.Count);
        Golden.Close(new ReferenceLlama(model).Logits(Ids, bottleneck: tensors), model.forward(Ids), Tolerance, "logits");
    }

    [Fact]
    public void Relu_cuts_where_Gelu_bends()
    {
        var block = new BottleneckBlock(2, 1, BottleneckActivation.Relu, ScalarType.Float64, CPU);
        using (no_grad())
            foreach (var (_, parameter) in block.Tensors) parameter.fill_(1);
        // down: 1 + 2 + 1 = 4, up: 4 + 1; and −3 − 2 + 1 = −4 cut to 0, up: 1.
        Golden.Close(tensor(new double[,] { { 1 + 5, 2 + 5 }, { -3 + 1, -2 + 1 } }), block.forward(tensor(new double[,] { { 1, 2 }, { -3, -2 } })), 1e-14, "h");
    }

    [Fact]
    public void All_three_work_at_once()
    {
        using var model = new CausalLm(BaselineSuite.Config, 3, ScalarType.Float64);
        model.Adapt(Baseline.Bottleneck(2), "bottleneck");
        model.Adapt(Baseline.SoftPrompt(3), "prompt");
        model.Adapt(Baseline.Prefix(2), "prefix");
        BaselineSuite.Perturb(model);
        Tensor File(int index) => model.Baselines[index].ToFile().Single().Value.detach();
        Golden.Close(
            new ReferenceLlama(model).Logits(Ids, File(1), File(2), model.Baselines[0].ToFile().ToDictionary(t => t.Name, t => t.Value.detach())),
            model.forward(Ids), Tolerance, "logits");
        Assert.Equal(5, model.VirtualTokens);
    }

    [Fact]
    public void A_soft_prompt_starts_as_embeddings_or_as_wide_as_they_are()
    {
        using var model = new CausalLm(BaselineSuite.Config with { HiddenSize = 64, VocabularySize = 300, MaxPositions = 300 }, 3);
        var table = model.Embedding.Dequantize().detach();
        Tensor Start(SoftPromptConfig config)
        {
            var vectors = ((SoftPrompt)model.AddBaseline(config, "start", trainable: false)).Vectors.detach().clone();
            model.RemoveBaseline("start");
            return vectors;
        }
        var drawn = Start(Baseline.SoftPrompt(7));
        for (var i = 0; i < 7; i++)
            Assert.True(table.eq(drawn[i]).all(1).any().item<bool>(), $"vector {i} is no token's");
        Assert.Equal(table.square().mean().sqrt().item<float>(), Start(Baseline.SoftPrompt(200, SoftPromptInit.Normal)).std().item<float>(), 0.01);
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(11)]
    public void A_soft_prompt_starts_as_a_text_cut_off_or_begun_again(long p)
    {
        using var model = CausalLm.Load(Path.Combine(Golden.TestsFolder, "../data/tiny"));
        var ids = model.Tokenizer!.Encode("a kind of cheese");
        Assert.InRange(ids.Length, 3, 10);
        var vectors = ((SoftPrompt)model.AddBaseline(Baseline.SoftPrompt(p, "a kind of cheese"), "default", trainable: false)).Vectors;
        for (var i = 0; i < p; i++)
            Assert.True(vectors[i].eq(model.Embedding.Dequantize()[ids[i % ids.Length]]).all().item<bool>(), $"vector {i}");
    }
}
