using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Models;

/// <summary>A whole model against the reference: logits, loss, hidden states, padded rows, greedy text.</summary>
public sealed class LlamaGoldenTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly Dictionary<string, Tensor> golden = Golden.Fixture("model/llama/golden").Load();

    public void Dispose() => scope.Dispose();

    private static CausalLm Model(ScalarType dtype = ScalarType.Float32) => CausalLm.Load(Golden.PathOf("model/llama"), dtype, Golden.Device);

    [Fact]
    public void Logits_and_loss_equal_in_float32()
    {
        using var model = Model();
        Golden.Close(golden["logits"], model.forward(golden["input_ids"]), Golden.ModelTolerance, "logits");
        Golden.Close(golden["loss"], model.Loss(golden["input_ids"]).reshape(1), Golden.ModelTolerance, "loss");
    }

    [Fact]
    public void Logits_and_loss_equal_in_float64()
    {
        // The reference normalizes, takes its softmax and the rotary angles in float32 in its float64 run too; so this is as near as it gets.
        using var model = Model(ScalarType.Float64);
        Golden.Close(golden["logits.f64"], model.forward(golden["input_ids"]), 1e-6, "logits");
        Golden.Close(golden["loss.f64"], model.Loss(golden["input_ids"]).reshape(1), 1e-6, "loss");
    }

    [Fact]
    public void Padded_rows_equal_where_they_hold_tokens()
    {
        using var model = Model();
        var held = golden["attention_mask"].to(ScalarType.Bool);
        var padded = golden["input_ids"].masked_fill(held.logical_not(), 0);
        Golden.Close(golden["logits.masked"][held], model.forward(padded)[held], Golden.ModelTolerance, "logits beside padding");
        Golden.Close(golden["loss.masked"], model.Loss(padded, golden["labels.masked"]).reshape(1), Golden.ModelTolerance, "loss beside padding");
    }

    [Fact]
    public void Hidden_states_equal()
    {
        using var model = Model();
        var states = model.HiddenStates(golden["input_ids"]);
        Assert.Equal(model.Config.Layers + 1, states.Count);
        for (var i = 0; i < states.Count; i++)
            Golden.Close(golden[$"hidden.{i}"], states[i], Golden.ModelTolerance, $"hidden state {i}");
    }

    [Fact]
    public void Greedy_text_equals()
    {
        using var model = Model();
        var expected = golden["generate.greedy"].cpu().data<long>().ToArray().Select(id => (int)id).ToArray();
        var given = golden["input_ids"][0].cpu().data<long>().ToArray().TakeWhile((id, i) => id == expected[i]).Select(id => (int)id).ToArray();
        Assert.InRange(given.Length, 1, expected.Length - 1);
        var added = model.Generate(given, GenerationOptions.Greedy with { MaxNewTokens = expected.Length - given.Length });
        Assert.Equal(expected, given.Concat(added));
    }
}
