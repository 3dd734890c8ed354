// Exact scores for questions with one right answer. A model that always says its likeliest token gives the answer exactly when, shown the
// answer's own tokens one by one, it puts each first: so one forward pass decides what drawing token by token would.

using static TorchSharp.torch;

namespace LowRank;

/// <summary>How many answers a model gets right.</summary>
/// <param name="Questions">Rows that asked for something.</param>
/// <param name="Exact">Rows whose every asked token the model puts first: those that greedy generation answers exactly.</param>
/// <param name="Tokens">Tokens asked for.</param>
/// <param name="RightTokens">Tokens that the model puts first, given the right ones before them. (Generating, one wrong token misleads those
/// behind it: this is the kinder measure.)</param>
public sealed record AnswerScore(long Questions, long Exact, long Tokens, long RightTokens)
{
    /// <summary>The share of exact answers, 0 to 1.</summary>
    public double ExactMatch => Questions == 0 ? double.NaN : (double)Exact / Questions;

    /// <summary>The share of right tokens, 0 to 1.</summary>
    public double TokenAccuracy => Tokens == 0 ? double.NaN : (double)RightTokens / Tokens;

    /// <summary>Asks the model everything that the batches' labels ask for.</summary>
    /// <param name="model">In evaluation mode meanwhile.</param>
    /// <param name="batches">As <see cref="QuestionBatches.InOrder"/> gives; labels null: every token is asked for.</param>
    /// <exception cref="ArgumentException">Rows are packed.</exception>
    public static AnswerScore Of(CausalLm model, IEnumerable<Batch> batches)
    {
        using var _ = no_grad();
        var training = model.training;
        model.eval();
        try
        {
            long questions = 0, exact = 0, tokens = 0, right = 0;
            foreach (var batch in batches)
            {
                using var scope = NewDisposeScope();
                if (batch.Segments is not null) throw new ArgumentException("rows hold several texts, and answers are counted by rows; give a question a row");
                var width = batch.Ids.shape[1] - 1;
                var labels = (batch.Labels ?? batch.Ids).narrow(1, 1, width);                       // [batch, tokens - 1]
                var asked = labels.ne(NextTokenLoss.Ignored);
                var hits = model.forward(batch.Ids).narrow(1, 0, width).argmax(2).eq(labels).logical_and(asked);
                var (rowAsked, rowHits) = (asked.sum(1), hits.sum(1));                              // [batch]
                questions += rowAsked.gt(0).sum().item<long>();
                exact += rowHits.eq(rowAsked).logical_and(rowAsked.gt(0)).sum().item<long>();
                tokens += rowAsked.sum().item<long>();
                right += rowHits.sum().item<long>();
            }
            return new(questions, exact, tokens, right);
        }
        finally
        {
            model.train(training);
        }
    }
}
