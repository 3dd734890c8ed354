// The card beside an adapter: every number is read back from the text and compared with the run and the model.
using System.Globalization;
using LowRank.Tests.Methods;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public sealed class AdapterCardTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();
    private readonly CultureInfo before = CultureInfo.CurrentCulture;

    public AdapterCardTests()
    {
        var commas = (CultureInfo)CultureInfo.InvariantCulture.Clone();         // as in much of Europe
        (commas.NumberFormat.NumberDecimalSeparator, commas.NumberFormat.PercentDecimalSeparator, commas.NumberFormat.NumberGroupSeparator) = (",", ",", ".");
        CultureInfo.CurrentCulture = commas;
    }

    public void Dispose()
    {
        CultureInfo.CurrentCulture = before;
        folder.Dispose();
        scope.Dispose();
    }

    private string Save(nn.Module model, AdapterCard card, string name = Adapter.DefaultName)
    {
        model.SaveAdapter(folder.Path, card, name);
        Assert.Equal(card.BaseModel, System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(folder.File("adapter_config.json")))!["base_model_name_or_path"]!.GetValue<string>());
        return File.ReadAllText(folder.File("README.md"));
    }

    /// <summary>The rows of all tables, by their first cell.</summary>
    private static Dictionary<string, string[]> Rows(string text) => text.Split('\n').Where(l => l.StartsWith("| ") && !l.StartsWith("| -") && !l.StartsWith("| | |"))
        .Select(l => l.Trim('|').Split(" | ").Select(c => c.Trim()).ToArray()).ToDictionary(cells => cells[0], cells => cells[1..]);

    private static double Number(string text) => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);

    private static Dictionary<string, string[]> Front(string text)
    {
        var lines = text.Split('\n');
        Assert.Equal("---", lines[0]);
        var front = new Dictionary<string, string[]>();
        for (var i = 1; lines[i] != "---"; i++)
        {
            var (key, value) = (lines[i].Split(": ")[0], lines[i].Contains(": ") ? lines[i].Split(": ", 2)[1] : null);
            if (value is not null) front[key] = [value];
            else front[key.TrimEnd(':')] = [.. lines.Skip(i + 1).TakeWhile(l => l.StartsWith("- ")).Select(l => l[2..])];
            if (value is null) i += front[key.TrimEnd(':')].Length;
        }
        return front;
    }

    [Fact]
    public void TheNumbersOfARunComeBack()
    {
        var model = new CausalLm(new LlamaConfig { VocabularySize = 31, HiddenSize = 16, IntermediateSize = 24, Layers = 2, Heads = 4, KeyValueHeads = 2 }, seed: 1);
        model.Adapt(Adapter.Dora(rank: 3, alpha: 4.5, dropout: 0.125), "q_proj|v_proj", "mine");
        var ids = randint(0, 31, new long[] { 2, 9 }, ScalarType.Int64);
        var options = new TrainingOptions { Steps = 6, LearningRate = 0.0123, WarmupSteps = 2, EvaluateEvery = 2, Log = null, Seed = 5, Evaluate = () => 1.25 + model.Loss(ids).item<float>() };
        var run = Trainer.Fit(model, _ => new Batch(ids.clone()), options);
        var text = Save(model, new("data/base", run) { Options = options, Title = "Tales\nof \"two\"", Description = "Learned by heart.", Tags = ["tales", "a: b"] }, "mine");

        var front = Front(text);
        Assert.Equal(["\"data/base\""], front["base_model"]);
        Assert.Equal(["peft"], front["library_name"]);
        Assert.Equal(["\"adapter\"", "\"lora\"", "\"tales\"", "\"a: b\""], front["tags"]);
        Assert.Contains("\n# Tales of \"two\"\n", text);
        Assert.Contains("\nLearned by heart.\n", text);

        var rows = Rows(text);
        var trainable = TrainableParameters.Of(model);
        Assert.Equal("LORA with a magnitude", rows["method"][0]);
        Assert.Equal(trainable.Trainable, Number(rows["parameters"][0]));
        Assert.Equal(trainable.Total - trainable.Trainable, Number(rows["parameters of the base model"][0]));
        Assert.Equal(100.0 * trainable.Trainable / (trainable.Total - trainable.Trainable), Number(rows["share"][0].TrimEnd('%', ' ')), 0.006);
        Assert.Equal("`q_proj`, `v_proj`", rows["target modules"][0]);
        Assert.Equal(4, Number(rows["layers"][0]));
        Assert.Equal((3, 4.5, 0.125), (Number(rows["Rank"][0]), Number(rows["Alpha"][0]), Number(rows["Dropout"][0])));
        Assert.Equal(("False", "Kaiming", "q_proj\\|v_proj"), (rows["RsLora"][0], rows["Init"][0], rows["Targets"][0]));

        Assert.Equal((6, run.Tokens), (Number(rows["steps"][0]), (long)Number(rows["tokens"][0])));
        Assert.Equal("no", rows["stopped early"][0]);
        Assert.Equal(run.Seconds, Number(rows["seconds"][0]));
        Assert.Equal(run.SecondsPerStep, Number(rows["seconds a step (median)"][0]));
        Assert.Equal(run.Steps[0].Loss, Number(rows["first loss (nats)"][0]));
        Assert.Equal(run.Steps[^1].Loss, Number(rows["last loss (nats)"][0]));
        Assert.Equal((0.0123, 2, 0, 1, 5), (Number(rows["learning rate"][0]), Number(rows["warm-up steps"][0]), Number(rows["weight decay"][0]),
            Number(rows["batches a step"][0]), Number(rows["seed"][0])));
        Assert.Equal(3, run.Evaluations.Count());
        foreach (var (step, loss) in run.Evaluations)
        {
            Assert.Equal(loss, Number(rows[$"{step}"][0]));
            Assert.Equal(Math.Exp(loss), Number(rows[$"{step}"][1]), 0.006);
        }
        Assert.Contains("model.LoadAdapter(", text);
        Assert.Contains("PeftModel.from_pretrained", text);

        model.RemoveAdapter("mine");
        model.LoadAdapter(folder.Path);                 // the card does not disturb the folder
    }

    [Theory, MemberData(nameof(Names))]
    public void EveryMethodHasACardAndPeftIsNamedWhereItHasTheMethod(string method)
    {
        var model = new Skeleton(1, 12, 6, 20);
        var config = MethodList.All[method].Config;
        model.Adapt(config, "q_proj|v_proj");
        var text = Save(model, new("a/b"));
        var known = config is LoraConfig || (!config.Decomposed && config is VeraConfig or AdaLoraConfig or LohaConfig or LokrConfig or Ia3Config);
        Assert.Equal(known, Front(text).ContainsKey("library_name"));
        Assert.Equal(known, text.Contains("from peft import"));
        Assert.Equal(!known, text.Contains("PEFT has no such adapter"));
        Assert.DoesNotContain("## The run", text);
        var numbers = model.LayersOf("default").Sum(l => l.Adapter.Tensors.Sum(t => t.Value.numel()));
        Assert.Equal(numbers, Number(Rows(text)["parameters"][0]));
    }

    public static TheoryData<string> Names => MethodData.Names;

    [Fact]
    public void ARunThatStoppedAtOnceAndATableOfRanks()
    {
        var model = new Skeleton(1, 12, 6, 20);
        model.Adapt(Adapter.Lora() with { RankPattern = new Dictionary<string, long> { ["q_proj"] = 2 }, AlphaPattern = new Dictionary<string, double> { ["q_proj"] = 0.5 }, Layers = [0] }, "q_proj|v_proj");
        var rows = Rows(Save(model, new("a/b", new TrainingRun([], 0, 0.25, Cancelled: true))));
        Assert.Equal(("0", "yes", "0.25"), (rows["steps"][0], rows["stopped early"][0], rows["seconds"][0]));
        Assert.False(rows.ContainsKey("first loss (nats)"));
        Assert.Equal(("q_proj: 2", "q_proj: 0.5", "0"), (rows["RankPattern"][0], rows["AlphaPattern"][0], rows["Layers"][0]));
        var vera = new Skeleton(1, 12, 6, 20);
        vera.Adapt(Adapter.Vera(8, saveProjections: false) with { Generator = VeraGenerator.Philox });
        Assert.DoesNotContain("peft import", Save(vera, new("a/b")));
    }

    [Fact]
    public void RefusalsWriteNothing()
    {
        var model = new Skeleton(1, 12, 6, 20);
        model.Adapt(Adapter.Lora(), "q_proj");
        Assert.Contains("base model is empty", Assert.Throws<ArgumentException>(() => Save(model, new(" "))).Message);
        Assert.Contains("no adapter \"defualt\"; nearest: default", Assert.Throws<ArgumentException>(() => Save(model, new("a/b"), "defualt")).Message);
        model.LayersOf("default")[0].Layer.AddAdapter("hand", new LowRankUpdate(12, 12, 2, 1));
        Assert.Contains("put on its layers by hand", Assert.Throws<InvalidOperationException>(() => Save(model, new("a/b"), "hand")).Message);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }
}
