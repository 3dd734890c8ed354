// Presets: every one goes on a Llama and trains there, says where its numbers are from, and gives the papers' own counts of parameters.
using System.Text.RegularExpressions;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public sealed class PresetTests
{
    private const int Steps = 12;

    /// <summary>Wide enough for PiSSA's rank of 128.</summary>
    private static CausalLm Model() => new(new LlamaConfig
    {
        VocabularySize = 30, HiddenSize = 128, IntermediateSize = 160, Layers = 1, Heads = 4, KeyValueHeads = 4,
    }, seed: 3);

    private static Batch BatchAt(long step)
    {
        using var generator = new Generator((ulong)step + 1);
        return new(randint(0, 30, [2, 6], dtype: ScalarType.Int64, generator: generator));
    }

    public static TheoryData<string> Names => [.. Presets.All.Select(p => p.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Each_goes_on_its_targets_over_its_storage_and_trains(string name)
    {
        var preset = Presets.Find(name);
        using var model = Model();
        preset.Apply(model);

        foreach (var (path, layer) in model.LinearLayers())
        {
            Assert.Equal(preset.Adapter.Targets.Matches(path), layer.Find(Adapter.DefaultName) is not null);
            if (path.EndsWith("_proj")) Assert.Equal(preset.Storage, layer.Weight is QuantizedWeight { Stored.Format: var format } ? format : null);
        }
        var before = model.named_parameters().Where(p => p.parameter.requires_grad).Select(p => (p.name, p.parameter, Value: p.parameter.detach().clone())).ToList();
        var run = Trainer.Fit(model, BatchAt, preset.Options(Steps, preset.LearningRate ?? 1e-3) with { Log = null });
        Assert.Equal(Steps, run.Steps.Count);
        Assert.All(run.Steps, step => Assert.True(double.IsFinite(step.Loss)));
        foreach (var (path, _, _) in model.LayersOf(Adapter.DefaultName))
            Assert.Contains(before, p => p.name.StartsWith(path + ".") && p.parameter.ne(p.Value).any().item<bool>());
    }

    [Fact]
    public void Each_says_where_its_numbers_are_from_and_names_are_unique()
    {
        Assert.InRange(Presets.All.Count, 25, 60);
        Assert.Equal(Presets.All.Count, Presets.All.DistinctBy(p => p.Name, StringComparer.OrdinalIgnoreCase).Count());
        foreach (var preset in Presets.All)
        {
            Assert.Matches(new Regex(@"\A2[0-9]{3}\.[0-9]{5}\z"), preset.Paper);
            Assert.Matches(new Regex(@"Table \d|sections? \d|README|\.sh\b|\.yaml\b"), preset.Where);
            Assert.False(string.IsNullOrWhiteSpace(preset.Task));
            Assert.False(preset.Adapter.Targets.IsAllLinear);                                   // each paper says which
            Assert.False(preset.Steps is not null && preset.Epochs is not null, $"{preset.Name} counts in steps and in epochs");
            Assert.False(preset.WarmupSteps is not null && preset.WarmupRatio is not null, $"{preset.Name} has two warm-ups");
            Assert.NotNull(preset.Rank);
            Assert.Contains(preset.Paper, preset.ToString());
        }
    }

    private static readonly LlamaConfig Llama7B = new()
    {
        VocabularySize = 32000, HiddenSize = 4096, IntermediateSize = 11008, Layers = 32, Heads = 32, KeyValueHeads = 32,
    };

    /// <summary>The papers' shares and counts of trained parameters on LLaMA-7B of 6.74 billion: DoRA's Table 1, VeRA's Table 4, QLoRA as VeRA has it.</summary>
    [Theory]
    [InlineData("DoRA: LLaMA-7B, commonsense, r 16", 0.0043 * 6.74e9, 0.005 * 0.0043 * 6.74e9)]
    [InlineData("DoRA: LLaMA-7B, commonsense, r 32", 0.0084 * 6.74e9, 0.01 * 0.0084 * 6.74e9)]
    [InlineData("VeRA: LLaMA-7B, cleaned Alpaca", 1.6e6, 0.05e6)]
    [InlineData("LoRA: LLaMA-7B, cleaned Alpaca", 159.9e6, 0.05e6)]
    [InlineData("QLoRA: LLaMA-7B, Guanaco", 159.9e6, 0.05e6)]
    public void Each_trains_as_many_numbers_as_its_paper_says(string name, double expected, double within)
    {
        var adapter = Presets.Find(name).Adapter;
        Assert.Equal(expected, adapter.CountTrainable(Llama7B.LinearLayers(), adapter.Targets), within);
    }

    [Fact]
    public void Methods_are_found_by_name_and_a_wrong_name_brings_the_nearest()
    {
        Assert.All(Presets.Methods, method => Assert.NotEmpty(Presets.Of(method)));
        Assert.Equal(Presets.All.Count, Presets.Methods.Sum(method => Presets.Of(method).Count));
        Assert.Equal(Presets.Of("DoRA"), Presets.Of("dora"));
        Assert.Contains("\"DoRAA\"; nearest: DoRA,", Assert.Throws<ArgumentException>(() => Presets.Of("DoRAA")).Message);
        Assert.Contains("nearest: DoRA: LLaMA-7B, commonsense, r 16",
            Assert.Throws<ArgumentException>(() => Presets.Find("DoRA: LLaMA-7B, commonsense, r 18")).Message);
    }

    [Fact]
    public void Options_follow_the_source_and_leave_the_rest_as_usual()
    {
        var dora = Presets.Find("DoRA: LLaMA-7B, commonsense, r 16");
        var options = dora.Options(30_000);
        Assert.Equal((30_000, 2e-4, 100), (options.Steps, options.LearningRate, options.WarmupSteps));
        Assert.Equal(1e-4, options.LearningRateAt(15_049), 7);                                  // half the way down a straight line
        Assert.Equal(0, options.LearningRateAt(29_999), 12);
        Assert.Equal(20, dora.Options(200).WarmupSteps);
        Assert.Equal(new TrainingOptions().WeightDecay, options.WeightDecay);

        var guanaco = Presets.Find("QLoRA: LLaMA-7B, Guanaco").Options(1875);
        Assert.Equal((2e-4, 0.3), (guanaco.LearningRate, guanaco.MaxGradientNorm));
        Assert.Equal(guanaco.LearningRateAt(0), guanaco.LearningRateAt(1874), 12);

        Assert.Equal(12, Presets.Find("LoRA: RoBERTa base, MNLI").Options(200).WarmupSteps);    // 6 %
        Assert.Equal(0.1, Presets.Find("DyLoRA: RoBERTa base, CoLA").Options(10).WeightDecay);
        Assert.Equal(3e-3, dora.Options(10, learningRate: 3e-3).LearningRate);
    }

    [Fact]
    public void A_learning_rate_that_could_not_be_checked_has_to_be_given()
    {
        var preset = Assert.Single(Presets.Of("QDyLoRA"));
        Assert.Contains("Options(40, learningRate:", Assert.Throws<InvalidOperationException>(() => preset.Options(40)).Message);
        Assert.Equal(1e-3, preset.Options(40, 1e-3).LearningRate);
    }

    [Fact]
    public void Restarts_and_budgets_keep_their_share_of_a_shorter_run()
    {
        using var model = Model();
        var relora = Presets.Find("ReLoRA: pretraining 250M on C4");
        relora.Apply(model);
        var options = relora.Options(20) with { Log = null };
        Trainer.Fit(model, BatchAt, options);
        Assert.Equal(3, Assert.IsType<ReLoraPolicy>(Assert.Single(options.Policies)).Restarts);  // at 5, 10 and 15, as at 5,000, 10,000 and 15,000

        using var other = Model();
        var adaLora = Presets.Find("AdaLoRA: DeBERTaV3 base, RTE");
        adaLora.Apply(other);
        options = adaLora.Options(39) with { Log = null };
        Trainer.Fit(other, BatchAt, options);
        var policy = Assert.IsType<AdaLoraPolicy>(Assert.Single(options.Policies));
        Assert.Equal(2 * 6, policy.Budget);                                                     // rank 2 on average, six targets
    }

    [Fact]
    public void A_preset_that_does_not_fit_changes_nothing()
    {
        using var model = Model();
        var preset = Presets.Find("QLoRA: LLaMA-7B, Guanaco");
        model.Adapt(Adapter.Lora(2), "q_proj");
        Assert.Contains("already has an adapter", Assert.Throws<ArgumentException>(() => preset.Apply(model)).Message);
        Assert.All(model.LinearLayers(), l => Assert.IsType<DenseWeight>(l.Layer.Weight));
        preset.Apply(model, "second");
        Assert.Equal(["default", "second"], model.AdapterNames().Order());
    }

    [Fact]
    public void Texts_for_tables_are_short()
    {
        var dora = Presets.Find("DoRA: LLaMA-7B, commonsense, r 32");
        Assert.Equal(("dense", "3 epochs", "linear, warm-up 100 steps", 32L, 64.0), (dora.Weights, dora.Length, dora.Course, dora.Rank, dora.Alpha));
        var guanaco = Presets.Find("QLoRA: LLaMA-65B, Guanaco");
        Assert.Equal(("q, k, v, up, down", "all seven"), (dora.Targets, guanaco.Targets));
        Assert.Equal(("NF4, scales in 8 bits", "1,875 steps", "constant"), (guanaco.Weights, guanaco.Length, guanaco.Course));
        Assert.Null(Presets.Find("LoRA: GPT-3 175B, 4.7M parameters").Alpha);                   // not in the paper
        Assert.Equal("int4, groups of 32", Presets.Of("QA-LoRA")[0].Weights);
        Assert.Equal("warm-up 6 %", Presets.Of("DyLoRA")[0].Course);
        Assert.Equal("", Presets.Of("QDyLoRA")[0].Course + Presets.Of("QDyLoRA")[0].Length);
        foreach (var p in Presets.All)
        {
            Assert.All([p.Name, p.Targets, p.Weights, p.Length, p.Course], text => Assert.InRange(text.Length, 0, 48));
            Assert.NotEqual("", p.Targets);
        }
    }
}
