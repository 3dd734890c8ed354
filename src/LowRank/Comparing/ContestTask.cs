// Tasks for a contest: questions to learn from, to choose by and to report on. Everything is a question, so that every method, prompting
// included, does the same task; the prompt is given, the answer alone is asked for and scored.
namespace LowRank;

/// <summary>A task with its questions.</summary>
/// <param name="Name">By which its points are found again.</param>
/// <param name="What">The task in a few words.</param>
/// <param name="Steps">Training steps of <see cref="BatchSize"/> questions.</param>
/// <param name="Training">To learn from.</param>
/// <param name="Validation">To choose learning rates by.</param>
/// <param name="Test">To report on.</param>
/// <param name="OneAnswer">Is there one right answer, so that exact matches can be counted?</param>
public sealed record ContestTask(
    string Name, string What, int Steps, IReadOnlyList<Question> Training, IReadOnlyList<Question> Validation, IReadOnlyList<Question> Test, bool OneAnswer)
{
    /// <summary>Questions a step.</summary>
    public const int BatchSize = 16;

    /// <summary>Questions of the validation and of the test.</summary>
    public const int Judged = 128;

    /// <summary>Characters of the longest question and answer: some 60 tokens.</summary>
    private const int Longest = 180;

    /// <summary>The six kinds of task of lesson 9.</summary>
    /// <param name="glosses">WordNet's.</param>
    public static IReadOnlyList<ContestTask> All(IReadOnlyList<Gloss> glosses)
    {
        var food = glosses.InDomain("noun.food").Shuffled().ToList();
        var heldOut = glosses.HeldOut().Shuffled().ToList();
        var mixed = glosses.Shuffled().ToList();
        var pairs = UuidPairs.Make(16);
        return
        [
            Of("domain", "definitions of food, word and all", 60, food, some => some.Select(g => new Question("", g.Text)), oneAnswer: false),
            Of("45 domains", "which of 45 domains a definition belongs to", 100, mixed, some => some.Select(g => new Question($"{g.Definition} =", $" {g.Domain}")), oneAnswer: true),
            Of("definition", "a definition for a word and its domain, of five domains never read", 60, heldOut, DefinitionQuestions.Of, oneAnswer: false),
            Of("arithmetic", "sums and differences in words, up to 19", 100, WordArithmetic.Problems(20)),
            Of("SQL", "questions about six tables as SQL", 150, SqlQuestions.Make()),
            new("memory", "16 pairs of random UUIDs, by heart", 100, pairs, pairs, pairs, OneAnswer: true),
        ];
    }

    private static ContestTask Of(string name, string what, int steps, IReadOnlyList<Gloss> glosses, Func<IEnumerable<Gloss>, IEnumerable<Question>> ask, bool oneAnswer)
    {
        IReadOnlyList<Question> Part(Split split) => [.. ask(glosses.Of(split)).Where(q => q.Prompt.Length + q.Answer.Length <= Longest)];
        List<Question> validation = [.. Part(Split.Validation).Take(Judged)], test = [.. Part(Split.Test).Take(Judged)];
        // WordNet defines a few words by the same text.
        return new(name, what, steps, [.. Part(Split.Train).Except(validation).Except(test)], validation, test, oneAnswer);
    }

    private static ContestTask Of(string name, string what, int steps, IReadOnlyList<Question> questions) =>
        new(name, what, steps, [.. questions.Of(Split.Train)], [.. questions.Of(Split.Validation).Take(Judged)], [.. questions.Of(Split.Test).Take(Judged)], OneAnswer: true);

    /// <summary>Questions with examples in front, for prompting alone: the first short ones of the training questions.</summary>
    internal IReadOnlyList<Question> WithExamples(IReadOnlyList<Question> questions, int shots)
    {
        if (shots == 0) return questions;
        var examples = string.Concat(Training.Where(q => q.Prompt.Length + q.Answer.Length <= Longest / 2).Take(shots).Select(q => $"{q.Prompt}{q.Answer}\n"));
        return [.. questions.Select(q => q with { Prompt = examples + q.Prompt })];
    }
}
