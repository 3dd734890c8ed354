using LowRank.Tests.Data;
using LowRank.Tests.Models;

namespace LowRank.Tests.Finetuning;

public sealed class FinetuningTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly FinetuneSettings settings;

    public FinetuningTests()
    {
        var data = folder.File("data.jsonl");
        File.WriteAllLines(data, Enumerable.Range(0, 60).Select(i => $$"""{"prompt": "{{i}} and one is", "completion": " {{i + 1}}"}"""));
        using var model = new CausalLm(CausalLmTests.Small with { VocabularySize = 257, EndToken = 0 }, seed: 2);
        model.Tokenizer = Tokenizer.Train([], 257);
        model.Save(folder.File("model"));
        settings = new()
        {
            Model = folder.File("model"), Data = data, Output = folder.File("out"), Method = "lora", Rank = 2, Steps = 6, Batch = 4, Length = 24, TestShare = 0.2, LearningRate = 1e-2,
            EvaluateEvery = 3, CheckpointEvery = 2,
        };
    }

    public void Dispose() => folder.Dispose();

    public static TheoryData<string> Methods => new(FinetuneMethod.All.Select(method => method.Name).Concat(["qlora", "QDoRA", "q-vera", "qdylora"]));

    [Theory, MemberData(nameof(Methods))]
    public void Every_method_trains_and_what_it_saves_is_read_back(string name)
    {
        var method = FinetuneMethod.Named(name);
        // Groups of 32 do not fit a width of 16, and a merge every quarter needs steps.
        if (method.Storage is GroupInt4) return;
        var run = new LowRank.Finetuning(settings with { Method = name, Rank = method.Rank == 0 ? null : 2, Steps = 8 }).Run();
        Assert.Equal(8, run.Steps.Count);
        Assert.True(File.Exists(Path.Combine(settings.Output, LowRank.Finetuning.SettingsFile)));
        Assert.Equal(9, File.ReadAllLines(Path.Combine(settings.Output, "metrics.csv")).Length);
        using var model = CausalLm.Load(method.ChangesWeights ? settings.Output : settings.Model, quantize: method.Storage);
        if (!method.ChangesWeights) model.LoadAdapter(settings.Output);
        var held = Examples.Load(settings.Data).Split(settings.TestShare, settings.Seed).Test;
        var loss = Evaluation.Loss(model, new ExampleBatches(model.Tokenizer!, held, settings.Batch, settings.Length!.Value).InOrder());
        Assert.Equal(run.Evaluations.Last().Loss, loss, 1e-3);
    }

    [Fact]
    public void Stopped_and_called_again_it_ends_as_if_it_had_never_stopped()
    {
        var method = settings with { Method = "dora", Dropout = 0.1, Rows = Rows.Packed, Adam8Bit = true };
        new LowRank.Finetuning(method with { Output = folder.File("straight") }).Run();
        using var source = new CancellationTokenSource();
        var log = new Stopper(source, "step 3/6");
        var first = new LowRank.Finetuning(method).Run(log, source.Token);
        Assert.True(first.Cancelled);
        Assert.False(File.Exists(Path.Combine(settings.Output, "adapter_model.safetensors")));
        var second = new LowRank.Finetuning(method).Run();
        Assert.InRange(second.ResumedAfter, 1, 5);
        Assert.Equal(File.ReadAllBytes(folder.File("straight/adapter_model.safetensors")), File.ReadAllBytes(Path.Combine(settings.Output, "adapter_model.safetensors")));

        var other = Assert.Throws<InvalidOperationException>(() => new LowRank.Finetuning(method with { LearningRate = 2e-2 }).Run());
        Assert.Contains("LearningRate", other.Message);
        Assert.Equal(0, new LowRank.Finetuning(method with { LearningRate = 2e-2 }).Run(anew: true).ResumedAfter);
    }

    /// <summary>Cancels when a text goes by.</summary>
    private sealed class Stopper(CancellationTokenSource source, string at) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            if (value?.Contains(at) == true) source.Cancel();
        }

        public override void Write(string? value) => WriteLine(value);
    }

    [Fact]
    public void Settings_read_back_as_they_were_written_and_unknown_ones_are_named()
    {
        var some = settings with { Schedule = LearningRateSchedule.Linear, Rows = Rows.ByLength, Alpha = 3.5, Quantize = "nf4", PagedAboveMiB = 8 };
        Assert.Equal(some, FinetuneSettings.FromJson(some.ToJson(), "here"));
        Assert.Contains("\"byLength\"", some.ToJson());
        Assert.Equal("a.json: no setting \"rnak\"; nearest: rank, chat, rows",
            Assert.Throws<InvalidDataException>(() => FinetuneSettings.FromJson("""{"rnak": 4}""", "a.json")).Message);
        Assert.StartsWith("a.json: ", Assert.Throws<InvalidDataException>(() => FinetuneSettings.FromJson("""{"rank": "four"}""", "a.json")).Message);
        Assert.StartsWith("a.json: ", Assert.Throws<InvalidDataException>(() => FinetuneSettings.FromJson("""{"rank": 4""", "a.json")).Message);
    }

    [Theory]
    [InlineData("method", "no method \"qdoro\"; nearest: qdora, dora, qadora")]
    [InlineData("rank of ia3", "ia3 has no rank")]
    [InlineData("alpha of vera", "vera has no α")]
    [InlineData("quantize", "quantize is \"nf5\"; it can be nf4")]
    [InlineData("codes and full", "full changes the weights themselves")]
    [InlineData("qfull", "full changes the weights themselves")]
    [InlineData("length", "length is 4096, and the model has 32 positions")]
    [InlineData("data", "data is not given")]
    [InlineData("prompt alone", "prompt needs an answer")]
    [InlineData("share", "too few to hold")]
    [InlineData("targets", "q_porj")]
    [InlineData("whole", "no module matches \"nrom\"; nearest: norm")]
    [InlineData("whole target", "model.layers.0.self_attn.q_proj trains whole beside the adapter")]
    [InlineData("whole and full", "full trains every module whole; leave modulesToSave out")]
    [InlineData("chat", "chat template")]
    public void What_makes_no_sense_is_refused_before_anything_is_loaded(string what, string message)
    {
        var wrong = what switch
        {
            "method" => settings with { Method = "qdoro" },
            "rank of ia3" => settings with { Method = "ia3" },
            "alpha of vera" => settings with { Method = "vera", Alpha = 2 },
            "quantize" => settings with { Quantize = "nf5" },
            "codes and full" => settings with { Method = "full", Rank = null, Quantize = "nf4" },
            "qfull" => settings with { Method = "qfull" },
            "length" => settings with { Length = 4096 },
            "data" => settings with { Data = "" },
            "prompt alone" => settings with { Prompt = "{prompt}" },
            "share" => settings with { TestShare = 0.999 },
            "whole" => settings with { ModulesToSave = "nrom" },
            "whole target" => settings with { Targets = "q_proj", ModulesToSave = "self_attn" },
            "whole and full" => settings with { Method = "full", Rank = null, ModulesToSave = "norm" },
            "targets" => settings with { Targets = "q_porj" },
            _ => settings with { Chat = true },
        };
        Assert.Contains(message, Assert.ThrowsAny<Exception>(() => new LowRank.Finetuning(wrong)).Message);
        Assert.False(Directory.Exists(settings.Output));
    }

    [Theory, InlineData("qlora"), InlineData("dora"), InlineData("adalora")]
    public void Modules_that_train_whole_are_in_the_adapters_folder(string method)
    {
        var wanted = settings with { Method = method, ModulesToSave = "embed_tokens|norm", Targets = "q_proj|v_proj" };
        var plan = new LowRank.Finetuning(wanted);
        var run = plan.Run();
        using var model = CausalLm.Load(settings.Model, quantize: method[0] == 'q' ? Nf4.WithDoubleQuantization : null);
        model.LoadAdapter(settings.Output, trainable: true);
        Assert.Equal(plan.Ledger.Trained, TrainableParameters.Of(model).Trainable);
        var held = Examples.Load(settings.Data).Split(settings.TestShare, settings.Seed).Test;
        Assert.Equal(run.Evaluations.Last().Loss, Evaluation.Loss(model, new ExampleBatches(model.Tokenizer!, held, settings.Batch, settings.Length!.Value).InOrder()), 1e-3);
    }

    [Theory, InlineData(true), InlineData(false)]
    public void At_the_end_it_answers_a_few_of_the_tests_questions(bool chat)
    {
        File.WriteAllText(Path.Combine(settings.Model, "chat_template.jinja"), "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}a:{% endif %}");
        var log = new StringWriter();
        new LowRank.Finetuning(settings with { Chat = chat, Steps = 1 }).Run(log);
        var said = log.ToString().Split('\n').Where(line => line.Contains(" → ")).ToList();
        Assert.Equal(3, said.Count);
        Assert.All(said, line => Assert.Matches(@"^  \d+ and one is → .*\(the data: \d+\)$", line));
    }

    [Fact]
    public void Rows_are_as_long_as_the_model_reads_unless_said()
    {
        Assert.Equal(6, new LowRank.Finetuning(settings with { Length = null }).Run().Steps.Count);
        var missing = Assert.Throws<FileNotFoundException>(() => new LowRank.Finetuning(settings with { Model = folder.File("nobody") }));
        Assert.Contains("nobody", missing.Message);
        Assert.Contains("a model folder holds config.json", missing.Message);
    }

    [Fact]
    public void A_model_that_does_not_fit_is_refused_with_advice()
    {
        var plan = new LowRank.Finetuning(settings);
        var error = Assert.Throws<InsufficientMemoryException>(() => plan.Ledger.Require(plan.Ledger.Peak / 2));
        Assert.Contains("fits with batches of", error.Message);
        Assert.Contains("peak", plan.ToString());
    }
}
