// What is put on a model, on a small one of every family: adapters and their files, quantized weights, classifiers, baselines, the ledger.
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Models;

public sealed class FamilyAdapterTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    public static TheoryData<string> Names => SmallModels.Names;

    private static CausalLm Model(string name, ScalarType dtype = ScalarType.Float32) => FamilyTests.Model(name, dtype);

    private static Tensor Ids() => FamilyTests.Ids();

    private static bool Same(Tensor a, Tensor b) => a.shape.SequenceEqual(b.shape) && a.eq(b).all().item<bool>();

    private static void Perturb(nn.Module model, Func<string, bool> which)
    {
        using var grad = no_grad();
        using var generator = new Generator(9);
        foreach (var (_, parameter) in model.named_parameters().Where(p => which(p.name)))
            parameter.add_(randn(parameter.shape, parameter.dtype, generator: generator).mul_(0.2));
    }

    private static readonly AdapterConfig[] Configs = [Adapter.Lora(3, alpha: 6), Adapter.Dora(2), Adapter.Vera(4), Adapter.Ia3(), Adapter.Mora(2)];

    [Theory, MemberData(nameof(Names))]
    public void Merged_adapters_compute_what_they_did(string name)
    {
        foreach (var config in Configs)
        {
            using var model = Model(name);
            var before = model.forward(Ids());
            model.Adapt(config);
            Assert.Equal(model.Config.Layers * model.Config.ProductsOf(0).Count, model.LayersOf("default").Count);
            Perturb(model, path => path.Contains(".default.", StringComparison.Ordinal));
            var adapted = model.forward(Ids());
            Assert.False(before.allclose(adapted, 1e-3, 1e-3));
            model.Merge();
            Golden.Close(adapted, model.forward(Ids()), Golden.ModelTolerance, $"{name}, {config.GetType().Name} merged");
            model.Unmerge();
            model.RemoveAdapter("default");
            Assert.True(Same(before, model.forward(Ids())));
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void Adapters_come_back_from_their_files_under_the_familys_paths(string name)
    {
        foreach (var config in Configs)
        {
            using var model = Model(name);
            model.Adapt(config);
            Perturb(model, path => path.Contains(".default.", StringComparison.Ordinal));
            model.SaveAdapter(folder.File("adapter"));
            using var other = Model(name);
            other.LoadAdapter(folder.File("adapter"));
            Assert.True(Same(model.forward(Ids()), other.forward(Ids())), config.GetType().Name);
            using var file = SafeTensorsFile.Open(Path.Combine(folder.File("adapter"), "adapter_model.safetensors"));
            var own = file.Names.Where(tensor => tensor.StartsWith("base_model.model.", StringComparison.Ordinal)).ToList();
            Assert.All(own, tensor => Assert.StartsWith($"base_model.model.{model.Config.LayerPath(0)[..^1]}", tensor));
            var fields = JsonNode.Parse(File.ReadAllText(Path.Combine(folder.File("adapter"), "adapter_config.json")))!;
            if (fields["fan_in_fan_out"] is { } turned) Assert.Equal(model.Config is Gpt2Config, turned.GetValue<bool>());
        }
    }

    [Fact]
    public void GPT2s_embedding_is_named_where_its_head_is_asked_for()
    {
        using var model = Model("gpt2");
        Assert.Contains("Name wte", Assert.Throws<ArgumentException>(() => model.Adapt(Adapter.Lora(2), "lm_head")).Message);
        model.Adapt(Adapter.Lora(2), "wte|c_attn");
        Assert.Equal(3, model.LayersOf("default").Count);
        Assert.Contains("nearest: c_proj", Assert.Throws<ArgumentException>(() => model.Adapt(Adapter.Lora(2), "o_proj", "other")).Message);
    }

    [Theory, MemberData(nameof(Names))]
    public void Quantized_weights_train_adapters_and_come_back_from_files(string name)
    {
        using var model = Model(name);
        model.Save(folder.File("dense"));
        var summary = model.Quantize(Nf4.WithDoubleQuantization);
        Assert.Equal(model.Config.Layers * model.Config.ProductsOf(0).Count, summary.Layers);
        Assert.Equal(summary.BytesAfter, model.Config.LinearLayers().Sum(l => Nf4.WithDoubleQuantization.BytesOf(l) ?? 0));
        var logits = model.forward(Ids());

        using (var atOnce = CausalLm.Load(folder.File("dense"), quantize: Nf4.WithDoubleQuantization)) Assert.True(Same(logits, atOnce.forward(Ids())));
        model.Save(folder.File("codes"));
        using (var read = CausalLm.Load(folder.File("codes"))) Assert.True(Same(logits, read.forward(Ids())));
        Assert.Contains("already", Assert.Throws<InvalidDataException>(() => CausalLm.Load(folder.File("codes"), quantize: new Nf4())).Message);

        using var originals = OriginalWeights.InFile(folder.File("dense"));
        foreach (var (path, layer) in TargetPattern.AllLinear.LayersIn(model)) originals.RequireOf(path, layer.Weight);

        model.Adapt(Adapter.Lora(2));
        var run = Trainer.Fit(model, _ => new(Ids()), new() { Log = null, LearningRate = 0.02, Steps = 20 });
        Assert.True(run.Steps[^1].Loss < 0.9 * run.Steps[0].Loss, $"{run.Steps[0].Loss} to {run.Steps[^1].Loss}");
    }

    [Theory, MemberData(nameof(Names))]
    public void A_classifier_is_made_trained_saved_and_loaded(string name)
    {
        using var model = Model(name);
        using var classifier = new SequenceClassifier(model, ["a", "b", "c"], paddingToken: 0);
        classifier.Adapt(Adapter.Lora(2));
        Perturb(classifier, path => path.Contains(".default.", StringComparison.Ordinal));
        var logits = classifier.forward(Ids());
        Assert.Equal([2, 3], logits.shape);
        classifier.Merge(keepOriginal: false);
        classifier.Save(folder.Path);
        using var again = SequenceClassifier.Load(folder.Path);
        Golden.Close(logits, again.forward(Ids()), Golden.ModelTolerance, "logits");
        Assert.Contains($"\"{model.Config.ClassPrefix}ForSequenceClassification\"", File.ReadAllText(folder.File("config.json")));
        Assert.Equal(["a", "b", "c"], again.Labels);
        using var coded = SequenceClassifier.Load(folder.Path, quantize: new Nf4());
        Assert.All(coded.LinearLayers(), l => Assert.Equal(TargetPattern.AllLinear.Matches(l.Path), l.Layer.Weight is QuantizedWeight));
        again.Quantize(new Nf4());
        Assert.True(Same(again.forward(Ids()), coded.forward(Ids())));
    }

    [Theory, MemberData(nameof(Names))]
    public void Baselines_train_alone_and_come_back_from_files(string name)
    {
        foreach (var config in new BaselineConfig[] { Baseline.SoftPrompt(3), Baseline.Prefix(4), Baseline.Bottleneck(3) })
        {
            using var model = Model(name, ScalarType.Float64);
            model.Adapt(config);
            Perturb(model, path => path.StartsWith("baselines", StringComparison.Ordinal));
            var logits = model.forward(Ids());
            Assert.Equal([2, 7, 23], logits.shape);
            model.SaveBaseline(folder.File(config.GetType().Name));
            using var other = Model(name, ScalarType.Float64);
            Assert.False(other.forward(Ids()).allclose(logits, 1e-3, 1e-3));
            other.LoadBaseline(folder.File(config.GetType().Name));
            Assert.True(Same(logits, other.forward(Ids())));
            var (tensor, value) = model.Baselines[0].named_parameters().First();
            Adapters.Gradients.Check(() => model.forward(Ids()), (tensor, value));
            var run = Trainer.Fit(model, _ => new(Ids()), new() { Log = null, LearningRate = 0.05, Steps = 15 });
            Assert.True(run.Steps[^1].Loss < run.Steps[0].Loss);
        }
    }

    /// <summary>Keys and values of tokens, taken as a prefix, are these tokens: later ones see what they saw in one text.</summary>
    [Theory, InlineData("gpt2"), InlineData("mistral")]
    public void A_prefix_stands_for_the_tokens_whose_keys_and_values_it_has(string name)
    {
        using var model = Model(name, ScalarType.Float64);
        using var none = no_grad();
        var (whole, p) = (FamilyTests.Ids(1, 9), 4L);
        var expected = model.forward(whole);
        var states = model.HiddenStates(whole);
        var modules = model.named_modules().ToDictionary(m => m.name, m => m.module);
        Tensor Of(string path, Tensor x) => ((nn.Module<Tensor, Tensor>)modules[path]).forward(x);
        model.Adapt(Baseline.Prefix((int)p));
        var prefix = (Prefix)model.Baselines[0];
        for (var i = 0; i < model.Config.Layers; i++)
        {
            var (path, x) = (model.Config.LayerPath(i), states[i].narrow(1, 0, p));
            Tensor k, v;
            if (name == "gpt2")
            {
                var parts = Of(path + ".attn.c_attn", Of(path + ".ln_1", x)).chunk(3, -1);
                (k, v) = (parts[1], parts[2]);
            }
            else
            {
                var normed = Of(path + ".input_layernorm", x);
                var (cos, sin) = new RotaryTable(6, 10_000).Rows(0, p, ScalarType.Float64, CPU);
                var heads = Of(path + ".self_attn.k_proj", normed).view(1, p, -1, 6).transpose(1, 2);           // a key is turned before it is kept
                (k, v) = (Rotary.Turn(heads, cos, sin).transpose(1, 2).reshape(1, p, -1), Of(path + ".self_attn.v_proj", normed));
            }
            prefix.Layer(i).Keys.copy_(k[0]);
            prefix.Layer(i).Values.copy_(v[0]);
        }
        Golden.Close(expected.narrow(1, p, 9 - p), model.forward(whole.narrow(1, p, 9 - p)), 1e-12, "logits after the prefix");
    }
}
