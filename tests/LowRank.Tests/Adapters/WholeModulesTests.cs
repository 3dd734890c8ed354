// Modules that train whole beside an adapter: each adapter's own, switched with it, on every family.
using System.Text.Json.Nodes;
using LowRank.Tests.Models;
using TorchSharp;
using static LowRank.Tests.Training.TinyTraining;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public sealed partial class WholeModulesTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    public static TheoryData<string> Families => SmallModels.Names;

    private static CausalLm Family(string name, ScalarType dtype = ScalarType.Float32) => FamilyTests.Model(name, dtype);

    private static Tensor Ids() => FamilyTests.Ids();

    private static bool Same(Tensor a, Tensor b) => a.shape.SequenceEqual(b.shape) && a.eq(b).all().item<bool>();

    /// <summary>The family's names of head, embedding and last norm, without a head that is the embedding.</summary>
    private static string Names(CausalLm model) => (model.Config is Gpt2Config ? "wte|ln_f" : "embed_tokens|model.norm") + (model.Config.TiedEmbeddings ? "" : "|lm_head");

    /// <summary>Moves everything that trains.</summary>
    private static void Move(nn.Module model, double by = 0.2, ulong seed = 9)
    {
        using var grad = no_grad();
        using var generator = new Generator(seed);
        foreach (var parameter in model.parameters().Where(p => p.requires_grad))
            parameter.add_(randn(parameter.shape, parameter.dtype, generator: generator).mul_(by));
    }

    private static Dictionary<string, Tensor> State(nn.Module model) => model.state_dict().ToDictionary(p => p.Key, p => p.Value.clone());

    [Theory, MemberData(nameof(Families))]
    public void They_train_beside_the_adapter_and_go_when_it_goes(string name)
    {
        using var model = Family(name);
        var (before, weights) = (model.forward(Ids()), State(model));
        var whole = Names(model);
        var alone = Adapter.Lora(2).CountTrainable(model.Config.LinearLayers());
        var summary = model.Adapt(Adapter.Lora(2) with { ModulesToSave = whole });
        var expected = weights.Where(w => ((TargetPattern)whole).Matches(w.Key[..w.Key.LastIndexOf('.')])).ToDictionary();
        Assert.Equal(alone + expected.Values.Sum(w => w.numel()), summary.Trainable);
        Assert.True(Same(before, model.forward(Ids())));

        Trainer.Fit(model, _ => new Batch(Ids()), new() { Steps = 3, LearningRate = 1e-2, WarmupSteps = 0, Log = null });
        foreach (var (key, now) in model.state_dict()) Assert.Equal(!expected.ContainsKey(key), Same(weights[key], now));
        var trained = model.forward(Ids());
        using (model.DisableAdapters())
        {
            Assert.True(Same(before, model.forward(Ids())));
            foreach (var (key, now) in model.state_dict()) Assert.True(Same(weights[key], now), key);
            Assert.All(model.parameters().Where(p => p.requires_grad), p => Assert.DoesNotContain(p, model.BaseParameters().Select(b => b.Parameter)));
        }
        Assert.True(Same(trained, model.forward(Ids())));
        model.RemoveAdapter("default");
        Assert.True(Same(before, model.forward(Ids())));
        Assert.Equal(0, TrainableParameters.Of(model).Trainable);
    }

    [Theory, MemberData(nameof(Families))]
    public void Each_adapter_has_its_own(string name)
    {
        using var model = Family(name);
        var before = model.forward(Ids());
        model.Adapt(Adapter.Lora(2) with { ModulesToSave = Names(model) }, name: "first");
        Move(model);
        var first = model.forward(Ids());
        model.Adapt(Adapter.Dora(2) with { ModulesToSave = model.Config is Gpt2Config ? "ln_f" : "norm" }, name: "second");
        Assert.True(Same(before, model.forward(Ids())));                        // it begins with the model's numbers, not the first's
        Move(model, seed: 4);
        var second = model.forward(Ids());
        foreach (var (adapter, output) in new[] { ("first", first), ("second", second), ("first", first) })
        {
            model.SetAdapter(adapter);
            Assert.True(Same(output, model.forward(Ids())), adapter);
        }
        Assert.Contains("\"first\" and \"second\" each have a whole ", Assert.Throws<ArgumentException>(() => model.SetAdapter("first", "second")).Message);
        Assert.True(Same(first, model.forward(Ids())));
        model.SetAdapter();
        Assert.True(Same(before, model.forward(Ids())));
        model.RemoveAdapter("first");
        model.SetAdapter("second");
        Assert.True(Same(second, model.forward(Ids())));
    }

    [Theory, MemberData(nameof(Families))]
    public void The_models_own_folder_has_its_own_numbers_until_a_merge(string name)
    {
        using var model = Family(name);
        var before = model.forward(Ids());
        model.Adapt(Adapter.Lora(2) with { ModulesToSave = Names(model) });
        Move(model, 0.1);
        var adapted = model.forward(Ids());
        model.Save(folder.File("own"));
        Assert.True(Same(adapted, model.forward(Ids())));
        using (var own = CausalLm.Load(folder.File("own"))) Assert.True(Same(before, own.forward(Ids())));

        model.Merge();
        Golden.Close(adapted, model.forward(Ids()), Golden.ModelTolerance, "merged");
        model.Unmerge();
        Assert.True(Same(adapted, model.forward(Ids())));
        model.Merge(keepOriginal: false);
        var merged = model.forward(Ids());
        Golden.Close(adapted, merged, Golden.ModelTolerance, "merged for good");
        Assert.Equal(0, TrainableParameters.Of(model).Trainable);
        model.Save(folder.File("merged"));
        using var again = CausalLm.Load(folder.File("merged"));
        Assert.True(Same(merged, again.forward(Ids())));
        model.Adapt(Adapter.Lora(2) with { ModulesToSave = Names(model) });      // the name is free, and begins with the merged numbers
        Assert.True(Same(merged, model.forward(Ids())));
    }

    /// <summary>Central differences of the loss against what backward says, at the largest gradient of each tensor.</summary>
    [Theory, MemberData(nameof(Families))]
    public void Their_gradients_are_the_losss(string name)
    {
        using var model = Family(name, ScalarType.Float64);
        model.Adapt(Adapter.Lora(2) with { ModulesToSave = Names(model) });
        Move(model);
        model.Loss(Ids()).backward();
        foreach (var (path, parameter) in model.BaseParameters().Where(p => p.Parameter.requires_grad))
        {
            var place = parameter.grad!.abs().flatten().argmax().item<long>();
            var slope = parameter.grad!.flatten()[place].item<double>();
            double LossAt(double by)
            {
                using var grad = no_grad();
                parameter.flatten()[place].add_(by);
                var loss = model.Loss(Ids()).item<double>();
                parameter.flatten()[place].sub_(by);
                return loss;
            }
            Assert.Equal(slope, (LossAt(1e-5) - LossAt(-1e-5)) / 2e-5, 1e-7 * Math.Max(1, Math.Abs(slope)));
            Assert.NotEqual(0, slope);
        }
    }

    /// <summary>A weight's row norms are remembered; they follow the numbers that lie in the parameter.</summary>
    [Fact]
    public void Another_adapters_magnitude_sees_the_models_own_weight()
    {
        using var model = Family("llama");
        model.Adapt(Adapter.Dora(2), "lm_head", "direction");
        Move(model);
        var direction = model.forward(Ids());
        model.Adapt(Adapter.Lora(2) with { ModulesToSave = "lm_head" }, "q_proj", "whole");
        Move(model, 1);
        var whole = model.forward(Ids());
        model.SetAdapter("direction");
        Assert.True(Same(direction, model.forward(Ids())));
        model.SetAdapter("whole");
        Assert.True(Same(whole, model.forward(Ids())));
    }

    [Fact]
    public void They_follow_the_model_to_another_type()
    {
        using var model = Family("llama");
        var own = State(model);
        model.Adapt(Adapter.Lora(2) with { ModulesToSave = "lm_head" }, "q_proj");
        Move(model);
        var (copy, ids) = (State(model)["lm_head.weight"], Ids());
        model.to(ScalarType.Float64);
        Assert.True(Same(copy.to(ScalarType.Float64), model.state_dict()["lm_head.weight"]));
        using (model.DisableAdapters())
        {
            Assert.Equal(ScalarType.Float64, model.forward(ids).dtype);
            Assert.True(Same(own["lm_head.weight"].to(ScalarType.Float64), model.state_dict()["lm_head.weight"]));
        }
        Assert.True(Same(copy.to(ScalarType.Float64), model.state_dict()["lm_head.weight"]));
    }

    [Fact]
    public void A_conversion_and_a_combination_take_them_along()
    {
        using var model = Family("llama", ScalarType.Float64);
        model.Adapt(Adapter.Mora(2) with { ModulesToSave = "norm" }, "q_proj|v_proj", "square");
        Move(model);
        var square = model.forward(Ids());
        model.ConvertToLora("square", null, "thin");
        Golden.Close(square, model.forward(Ids()), 1e-5, "converted");
        model.Adapt(Adapter.Lora(2), "q_proj|v_proj", "plain");
        Move(model);
        model.Combine(["thin", "plain"], [1, 0], Combination.Concatenation, "both");
        Golden.Close(square, model.forward(Ids()), 1e-5, "combined");
        Assert.Contains("\"square\" and \"thin\" each have a whole model.norm", Assert.Throws<ArgumentException>(() =>
            model.Combine(["square", "thin"], [1, 1], Combination.Svd(2), "sum")).Message);
        model.SaveAdapter(folder.File("both"), "both");
        using var other = Family("llama", ScalarType.Float64);
        other.LoadAdapter(folder.File("both"));
        Golden.Close(square, other.forward(Ids()), 1e-5, "from its file");
    }

    /// <summary>Layers let adapters go one by one, and know nothing of the model's copies.</summary>
    [Fact]
    public void A_name_that_is_free_again_has_no_copies_of_the_one_before()
    {
        using var model = Family("llama");
        model.Adapt(Adapter.Lora(2), "q_proj", "plain");
        Move(model);
        var plain = model.forward(Ids());
        model.Adapt(Adapter.Lora(2) with { ModulesToSave = "lm_head" }, "q_proj", "name");
        Move(model);
        foreach (var (_, layer, _) in model.LayersOf("name")) layer.RemoveAdapter("name");
        model.ConvertToLora("plain", null, "name");
        Golden.Close(plain, model.forward(Ids()), Golden.ModelTolerance, "converted");
    }

    [Fact]
    public void What_can_not_be_is_refused_and_nothing_changes()
    {
        using var model = Family("llama");
        var before = State(model);
        string Refusal(TargetPattern whole, string targets = "q_proj")
        {
            var message = Assert.Throws<ArgumentException>(() => model.Adapt(Adapter.Lora(2) with { ModulesToSave = whole }, targets)).Message;
            Assert.Empty(model.AdapterNames());
            Assert.All(model.parameters(), p => Assert.True(p.requires_grad));
            return message;
        }
        Assert.Contains("no module matches \"lm_haed\"; nearest: lm_head", Refusal("lm_haed"));
        Assert.Contains("model.layers.0.self_attn.q_proj trains whole beside the adapter", Refusal("self_attn"));
        Assert.Contains("full fine-tuning", Refusal("all-linear"));
        foreach (var (name, value) in model.state_dict()) Assert.True(Same(before[name], value));
        using var tied = Family("gemma");
        Assert.Contains("this model's head is its embedding. Name embed_tokens", Assert.Throws<ArgumentException>(() => tied.Adapt(Adapter.Lora(2) with { ModulesToSave = "lm_head" }, "q_proj")).Message);

        model.Adapt(Adapter.Lora(2) with { ModulesToSave = "lm_head" }, "q_proj");
        Assert.Contains("whole modules of its own", Assert.Throws<InvalidOperationException>(() => model.UseAdapters("default", null)).Message);
        Assert.Contains("lm_head trains whole beside an adapter", Assert.Throws<InvalidOperationException>(() => model.Quantize(new Int8Rows(), "lm_head")).Message);
        model.RemoveAdapter("default");
        model.Quantize(new Int8Rows(), "lm_head|up_proj");
        Assert.Contains("lm_head is stored as codes, and codes can't train whole", Assert.Throws<ArgumentException>(() => model.Adapt(Adapter.Lora(2) with { ModulesToSave = "lm_head" }, "q_proj")).Message);
    }

    [Fact]
    public void A_batch_of_other_adapters_has_the_models_own_modules()
    {
        using var model = Family("llama");
        model.Adapt(Adapter.Lora(2), "q_proj", "plain");
        Move(model);
        var (plain, two) = (model.forward(Ids()), Ids().shape[0]);
        model.Adapt(Adapter.Lora(2) with { ModulesToSave = "lm_head" }, "q_proj", "whole");
        Move(model);
        var whole = model.forward(Ids());
        using (model.UseAdapters([.. Enumerable.Repeat("plain", (int)two)])) Golden.Close(plain, model.forward(Ids()), Golden.ModelTolerance, "rows");
        Assert.True(Same(whole, model.forward(Ids())));
    }

    [Fact]
    public void A_classifiers_adapters_have_a_head_each()
    {
        using var source = Family("llama");
        using var model = new SequenceClassifier(source, ["yes", "no"], seed: 5, paddingToken: 0);
        var ids = Ids();
        var before = model.forward(ids);
        model.Adapt(Adapter.Lora(2), "q_proj", "one");
        Move(model);
        var one = model.forward(ids);
        model.Adapt(Adapter.Lora(2) with { ModulesToSave = "norm" }, "q_proj", "two");
        Assert.True(Same(before, model.forward(ids)));
        Move(model, seed: 3);
        var two = model.forward(ids);
        model.SetAdapter("one");
        Assert.True(Same(one, model.forward(ids)));
        using (model.DisableAdapters()) Assert.True(Same(before, model.forward(ids)));
        model.SaveAdapter(folder.File("two"), "two");                           // not the active one
        using var other = new SequenceClassifier(source, ["yes", "no"], seed: 5, paddingToken: 0);
        other.LoadAdapter(folder.File("two"));
        Assert.True(Same(two, other.forward(ids)));
        Assert.Equal("""["classifier","model.norm","score"]""", JsonNode.Parse(File.ReadAllText(folder.File("two/adapter_config.json")))!["modules_to_save"]!.ToJsonString());
        Assert.Contains("ModulesToSave | norm\\|score", new AdapterCard("a model").Text(model, "two"));
    }
}
