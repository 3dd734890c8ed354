namespace LowRank.Tests.Comparing;

/// <summary>Contests: the search, its file, and every contender on a real model.</summary>
public sealed class ContestTests : IDisposable
{
    private static readonly string Tiny = Path.Combine(Golden.TestsFolder, "..", "data", "tiny");

    private static readonly IReadOnlyList<Question> Few = [.. WordArithmetic.Problems(4)];

    private static readonly ContestTask Task = new("sums", "small sums", 3, Few, Few, [.. Few.Take(5)], OneAnswer: true);

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private ContestFile Open() => new(Path.Combine(folder.Path, "points.json"), "./workbook sweep");

    public static TheoryData<string> Names() => [.. Contenders.All.Select(contender => contender.Name)];

    [Theory, MemberData(nameof(Names))]
    public void EveryContenderDoesTheTaskAndTheSameSeedDoesTheSame(string name)
    {
        var contender = Contenders.All.Single(c => c.Name == name);
        var point = new Contest(Task, Tiny).Run(contender, contender.FirstRate, seed: 1);
        Assert.Equal(point, new Contest(Task, Tiny).Run(contender, contender.FirstRate, seed: 1));
        Assert.Equal(("sums", "tiny", name, 1L), (point.Task, point.Model, point.Contender, point.Seed));
        Assert.True(point is { Validation: > 0, Test: > 0, Exact: >= 0 }, point.ToString());
        Assert.Equal(contender.FirstRate > 0, point.Trained > 0);
        Assert.Equal(contender.FirstRate > 0 ? 3 : 0, point.Steps);
        if (contender.FirstRate > 0) Assert.Contains(contender.FirstRate, Contest.Ladder);
        else if (contender.Shots == 0) Assert.Equal(0, new Contest(Task, Tiny).Run(Contenders.All[0], 0, 2).Validation - point.Validation);
    }

    [Fact]
    public void NamesAreUnique() => Assert.Equal(Contenders.All.Count, Contenders.All.Select(c => c.Name).Distinct().Count());

    [Fact]
    public void ASearchGoesOnUntilTheBestRateHasNeighboursAndIsNotRepeated()
    {
        var lora = Contender.Of("LoRA", Adapter.Lora(2), 3e-4);         // far too low for three steps: the search has to climb
        var contest = new Contest(Task, Tiny);
        var best = contest.Search(Open(), lora, seed: 1);
        var points = Open().Points;
        var rates = points.Select(p => p.Rate).Order().ToList();
        var first = Contest.Ladder.ToList().IndexOf(rates[0]);
        Assert.Equal(Contest.Ladder.Skip(first).Take(rates.Count), rates);                  // no gaps
        Assert.Equal(points.Min(p => p.Validation), best.Validation);
        Assert.True(rates.Contains(Next(best.Rate, -1)) && (best.Rate == Contest.Ladder[^1] || rates.Contains(Next(best.Rate, 1))), $"{best.Rate} of {string.Join(", ", rates)}");
        Assert.True(best.Rate > 1e-3, $"{best.Rate}");

        var written = File.GetLastWriteTimeUtc(Path.Combine(folder.Path, "points.json"));
        Assert.Equal(best, contest.Search(Open(), lora, seed: 1));
        Assert.Equal(written, File.GetLastWriteTimeUtc(Path.Combine(folder.Path, "points.json")));
        Assert.Contains("no step of the ladder", Assert.Throws<ArgumentException>(() => contest.Search(Open(), lora, 1, firstRate: 0.002)).Message);

        static double Next(double rate, int by) => Contest.Ladder[Contest.Ladder.ToList().IndexOf(rate) + by];
    }

    [Fact]
    public void ARateBeyondWhatAMethodBearsIsAPointWithoutALoss()
    {
        var point = new Contest(Task, Tiny).Run(new("wild", (model, _) => model.TrainOnly("*"), 1), rate: 1e30, seed: 1);
        Assert.True(point is { Validation: null, Test: null, Trained: > 0 }, point.ToString());
        var file = Open();
        file.Add(point);
        Assert.Equal(point, Open().Points.Single());
    }

    [Fact]
    public void AFileGrowsByWholePointsAndRefusesWhatIsNone()
    {
        ContestPoint[] points = [new("sums", "tiny", "IA³ \"x\"", 0.003, 1, 3, 5, 1.25, 1.5, null), new("sums", "tiny", "LoRA", 0.01, 2, 3, 5, 1, 2, 0.5)];
        foreach (var point in points) Open().Add(point);
        Assert.Equal(points, Open().Points);
        Assert.Equal(points[1], Open().Find("sums", "tiny", "LoRA", 0.01, 2, steps: 3));
        Assert.Null(Open().Find("sums", "tiny", "LoRA", 0.01, 2, steps: 4));          // another length is another run …
        Open().Add(points[1] with { Steps = 4 });                                      // … and takes its place
        Assert.Equal([3, 4], Open().Points.Select(p => p.Steps));
        var text = File.ReadAllText(Path.Combine(folder.Path, "points.json"));
        Assert.Contains("\"seeds\": [1,2]", text);
        Assert.Contains("./workbook sweep", text);
        foreach (var other in new[] { "{}", "[1]", "{\"points\": [", "" })
        {
            File.WriteAllText(Path.Combine(folder.Path, "points.json"), other);
            Assert.Contains("points.json", Assert.Throws<InvalidDataException>(Open).Message);
        }
    }

    [Fact]
    public void TasksHaveQuestionsForEachPartAndFitTheModels()
    {
        var tokenizer = Tokenizer.Load(Path.Combine(Tiny, "tokenizer.json"));
        foreach (var task in ContestTask.All(WordNet.Load()))
        {
            Assert.True(task.Training.Count >= 16 && task.Validation.Count >= 16 && task.Test.Count >= 16, task.Name);
            if (task.Name != "memory") Assert.Empty(task.Training.Intersect(task.Test.Concat(task.Validation)));
            foreach (var some in new[] { task.Training.Take(500), task.WithExamples(task.Test, 3) })
                Assert.All(some, question => Assert.InRange(tokenizer.Encode(question.Prompt + question.Answer).Length, 1, 400));
            Assert.InRange(task.Training.Take(2000).Max(q => tokenizer.Encode(q.Prompt + q.Answer).Length), 3, 126);    // positions of data/tiny, and two separators
        }
    }
}
