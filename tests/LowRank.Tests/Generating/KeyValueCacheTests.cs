using LowRank.Tests.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Generating;

/// <summary>What is remembered changes nothing: every token is the one that reading the whole text again gives.</summary>
public sealed class KeyValueCacheTests
{
    private static readonly int[][] Prompts = [[3], [1, 2, 3, 4, 5, 6, 7], [9, 8, 7], [5, 5]];

    private static CausalLm Model(string shape, ScalarType? dtype = null) =>
        new(SmallModels.All[shape] with { EndToken = null, FurtherEndTokens = [] }, seed: 2, dtype ?? ScalarType.Float64);

    /// <summary>The slow way: the whole text is read for each token.</summary>
    private static List<int> Reread(CausalLm model, IReadOnlyList<int> prompt, int tokens)
    {
        using var _ = no_grad();
        List<long> text = [.. prompt.Select(id => (long)id)];
        var longest = (int)(model.Config.MaxPositions - model.VirtualTokens);
        for (var i = 0; i < tokens; i++)
        {
            using var scope = NewDisposeScope();
            text.Add(model.NextLogits(tensor(text.TakeLast(longest).ToArray()).unsqueeze(0)).argmax(1).item<long>());
        }
        return [.. text.Skip(prompt.Count).Select(id => (int)id)];
    }

    private static void Same(CausalLm model, int tokens)
    {
        model.eval();
        var together = model.GenerateBatch(Prompts, GenerationOptions.Greedy with { MaxNewTokens = tokens });
        foreach (var (prompt, added) in Prompts.Zip(together))
        {
            Assert.Equal(Reread(model, prompt, tokens), added);
            Assert.Equal(added, model.Generate(prompt, GenerationOptions.Greedy with { MaxNewTokens = tokens }));
        }
    }

    [Theory, MemberData(nameof(SmallModels.Names), MemberType = typeof(SmallModels))]
    public void Every_family_says_what_it_says_when_it_reads_all_again(string shape)
    {
        using var model = Model(shape);
        Same(model, 16);
    }

    [Theory, InlineData("llama"), InlineData("mistral"), InlineData("gpt2")]
    public void Past_the_last_position_too(string shape)
    {
        using var model = Model(shape);
        Same(model, 36);                                                        // of 32 positions
    }

    [Theory, InlineData("llama"), InlineData("mistral"), InlineData("gpt2")]
    public void With_prefix_soft_prompt_and_bottleneck(string shape)
    {
        using var model = Model(shape);
        model.Adapt(Baseline.Prefix(3));
        Same(model, 8);
        model.Adapt(Baseline.SoftPrompt(2) with { Init = SoftPromptInit.Normal }, "soft");
        Same(model, 32);
        model.Adapt(Baseline.Bottleneck(2), "narrow");
        Same(model, 8);
    }

    [Fact]
    public void With_adapters_and_over_codes()
    {
        using var model = Model("llama", ScalarType.Float32);
        model.Quantize(Nf4.WithDoubleQuantization);
        model.Adapt(Adapter.Dora(2), "all-linear");
        using (no_grad())
            foreach (var (name, parameter) in model.named_parameters())
                if (name.EndsWith(".B", StringComparison.Ordinal)) parameter.normal_(0, 0.5);
        Same(model, 8);
    }

    [Fact]
    public void Each_row_of_a_batch_has_its_own_adapter()
    {
        using var model = Model("llama");
        foreach (var name in new[] { "one", "two" })
        {
            model.Adapt(Adapter.Lora(2), "all-linear", name);
            using var _ = no_grad();
            foreach (var (path, parameter) in model.named_parameters())
                if (path.Contains(name) && parameter.ndim == 2) parameter.normal_(0, 0.3);
        }
        var options = GenerationOptions.Greedy with { MaxNewTokens = 12 };
        string?[] adapters = ["one", null, "two"];
        var alone = new List<IReadOnlyList<int>>();
        foreach (var (adapter, prompt) in adapters.Zip(Prompts))
        {
            if (adapter is null) model.DisableAdapters();
            else
            {
                model.EnableAdapters();
                model.SetAdapter(adapter);
            }
            alone.Add(model.Generate(prompt, options));
        }
        model.EnableAdapters();
        using (model.UseAdapters(adapters))
            Assert.Equal(alone, model.GenerateBatch(Prompts[..3], options));
        Assert.NotEqual(alone[0], model.Generate(Prompts[0], options));         // "two" is at work again
    }

    [Fact]
    public void A_row_of_a_batch_draws_as_alone_with_its_seed()
    {
        using var model = Model("qwen3");
        GenerationOptions options = new() { MaxNewTokens = 12, Seed = 4, TopP = 0.9, RepetitionPenalty = 1.3 };
        var together = model.GenerateBatch([[1, 2], [1, 2], [3]], options);
        Assert.NotEqual(together[0], together[1]);
        Assert.Equal(together[1], model.Generate([1, 2], options with { Seed = 5 }));
        Assert.Equal(together[2], model.Generate([3], options with { Seed = 6 }));
    }

    [Fact]
    public void A_row_that_ends_waits_for_the_others()
    {
        using var model = Model("llama");
        var options = GenerationOptions.Greedy with { MaxNewTokens = 12 };
        var free = model.GenerateBatch(Prompts, options);
        var stop = free[1][3];
        var stopped = model.GenerateBatch(Prompts, options with { StopTokens = [stop] });
        foreach (var (before, after) in free.Zip(stopped))
            Assert.Equal(before.Take(before.Contains(stop) ? before.ToList().IndexOf(stop) + 1 : 12), after);
    }
}
