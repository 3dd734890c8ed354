// A classification head on a language model: where it reads, what its files hold, that it learns alone and beside an adapter.
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Models;

public sealed class SequenceClassifierTests : IDisposable
{
    private const int Padding = 0;
    private static readonly string[] Three = ["zoology", "law", "music"];
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public SequenceClassifierTests() => manual_seed(3);

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    private static SequenceClassifier Classifier(ScalarType dtype = ScalarType.Float32, bool tied = true, int? padding = Padding)
    {
        using var source = new CausalLm(CausalLmTests.Small with { TiedEmbeddings = tied }, seed: 4, dtype);
        return new(source, Three, seed: 6, padding);
    }

    private static readonly Tensor Ids = tensor(new long[] { 5, 9, 2, 7, 1, 8, Padding, Padding, 3, Padding, 4, Padding }).view(3, 4).DetachFromDisposeScope();

    private static bool Same(Tensor left, Tensor right) => left.eq(right).all().item<bool>();

    /// <summary>The head on the last token that is not padding, of each row alone, cut there.</summary>
    [Theory, InlineData(true), InlineData(false)]
    public void ItReadsTheLastTokenThatIsNotPadding(bool tied)
    {
        using var source = new CausalLm(CausalLmTests.Small with { TiedEmbeddings = tied }, seed: 4, ScalarType.Float64);
        using var model = new SequenceClassifier(source, Three, seed: 6, Padding);
        var head = model.state_dict()["score.weight"];
        foreach (var (row, length) in new[] { 4, 2, 3 }.Index())
        {
            var alone = Ids.narrow(0, row, 1).narrow(1, 0, length);
            var expected = source.HiddenStates(alone)[^1].select(1, length - 1).matmul(head.t());
            Golden.Close(expected, model.forward(Ids).narrow(0, row, 1), 1e-12, $"row {row}");
            Golden.Close(expected, model.forward(alone), 1e-12, $"row {row} alone");
        }
        // A row of padding alone is read at its first place.
        var none = full([1, 3], Padding, ScalarType.Int64);
        Golden.Close(source.HiddenStates(none)[^1].select(1, 0).matmul(head.t()), model.forward(none), 1e-12, "padding alone");
    }

    [Fact]
    public void WithoutAPaddingTokenOneRowGoesAndSeveralAreRefused()
    {
        using var model = Classifier(padding: null);
        Assert.Equal([1L, 3], model.forward(Ids.narrow(0, 0, 1)).shape);
        Assert.Contains("no padding token, so the ends of 3 rows are unknown", Assert.Throws<ArgumentException>(() => model.forward(Ids)).Message);
    }

    [Fact]
    public void LossIsTorchsCrossEntropyAndEveryGradientIsTheDifference()
    {
        using var model = Classifier(ScalarType.Float64);
        var classes = tensor(new long[] { 2, -100, 1 });
        Assert.Equal((double)nn.functional.cross_entropy(model.forward(Ids), classes), (double)model.Loss(Ids, classes), 12);
        var state = model.state_dict();
        Adapters.Gradients.Check(() => model.Loss(Ids, classes),
            [.. new[] { "score.weight", "model.norm.weight", "model.layers.1.self_attn.q_proj.weight" }.Select(name => (name, state[name]))]);
    }

    [Fact]
    public void GradientsBesideAnAdapterAreTheDifferences()
    {
        using var model = Classifier(ScalarType.Float64);
        model.Adapt(Adapter.Lora(rank: 2), "q_proj|embed_tokens");
        Move(model);
        var classes = tensor(new long[] { 2, 0, 1 });
        var trained = model.named_parameters().Where(p => p.parameter.requires_grad).Select(p => (p.name, (Tensor)p.parameter)).ToArray();
        Assert.Equal(1 + 2 * 3, trained.Length);
        Adapters.Gradients.Check(() => model.Loss(Ids, classes), trained);
    }

    private static void Move(nn.Module model)
    {
        using var grad = no_grad();
        foreach (var parameter in model.parameters())
            if (parameter.requires_grad) parameter.add_(randn_like(parameter).mul_(0.2));
    }

    /// <summary>Rows of 4 to 9 of the tokens 1 to 22, filled up; the class is which third of the vocabulary the last token is
    /// from.</summary>
    private static Batch Thirds(long number)
    {
        var random = new Random((int)number);
        var (ids, classes) = (new long[16, 9], new long[16]);
        for (var row = 0; row < 16; row++)
        {
            var length = random.Next(4, 10);
            for (var i = 0; i < length; i++) ids[row, i] = random.Next(1, 23);
            classes[row] = (ids[row, length - 1] - 1) * 3 / 22;
        }
        return new(tensor(ids), tensor(classes));
    }

    public static TheoryData<string> Ways => new("everything", "an adapter and the head");

    [Theory, MemberData(nameof(Ways))]
    public void ItLearnsATaskThatCanBeLearned(string way)
    {
        using var model = Classifier();
        if (way == "an adapter and the head") model.Adapt(Adapter.Dora(rank: 4));
        if (way == "the layers and the head") model.TrainLastLayers(1);
        var heldOut = Enumerable.Range(1000, 10).Select(i => Thirds(i)).ToList();
        var before = model.Accuracy(heldOut);
        var run = Trainer.Fit(model, model.Loss, Thirds, new() { Steps = 120, LearningRate = 0.02, Log = null });
        var after = model.Accuracy(heldOut);
        Assert.True(after > 0.9 && before < 0.7, $"accuracy from {before} to {after}, loss {run.Steps[^1].Loss}");
        Assert.True(model.training);
        var predicted = model.Predict(heldOut[0].Ids);
        Assert.Equal([16L], predicted.shape);
        Assert.Equal(model.Accuracy([heldOut[0]]), predicted.eq(heldOut[0].Labels!).sum().item<long>() / 16.0);
    }

    [Fact]
    public void AdaptingTrainsTheAdapterAndTheHeadAndMovesNothingElse()
    {
        using var model = Classifier();
        var summary = model.Adapt(Adapter.Lora(rank: 2));
        Assert.Equal(Adapter.Lora(rank: 2).CountTrainable(model.Config.LinearLayers()) + 3 * 16, summary.Trainable);
        Assert.Equal(14, model.LayersOf("default").Count);
        var before = model.state_dict().ToDictionary(p => p.Key, p => p.Value.clone());
        Trainer.Fit(model, model.Loss, Thirds, new() { Steps = 2, Log = null });
        foreach (var (name, after) in model.state_dict()) Assert.Equal(name != "score.weight", Same(before[name], after));
        Assert.Contains("score trains whole beside the adapter", Assert.Throws<ArgumentException>(() => model.Adapt(Adapter.Lora(), "q_proj|score", "other")).Message);
        Assert.Equal(["default"], model.AdapterNames());
    }

    [Fact]
    public void BitFitTrainsTheHeadBesideTheBiases()
    {
        using var source = new CausalLm(CausalLmTests.Small with { AttentionBias = true });
        using var model = new SequenceClassifier(source, Three, paddingToken: Padding);
        Assert.Equal(2 * (16 + 8 + 8 + 16) + 3 * 16, model.TrainBiases().Trainable);
        Assert.Equal(3 * 16, model.TrainOnly("score").Trainable);
        Assert.True(model.TrainLastLayers(1).Trainable > 3 * 16 && model.Head.get_parameter("weight")!.requires_grad);
    }

    [Theory, InlineData(true), InlineData(false)]
    public void SavedAndLoadedItIsTheSameClassifier(bool tied)
    {
        using var model = Classifier(tied: tied);
        model.Save(folder.Path);
        using var again = SequenceClassifier.Load(folder.Path);
        Assert.Equal(Three, again.Labels);
        Assert.Equal(model.Config, again.Config);
        Assert.True(Same(model.forward(Ids), again.forward(Ids)));
        Assert.Equal(model.Config.ParameterCount, model.parameters().Sum(p => p.numel()));
        Assert.Equal(model.Config.LinearLayers().Select(l => l.Path).Order(), model.LinearLayers().Select(l => l.Path).Order());
        Assert.Contains("score.weight", SafeTensors.Load(folder.File("model.safetensors")).Keys);
        var json = JsonNode.Parse(File.ReadAllText(folder.File("config.json")))!;
        Assert.Equal("LlamaForSequenceClassification", json["architectures"]![0]!.GetValue<string>());
        Assert.Equal("""{"0":"zoology","1":"law","2":"music"}""", json["id2label"]!.ToJsonString());
        Assert.Equal("""{"zoology":0,"law":1,"music":2}""", json["label2id"]!.ToJsonString());
        Assert.Contains("unexpected score.weight", Assert.Throws<InvalidDataException>(() => CausalLm.Load(folder.Path)).Message);
    }

    [Theory]
    [InlineData("", "LABEL_0 LABEL_1")]
    [InlineData("\"num_labels\": 3,", "LABEL_0 LABEL_1 LABEL_2")]
    [InlineData("\"id2label\": { \"1\": \"no\", \"0\": \"yes\" },", "yes no")]
    [InlineData("\"id2label\": { \"10\": \"k\", \"0\": \"a\", \"1\": \"b\", \"2\": \"c\", \"3\": \"d\", \"4\": \"e\", \"5\": \"f\", \"6\": \"g\", \"7\": \"h\", \"8\": \"i\", \"9\": \"j\" },",
        "a b c d e f g h i j k")]
    public void LabelsAreReadAsTransformersWritesThem(string fields, string labels)
    {
        using var model = Classifier();
        var text = ConfigFile.Write(model.Config with { Labels = null }).Replace("LlamaForCausalLM", "LlamaForSequenceClassification");
        File.WriteAllText(folder.File("config.json"), text.Replace("\"attention_bias\"", fields + "\"attention_bias\""));
        Assert.Equal(labels.Split(' '), ConfigFile.Read(folder.File("config.json")).Labels);
    }

    [Fact]
    public void LabelsThatMakeNoSenseAreRefused()
    {
        using var source = new CausalLm(CausalLmTests.Small);
        Assert.Contains("at least one", Assert.Throws<ArgumentException>(() => new SequenceClassifier(source, [])).Message);
        Assert.Contains("a name of its own", Assert.Throws<ArgumentException>(() => new SequenceClassifier(source, ["a", "a"])).Message);
        using var model = Classifier();
        model.Save(folder.Path);
        var path = folder.File("config.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"1\": \"law\"", "\"7\": \"law\""));
        Assert.Contains("a label for each id from 0 to 2", Assert.Throws<InvalidDataException>(() => SequenceClassifier.Load(folder.Path)).Message);
        source.Save(folder.Path);
        Assert.Contains("is not a classifier's", Assert.Throws<InvalidDataException>(() => SequenceClassifier.Load(folder.Path)).Message);
        Assert.Contains("they must be Int64 [3], one a row", Assert.Throws<ArgumentException>(() => model.Loss(Ids, zeros(3, 4, ScalarType.Int64))).Message);
        Assert.Contains("outside", Assert.Throws<ArgumentException>(() => model.Loss(Ids, tensor(new long[] { 0, 1, 3 }))).Message);
        Assert.Contains("no labels", Assert.Throws<ArgumentException>(() => model.Accuracy([new Batch(Ids)])).Message);
        Assert.Contains("no row has a class", Assert.Throws<ArgumentException>(() => model.Accuracy([])).Message);
    }

    [Fact]
    public void AnAdaptersFileHoldsTheHeadAsPeftSavesIt()
    {
        using var model = Classifier();
        model.Adapt(Adapter.Lora(rank: 2), "q_proj|v_proj");
        Move(model);
        model.SaveAdapter(folder.Path);
        var file = SafeTensors.Load(folder.File("adapter_model.safetensors"));
        Assert.True(Same(file["base_model.model.score.weight"], model.Head.Weight.Dequantize()));
        Assert.Equal(1 + 8, file.Count);
        var json = JsonNode.Parse(File.ReadAllText(folder.File("adapter_config.json")))!;
        Assert.Equal("""["classifier","score"]""", json["modules_to_save"]!.ToJsonString());
        Assert.Equal("SEQ_CLS", json["task_type"]!.GetValue<string>());

        using var other = Classifier();
        other.LoadAdapter(folder.Path, "theirs");
        Assert.True(Same(model.forward(Ids), other.forward(Ids)));
        Assert.False(other.Head.get_parameter("weight")!.requires_grad);
        using var further = Classifier();
        further.LoadAdapter(folder.Path, "theirs", trainable: true);
        Assert.True(further.Head.get_parameter("weight")!.requires_grad);
        // PEFT also takes, and writes for a person who names it, the head alone.
        json["modules_to_save"] = new JsonArray("score");
        File.WriteAllText(folder.File("adapter_config.json"), json.ToJsonString());
        using var third = Classifier();
        third.LoadAdapter(folder.Path);
        Assert.True(Same(model.forward(Ids), third.forward(Ids)));
    }

    [Fact]
    public void AFilesHeadThatDoesNotFitChangesNothing()
    {
        using var model = Classifier();
        model.Adapt(Adapter.Lora(rank: 2), "q_proj");
        model.SaveAdapter(folder.Path);
        using var language = new CausalLm(CausalLmTests.Small);
        Assert.Contains("a classifier's head, and this model has none", Assert.Throws<InvalidDataException>(() => language.LoadAdapter(folder.Path)).Message);
        Assert.Empty(language.AdapterNames());
        using var two = new SequenceClassifier(language, ["a", "b"], paddingToken: Padding);
        var before = two.Head.Weight.Dequantize().clone();
        Assert.Contains("base_model.model.score.weight ([3, 16] in the file, [2, 16] in the model)",
            Assert.Throws<InvalidDataException>(() => two.LoadAdapter(folder.Path)).Message);
        Assert.True(Same(before, two.Head.Weight.Dequantize()));
        Assert.True(two.Head.get_parameter("weight")!.requires_grad);
        // A language model's adapter goes onto a classifier; the head stays.
        language.Adapt(Adapter.Lora(rank: 2), "q_proj");
        language.SaveAdapter(folder.Path);
        two.LoadAdapter(folder.Path);
        Assert.True(Same(before, two.Head.Weight.Dequantize()));
    }
}
