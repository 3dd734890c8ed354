namespace LowRank;

/// <summary>A prompt, and the one answer that is right.</summary>
/// <param name="Prompt">What a model is given: <c>three plus four is</c>. Nothing of it is trained on.</param>
/// <param name="Answer">What it has to say, with the space that parts it from the prompt: <c> seven</c>.</param>
public sealed record Question(string Prompt, string Answer)
{
    /// <summary>Four of five questions are for training, one of ten for validation and for testing each: decided by the hash of the prompt, so
    /// that no question is in two parts.</summary>
    public Split Split => (StableHash.Of(Prompt) % 10) switch { 0 => Split.Test, 1 => Split.Validation, _ => Split.Train };
}

/// <summary>Parts of a set of questions.</summary>
public static class Questions
{
    /// <summary>The questions of one part.</summary>
    public static IEnumerable<Question> Of(this IEnumerable<Question> questions, Split split) => questions.Where(question => question.Split == split);
}
