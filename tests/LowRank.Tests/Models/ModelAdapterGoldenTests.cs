using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Models;

/// <summary>
/// A whole model with each adapter that the reference saved: logits, loss, every gradient, merged, switched off, and six AdamW steps.
/// </summary>
public sealed class ModelAdapterGoldenTests : IDisposable
{
    private const string Grad = "grad.";
    private const string Losses = "adamw_lr5e-3_wd0.01_losses";
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    /// <summary>Every fixture whose adapter is one that is built here.</summary>
    public static TheoryData<string> Adapters => Golden.Where(f => f.Entry["adapter_dir"] is not null
        && JsonNode.Parse(File.ReadAllText(Golden.PathOf(Path.Combine(f.Field<string>("adapter_dir"), "adapter_config.json"))))!["peft_type"]!.GetValue<string>() is "LORA" or "VERA");

    private static CausalLm Load(Fixture fixture, ScalarType dtype)
    {
        var model = CausalLm.Load(Golden.PathOf($"model/{fixture.Field<string>("model")}"), dtype, Golden.Device);
        model.LoadAdapter(Golden.PathOf(fixture.Field<string>("adapter_dir")), trainable: true);
        return model;
    }

    [Theory, MemberData(nameof(Adapters))]
    public void Logits_loss_and_gradients_equal_in_float32(string id) => Compare(Golden.Fixture(id), ScalarType.Float32, "", Golden.ModelTolerance);

    // The reference keeps norms, softmax and rotary angles in float32 in its float64 run, hence no exact agreement.
    [Theory, MemberData(nameof(Adapters))]
    public void Logits_loss_and_gradients_equal_in_float64(string id) => Compare(Golden.Fixture(id), ScalarType.Float64, ".f64", Golden.ModelTolerance);

    private static void Compare(Fixture fixture, ScalarType dtype, string suffix, double tolerance)
    {
        var golden = fixture.Load();
        using var model = Load(fixture, dtype);
        Golden.Close(golden["logits" + suffix], model.forward(golden["input_ids"]), tolerance, "logits");
        var loss = model.Loss(golden["input_ids"]);
        Golden.Close(golden["loss" + suffix], loss.reshape(1), tolerance, "loss");
        loss.backward();

        var expected = golden.Keys.Where(key => key.StartsWith(Grad, StringComparison.Ordinal) && !key.EndsWith(".f64", StringComparison.Ordinal)).ToHashSet();
        foreach (var (path, _, adapter) in model.LayersOf("default"))
            foreach (var (name, parameter) in adapter.Tensors)
            {
                // The file says lora_magnitude_vector, the live parameter that the gradient is named after has .weight behind it.
                var key = $"{Grad}{path}.{name}{(name == "lora_magnitude_vector" ? ".weight" : "")}";
                Assert.True(expected.Remove(key), $"{key} is not in the fixture");
                Golden.Close(golden[key + suffix], parameter.grad!, 10 * tolerance, key);
            }
        Assert.Empty(expected);
        Assert.All(model.BaseParameters(), p => Assert.Null(p.Parameter.grad));
    }

    [Theory, MemberData(nameof(Adapters))]
    public void Merged_and_switched_off_logits_equal(string id)
    {
        var fixture = Golden.Fixture(id);
        var golden = fixture.Load();
        using var model = Load(fixture, ScalarType.Float32);
        using var _ = no_grad();
        using (model.DisableAdapters())
            Golden.Close(golden["logits.base"], model.forward(golden["input_ids"]), Golden.ModelTolerance, "without the adapter");
        model.Merge();
        Golden.Close(golden["logits.merged"], model.forward(golden["input_ids"]), Golden.ModelTolerance, "merged");
        model.Unmerge();
        Golden.Close(golden["logits"], model.forward(golden["input_ids"]), Golden.ModelTolerance, "unmerged");
    }

    [Theory, MemberData(nameof(Adapters))]
    public void Six_steps_of_AdamW_lose_the_same(string id)
    {
        var fixture = Golden.Fixture(id);
        var ids = fixture.Load()["input_ids"];
        using var model = Load(fixture, ScalarType.Float32);
        using var optimizer = optim.AdamW(model.parameters().Where(p => p.requires_grad), lr: 5e-3, weight_decay: 0.01);
        foreach (var expected in fixture.Entry[Losses]!.AsArray().Select(loss => loss!.GetValue<double>()))
        {
            optimizer.zero_grad();
            var loss = model.Loss(ids);
            Assert.Equal(expected, (double)loss, 1e-4 * expected);
            loss.backward();
            optimizer.step();
        }
    }

    /// <summary>Names, numbers and every field: GPT-2's say fan_in_fan_out.</summary>
    [Theory, MemberData(nameof(Adapters))]
    public void What_PEFT_saved_comes_back_out_the_same(string id)
    {
        using var folder = new TemporaryFolder();
        var fixture = Golden.Fixture(id);
        using var model = Load(fixture, ScalarType.Float32);
        model.SaveAdapter(folder.Path);
        var source = Golden.PathOf(fixture.Field<string>("adapter_dir"));
        var (expected, actual) = (SafeTensors.Load(Path.Combine(source, "adapter_model.safetensors")), SafeTensors.Load(folder.File("adapter_model.safetensors")));
        Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
        foreach (var (name, tensor) in expected) Assert.True(tensor.eq(actual[name]).all().item<bool>(), name);
        Assert.Equal(File.ReadAllText(Path.Combine(source, "adapter_config.json")), File.ReadAllText(folder.File("adapter_config.json")));
    }

    [Fact]
    public void Saving_a_model_with_an_adapter_saves_the_model_alone()
    {
        using var folder = new TemporaryFolder();
        var fixture = Golden.Fixture("model/llama/golden_dora");
        var golden = fixture.Load();
        using var model = Load(fixture, ScalarType.Float32);
        model.Save(folder.Path);
        using var plain = CausalLm.Load(folder.Path, device: Golden.Device);
        Golden.Close(golden["logits.base"], plain.forward(golden["input_ids"]), Golden.ModelTolerance, "saved and loaded");
    }
}
