using System.Text.Json;
using LowRank;
using Workbook.Commands;

namespace Workbook.Tests;

/// <summary>The commands for models of one's own: finetune, chat, merge, inspect.</summary>
public sealed class ModelCommandTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("workbook-test-").FullName;
    readonly StringWriter _log = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    string In(string name) => Path.Combine(_folder, name);

    static string Tiny => Path.Combine(Repository.Root, "data", "tiny");

    int Finetune(params (string, string)[] given)
    {
        File.WriteAllLines(In("data.csv"), Enumerable.Range(0, 40).Select(i => $"what is {i}?,it is {i % 3}").Prepend("question,answer"));
        return FinetuneCommand.Run(null, [("model", Tiny), ("data", In("data.csv")), ("output", In("out")), ("steps", "3"), ("batch", "2"), ("length", "32"), .. given],
            print: false, plan: false, force: false, _log, CancellationToken.None);
    }

    [Fact]
    public void EverySettingIsAnOptionWithAWord()
    {
        var names = typeof(FinetuneSettings).GetProperties().Select(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name)).Order();
        Assert.Equal(names, FinetuneCommand.Settings.Keys.Order());
        var options = FinetuneCommand.Create().Options.Select(option => option.Name).ToList();
        foreach (string option in new[] { "--learning-rate", "--adam-8-bit", "--paged-above-mib", "--test-share", "--learn-prompts", "--print-config" }) Assert.Contains(option, options);
    }

    [Fact]
    public void OptionsWinOverTheFileAndTheConfigurationComesBack()
    {
        File.WriteAllText(In("run.json"), """{ "rank": 4, "method": "dora", "learnPrompts": true }""");
        Assert.Equal(0, FinetuneCommand.Run(In("run.json"), [("rank", "16"), ("schedule", "linear")], print: true, plan: false, force: false, _log, CancellationToken.None));
        var printed = FinetuneSettings.FromJson(_log.ToString(), "printed");
        Assert.Equal(new FinetuneSettings { Rank = 16, Method = "dora", LearnPrompts = true, Schedule = LearningRateSchedule.Linear }, printed);
    }

    [Fact]
    public void WrongInputIsOneSentenceAndCodeTwo()
    {
        Assert.Equal(2, FinetuneCommand.Run(null, [("rank", "many")], false, false, false, _log, CancellationToken.None));
        Assert.Equal("--rank is \"many\"; it must be a number", _log.ToString().Trim());
        Assert.Equal(2, FinetuneCommand.Run(null, [], false, false, false, _log, CancellationToken.None));
        Assert.Equal(2, FinetuneCommand.Run(In("none.json"), [], false, false, false, _log, CancellationToken.None));
        Assert.Contains("none.json", _log.ToString());
        File.WriteAllText(In("odd.csv"), "a,b\n1,2\n");
        Assert.Equal(2, FinetuneCommand.Run(null, [("model", Tiny), ("data", In("odd.csv")), ("output", In("out"))], false, false, false, _log, CancellationToken.None));
        Assert.Contains("odd.csv, line 1: the columns a, b are of no known form", _log.ToString());
        Assert.Contains("say how with --prompt and --answer", _log.ToString());
        Assert.Equal(2, Finetune(("method", "lroa")));
        Assert.Contains("lora", _log.ToString());
        Assert.Contains("no method \"lroa\"; nearest: ", _log.ToString());
    }

    [Fact]
    public void TrainedMergedInspectedAndTalkedTo()
    {
        Assert.True(Finetune(("method", "lora"), ("learningRate", "0.01")) == 0, _log.ToString());
        Assert.Contains($"saved in {In("out")}", _log.ToString());
        Assert.Contains("MiB", _log.ToString());

        Assert.True(MergeCommand.Run(Tiny, In("out"), In("merged"), force: false, _log) == 0, _log.ToString());
        Assert.Equal(1, MergeCommand.Run(Tiny, In("out"), In("merged"), force: false, _log));
        Assert.Contains("--force writes over it", _log.ToString());
        Assert.Equal(1, MergeCommand.Run(Tiny, In("nothing"), In("other"), force: false, _log));

        foreach (string path in new[] { "merged", "out", "merged/model.safetensors", "merged/tokenizer.json", "merged/config.json" })
            Assert.Equal(0, InspectCommand.Run(In(path), all: false, _log));
        Assert.Contains("Llama, 799,584 parameters", _log.ToString());
        Assert.Contains("an adapter, LORA", _log.ToString());
        Assert.Contains("model.layers.*.self_attn.q_proj.weight", _log.ToString());

        var said = new StringWriter();
        int code = ChatCommand.Run(Tiny, [In("out")], null, quantize: false, new() { Temperature = 0, MaxNewTokens = 5 },
            new StringReader("what is 1?\n/adapter none\nwhat is 1?\n/adapter nobody\n/help\n/clear\n/quit\n"), said, CancellationToken.None);
        Assert.True(code == 0, said.ToString());
        Assert.Contains("no chat template: the model continues what you write", said.ToString());
        Assert.Contains("no adapter \"nobody\"; there is out, and none", said.ToString());
    }

    [Fact]
    public void InspectRefusesWithOneSentence()
    {
        File.WriteAllText(In("model.bin"), "x");
        File.WriteAllText(In("broken.safetensors"), "x");
        foreach (var (path, message) in new[] { ("model.bin", "pickled"), ("nowhere", "does not exist"), ("broken.safetensors", "too few"), ("", "holds none of config.json") })
        {
            _log.GetStringBuilder().Clear();
            Assert.Equal(1, InspectCommand.Run(In(path), all: true, _log));
            Assert.Contains(message, _log.ToString());
            Assert.Single(_log.ToString().Trim().Split('\n'));
        }
    }
}
