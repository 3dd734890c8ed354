// Batches of questions and answers: separator, prompt, answer, separator. The model sees all of it and is asked for the answer and the
// separator behind it alone (labels -100 elsewhere), as instruction tuning does it.

using static TorchSharp.torch;

namespace LowRank;

/// <summary>Batches of <see cref="Question"/>s. <see cref="At"/> is for training, <see cref="InOrder"/> for evaluation.</summary>
public sealed class QuestionBatches
{
    private readonly List<Lazy<TokenRow>> rows;     // a run sees a few of many
    private readonly int batchSize, end;
    private readonly long seed;
    private readonly Device? device;

    /// <summary>Each question is encoded when it is first asked.</summary>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="questions">At least one.</param>
    /// <param name="batchSize">Questions in a batch.</param>
    /// <param name="seed">Chooses the order of each epoch.</param>
    /// <param name="separator">The id that begins and ends a row; the tokenizer's end of text if left out.</param>
    /// <param name="device">Where the tensors are; the CPU if left out.</param>
    public QuestionBatches(Tokenizer tokenizer, IEnumerable<Question> questions, int batchSize, long seed = 0, int? separator = null, Device? device = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        end = separator ?? tokenizer.Separator;
        rows = [.. questions.Select(question => question.Answer.Length > 0
            ? new Lazy<TokenRow>(() =>
            {
                int[] prompt = [end, .. tokenizer.Encode(question.Prompt)], answer = [.. tokenizer.Encode(question.Answer), end];
                return new([.. prompt, .. answer], [.. prompt.Select(_ => false), .. answer.Select(_ => true)]);
            })
            : throw new ArgumentException($"the answer to \"{question.Prompt}\" is empty"))];
        if (rows.Count == 0) throw new ArgumentException("there are no questions");
        (this.batchSize, this.seed, this.device) = (batchSize, seed, device);
    }

    /// <summary>Tokens of the longest row.</summary>
    public int LongestRow => rows.Max(row => row.Value.Ids.Length);

    /// <summary>Training batch number <paramref name="step"/>, from 0, without end: each epoch has every question once, in an order of its own.</summary>
    public Batch At(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        return TokenRow.ToBatch([.. Shuffle.Epochs(rows.Count, seed, step * batchSize, batchSize).Select(place => rows[place].Value)], end, device);
    }

    /// <summary>Every question in the order given; the last batch may be smaller.</summary>
    public IEnumerable<Batch> InOrder() => rows.Chunk(batchSize).Select(some => TokenRow.ToBatch([.. some.Select(row => row.Value)], end, device));
}
