using static TorchSharp.torch;

namespace LowRank.Tests.Data;

public sealed class QuestionTests
{
    private static readonly Tokenizer Bytes = Tokenizer.Train([], 257);

    [Theory]
    [InlineData(0, "zero")]
    [InlineData(13, "thirteen")]
    [InlineData(40, "forty")]
    [InlineData(99, "ninety-nine")]
    [InlineData(100, "one hundred")]
    [InlineData(342, "three hundred and forty-two")]
    [InlineData(2000, "two thousand")]
    [InlineData(2007, "two thousand and seven")]
    [InlineData(9801, "nine thousand eight hundred and one")]
    public void NumbersHaveWords(int number, string words) => Assert.Equal(words, WordArithmetic.InWords(number));

    [Fact]
    public void EveryProblemIsThereOnceWithItsAnswer()
    {
        var problems = WordArithmetic.Problems(30, products: true);
        Assert.Equal(30 * 30 + 30 * 31 / 2 + 30 * 30, problems.Select(p => p.Prompt).Distinct().Count());
        Assert.Contains(new Question("seventeen plus twenty-six is", " forty-three"), problems);
        Assert.Contains(new Question("twelve minus twelve is", " zero"), problems);
        Assert.Contains(new Question("twelve times eleven is", " one hundred and thirty-two"), problems);
        Assert.Equal(problems, WordArithmetic.Problems(30, products: true));
        Assert.InRange(problems.Of(Split.Test).Count() / (double)problems.Count, 0.07, 0.13);
        Assert.Empty(problems.Of(Split.Test).Intersect(problems.Of(Split.Train)));
        Assert.Throws<ArgumentOutOfRangeException>(() => WordArithmetic.Problems(101));
    }

    [Fact]
    public void UuidsAreRandomAndTheSameEverywhere()
    {
        var pairs = UuidPairs.Make(1000, seed: 7);
        Assert.All(pairs, pair => Assert.Matches("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", pair.Prompt));
        Assert.All(pairs, pair => Assert.Matches("^ [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", pair.Answer));
        Assert.Equal(2000, pairs.SelectMany(pair => new[] { pair.Prompt, pair.Answer.Trim() }).Distinct().Count());
        Assert.Equal(pairs.Take(10), UuidPairs.Make(10, seed: 7));
        Assert.NotEqual(pairs[0], UuidPairs.Make(1, seed: 8)[0]);
        foreach (var digit in "0123456789abcdef")      // 64,000 digits: each 4,000 times, give or take four standard deviations
            Assert.InRange(pairs.Sum(pair => (pair.Prompt + pair.Answer).Count(c => c == digit)), 3750, 4250);
    }

    [Fact]
    public void OnlyTheAnswerIsAskedFor()
    {
        var (a, b, c) = (Bytes.Id("a"), Bytes.Id("b"), Bytes.Id("c"));
        var batch = new QuestionBatches(Bytes, [new("ab", "c"), new("a", "b")], 2).InOrder().Single();
        Assert.Equal([0L, a, b, c, 0, 0, a, b, 0, 0], batch.Ids.data<long>().ToArray());
        Assert.Equal([-100L, -100, -100, c, 0, -100, -100, b, 0, -100], batch.Labels!.data<long>().ToArray());
        Assert.Throws<ArgumentException>(() => new QuestionBatches(Bytes, [], 2));
        Assert.Contains("the answer to \"x\" is empty", Assert.Throws<ArgumentException>(() => new QuestionBatches(Bytes, [new("x", "")], 2)).Message);
    }

    [Fact]
    public void AnEpochHasEveryQuestionOnceInAnOrderOfItsSeed()
    {
        var questions = Enumerable.Range(0, 12).Select(i => new Question(((char)('a' + i)).ToString(), "z")).ToList();
        static long[] First(QuestionBatches batches, long from) => [.. Enumerable.Range(0, 3).SelectMany(i => batches.At(from + i).Ids.select(1, 1).contiguous().data<long>().ToArray())];
        var batches = new QuestionBatches(Bytes, questions, 4, seed: 1);
        var (epoch, next) = (First(batches, 0), First(batches, 3));
        Assert.Equal(12, epoch.Distinct().Count());
        Assert.Equal(epoch.Order(), next.Order());
        Assert.NotEqual(epoch, next);
        Assert.Equal(epoch, First(new(Bytes, questions, 4, seed: 1), 0));
        Assert.NotEqual(epoch, First(new(Bytes, questions, 4, seed: 2), 0));
    }

    [Fact]
    public void AModelThatLearnedTheAnswersGeneratesThemAndScoresFully()
    {
        var model = new CausalLm(new LlamaConfig
        {
            VocabularySize = 257, HiddenSize = 32, IntermediateSize = 48, Layers = 1, Heads = 2, KeyValueHeads = 1, BeginToken = 0, EndToken = 0,
        }, seed: 1) { Tokenizer = Bytes };
        Question[] questions = [new("ab", " yes"), new("ba", " no"), new("aa", " yes no")];
        var batches = new QuestionBatches(Bytes, questions, 3);
        Assert.Equal(0, AnswerScore.Of(model, batches.InOrder()).ExactMatch);
        Trainer.Fit(model, batches.At, new() { Steps = 150, LearningRate = 1e-2, Log = null });
        var score = AnswerScore.Of(model, batches.InOrder());
        Assert.Equal((3, 3, 17, 17), (score.Questions, score.Exact, score.Tokens, score.RightTokens));
        foreach (var question in questions) Assert.Equal(question.Answer, model.Generate(question.Prompt, GenerationOptions.Greedy));

        // one wrong answer: what generation says differs there and nowhere else
        var asked = new QuestionBatches(Bytes, [questions[0], questions[1] with { Answer = " on" }], 2);
        Assert.Equal(0.5, AnswerScore.Of(model, asked.InOrder()).ExactMatch);
    }
}
