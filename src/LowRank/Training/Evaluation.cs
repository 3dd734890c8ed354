using static TorchSharp.torch;

namespace LowRank;

/// <summary>How well a model predicts a text.</summary>
/// <param name="TotalNats">Cross entropy summed over the predicted tokens.</param>
/// <param name="Tokens">Tokens that were predicted.</param>
public sealed record TextScore(double TotalNats, long Tokens)
{
    /// <summary>Mean cross entropy of a token, in nats.</summary>
    public double Loss => TotalNats / Tokens;

    /// <summary>exp of the loss.</summary>
    public double Perplexity => Math.Exp(Loss);

    /// <summary>Bits that the model needs for each of the text's <paramref name="characters"/>.</summary>
    public double BitsPerCharacter(long characters) => TotalNats / Math.Log(2) / characters;
}

/// <summary>Measures a model without training it.</summary>
public static class Evaluation
{
    /// <summary>Sums the loss over batches, each weighted by the tokens that it asks for; dropout is off meanwhile.</summary>
    public static TextScore Score(CausalLm model, IEnumerable<Batch> batches)
    {
        using var _ = no_grad();
        var training = model.training;
        model.eval();
        try
        {
            double nats = 0;
            long tokens = 0;
            foreach (var batch in batches)
            {
                using var scope = NewDisposeScope();
                var asked = CausalLm.Targets(batch.Labels ?? batch.Ids, batch.Segments).ne(NextTokenLoss.Ignored).sum().item<long>();
                if (asked == 0) continue;
                nats += (double)model.Loss(batch) * asked;
                tokens += asked;
            }
            return new(nats, tokens);
        }
        finally
        {
            model.train(training);
        }
    }

    /// <summary>Mean cross entropy of a token over all batches, in nats.</summary>
    public static double Loss(CausalLm model, IEnumerable<Batch> batches) => Score(model, batches).Loss;

    /// <summary>exp of <see cref="Loss"/>.</summary>
    public static double Perplexity(CausalLm model, IEnumerable<Batch> batches) => Score(model, batches).Perplexity;
}
