using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Models;

/// <summary>A whole model of each family against the reference: logits, loss, hidden states, padded rows, greedy text.</summary>
public sealed class ModelGoldenTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public static TheoryData<string> Families => new("gemma", "gpt2", "llama", "mistral", "phi3", "qwen2");

    public void Dispose() => scope.Dispose();

    private static (CausalLm Model, Dictionary<string, Tensor> Golden) Load(string family, ScalarType dtype = ScalarType.Float32) =>
        (CausalLm.Load(Golden.PathOf($"model/{family}"), dtype, Golden.Device), Golden.Fixture($"model/{family}/golden").Load());

    [Theory, MemberData(nameof(Families))]
    public void Logits_and_loss_equal_in_float32(string family)
    {
        var (model, golden) = Load(family);
        using var _ = model;
        Golden.Close(golden["logits"], model.forward(golden["input_ids"]), Golden.ModelTolerance, "logits");
        Golden.Close(golden["loss"], model.Loss(golden["input_ids"]).reshape(1), Golden.ModelTolerance, "loss");
    }

    [Theory, MemberData(nameof(Families))]
    public void Logits_and_loss_equal_in_float64(string family)
    {
        // The reference normalizes, takes its softmax and the rotary angles in float32 in its float64 run too; so this is as near as it gets.
        var (model, golden) = Load(family, ScalarType.Float64);
        using var _ = model;
        Golden.Close(golden["logits.f64"], model.forward(golden["input_ids"]), 1e-6, "logits");
        Golden.Close(golden["loss.f64"], model.Loss(golden["input_ids"]).reshape(1), 1e-6, "loss");
    }

    [Theory, MemberData(nameof(Families))]
    public void Padded_rows_equal_where_they_hold_tokens(string family)
    {
        var (model, golden) = Load(family);
        using var _ = model;
        var held = golden["attention_mask"].to(ScalarType.Bool);
        var padded = golden["input_ids"].masked_fill(held.logical_not(), 0);
        Golden.Close(golden["logits.masked"][held], model.forward(padded)[held], Golden.ModelTolerance, "logits beside padding");
        Golden.Close(golden["loss.masked"], model.Loss(padded, golden["labels.masked"]).reshape(1), Golden.ModelTolerance, "loss beside padding");
    }

    [Theory, MemberData(nameof(Families))]
    public void Hidden_states_equal(string family)
    {
        var (model, golden) = Load(family);
        using var _ = model;
        var states = model.HiddenStates(golden["input_ids"]);
        Assert.Equal(model.Config.Layers + 1, states.Count);
        for (var i = 0; i < states.Count; i++)
            Golden.Close(golden[$"hidden.{i}"], states[i], Golden.ModelTolerance, $"hidden state {i}");
    }

    [Theory, MemberData(nameof(Families))]
    public void Greedy_text_equals(string family)
    {
        var (model, golden) = Load(family);
        using var _ = model;
        var expected = golden["generate.greedy"].cpu().data<long>().ToArray().Select(id => (int)id).ToArray();
        var given = golden["input_ids"][0].cpu().data<long>().ToArray().TakeWhile((id, i) => id == expected[i]).Select(id => (int)id).ToArray();
        Assert.InRange(given.Length, 1, expected.Length - 1);
        List<int> text = [.. given];
        while (text.Count < expected.Length)                                   // the reference goes on after an end token
            text.AddRange(model.Generate(text, GenerationOptions.Greedy with { MaxNewTokens = expected.Length - text.Count }));
        Assert.Equal(expected, text);
    }
}
