using LowRank.Tests.Models;

namespace LowRank.Tests.Generating;

public class GenerationTests
{
    private static CausalLm Model() => new(CausalLmTests.Small with { EndToken = null }, seed: 2);

    [Fact]
    public void The_same_seed_draws_the_same_ids_and_another_does_not()
    {
        using var model = Model();
        GenerationOptions options = new() { MaxNewTokens = 20, Seed = 11 };
        Assert.Equal(model.Generate([1, 2], options), model.Generate([1, 2], options));
        Assert.NotEqual(model.Generate([1, 2], options), model.Generate([1, 2], options with { Seed = 12 }));
    }

    [Fact]
    public void Top_1_is_greedy_at_any_temperature()
    {
        using var model = Model();
        var greedy = model.Generate([3], GenerationOptions.Greedy with { MaxNewTokens = 12 });
        Assert.Equal(greedy, model.Generate([3], new() { MaxNewTokens = 12, TopK = 1, Temperature = 5 }));
    }

    [Fact]
    public void It_ends_with_the_end_token()
    {
        using var model = Model();
        var greedy = model.Generate([3], GenerationOptions.Greedy with { MaxNewTokens = 5 });
        using var ending = new CausalLm(model.Config with { EndToken = greedy[2] }, seed: 2);
        var added = ending.Generate([3], GenerationOptions.Greedy with { MaxNewTokens = 5 });
        Assert.Equal(greedy.Take(greedy.ToList().IndexOf(greedy[2]) + 1), added);
    }

    [Fact]
    public void It_goes_on_past_the_models_positions_with_a_window()
    {
        using var model = Model();
        Assert.Equal(40, model.Generate([1], new() { MaxNewTokens = 40 }).Count);
    }

    [Fact]
    public void Wrong_options_are_refused()
    {
        using var model = Model();
        Assert.Throws<ArgumentException>(() => model.Generate(Array.Empty<int>()));
        Assert.Contains("-1", Assert.Throws<ArgumentException>(() => model.Generate([1], new() { Temperature = -1 })).Message);
        Assert.Contains("23 is no token", Assert.Throws<ArgumentException>(() => model.Generate([1, 23])).Message);
        Assert.Contains("no prompt", Assert.Throws<ArgumentException>(() => model.GenerateBatch(Array.Empty<int[]>())).Message);
        Assert.Contains("tokenizer", Assert.Throws<InvalidOperationException>(() => model.Generate("a word")).Message);
    }

    [Fact]
    public void A_folders_generation_config_ends_texts_too()
    {
        using var folder = new TemporaryFolder();
        using (var model = Model()) model.Save(folder.Path);
        var path = folder.File("generation_config.json", """{"eos_token_id": [7, 9], "temperature": 0.6}""");
        using (var loaded = CausalLm.Load(folder.Path))
        {
            Assert.Equal(7, loaded.Config.EndToken);
            Assert.Equal([9], loaded.Config.FurtherEndTokens);
        }
        File.WriteAllText(path, """{"eos_token_id": 99}""");
        var error = Assert.Throws<InvalidDataException>(() => CausalLm.Load(folder.Path));
        Assert.Equal($"{path}: eos_token_id has 99, and the vocabulary 23 tokens", error.Message);
        File.WriteAllText(path, "{");
        Assert.Contains("generation_config.json", Assert.Throws<InvalidDataException>(() => CausalLm.Load(folder.Path)).Message);
    }

    [Fact]
    public void A_stream_gives_whole_characters_and_the_same_text()
    {
        using var model = new CausalLm(CausalLmTests.Small with { VocabularySize = 257, EndToken = 0 }, seed: 2);
        model.Tokenizer = Tokenizer.Train([], 257);                             // bytes alone: half characters abound
        for (var seed = 0; seed < 20; seed++)
        {
            GenerationOptions options = new() { MaxNewTokens = 24, Seed = seed };
            var pieces = model.GenerateStream("é", options).ToList();
            Assert.Equal(model.Generate("é", options), string.Concat(pieces));
            Assert.All(pieces, piece => Assert.NotEmpty(piece));
        }
    }

    [Fact]
    public void A_stream_that_is_left_puts_the_model_back()
    {
        using var model = Model();
        model.Tokenizer = Tokenizer.Train([], 257);
        model.train();
        foreach (var _ in model.GenerateStream([1], new() { MaxNewTokens = 5 })) break;
        Assert.True(model.training);
        Assert.True(TorchSharp.torch.is_grad_enabled());
        Assert.Throws<ArgumentException>(() => model.GenerateStream(Array.Empty<int>()));   // at once, not at the first piece
    }
}
