using static TorchSharp.torch;

namespace LowRank.Tests.Data;

public sealed class ExampleBatchesTests
{
    private static readonly Tokenizer Bytes = Tokenizer.Train([], 257);

    private static long[] Ids(string text) => [.. Bytes.Encode(text).Select(id => (long)id)];

    private static long[] Masked(int many) => [.. Enumerable.Repeat(-100L, many)];

    private static List<(long[] Ids, long[] Labels)> RowsOf(Batch batch) => [.. Enumerable.Range(0, (int)batch.Ids.shape[0]).Select(row =>
        (batch.Ids[row].contiguous().data<long>().ToArray(), batch.Labels![row].contiguous().data<long>().ToArray()))];

    /// <summary>Texts of 1 to 20 letters, each with a number of its own.</summary>
    private static Example[] Texts(int many) => [.. Enumerable.Range(0, many).Select(i => Example.Of($"{i}:", new string('x', 1 + i * 7 % 20)))];

    [Fact]
    public void Prompts_are_masked_and_the_end_is_learned()
    {
        var rows = RowsOf(new ExampleBatches(Bytes, [Example.Of("ab", "c"), Example.Text("d")], 2, 10).InOrder().Single());
        Assert.Equal([0, .. Ids("abc"), 0], rows[0].Ids);
        Assert.Equal([.. Masked(3), .. Ids("c"), 0], rows[0].Labels);
        Assert.Equal([0, .. Ids("d"), 0, 0, 0], rows[1].Ids);
        Assert.Equal([-100, .. Ids("d"), 0, -100, -100], rows[1].Labels);
        Assert.Equal([-100, .. Ids("abc"), 0], RowsOf(new ExampleBatches(Bytes, [Example.Of("ab", "c")], 1, 10, learnPrompts: true).At(5))[0].Labels);
        Assert.Throws<ArgumentException>(() => new ExampleBatches(Bytes, [], 2, 10));
    }

    [Fact]
    public void It_agrees_with_the_batches_of_questions()
    {
        Question[] questions = [new("ab", "c"), new("a", "bcd"), new("abc", " é")];
        var (batches, asked) = (new ExampleBatches(Bytes, [.. questions.Select(q => (Example)q)], 2, 100, seed: 4), new QuestionBatches(Bytes, questions, 2, seed: 4));
        for (var step = 0; step < 6; step++)
        {
            var (mine, theirs) = (batches.At(step), asked.At(step));
            Assert.Equal(theirs.Ids.data<long>().ToArray(), mine.Ids.data<long>().ToArray());
            Assert.Equal(theirs.Labels!.data<long>().ToArray(), mine.Labels!.data<long>().ToArray());
        }
    }

    [Fact]
    public void A_checkpoints_tokens_begin_and_end_a_row_and_a_token_on_the_border_is_learned()
    {
        using var folder = new TemporaryFolder();
        File.Copy(Golden.PathOf("tokenizers/llama2-legacy.json"), folder.File("tokenizer.json"));
        folder.File("tokenizer_config.json", """{"bos_token": "<s>", "eos_token": "</s>"}""");
        var tokenizer = Tokenizer.Load(folder.Path);
        var (ids, labels) = RowsOf(new ExampleBatches(tokenizer, [Example.Of("4", "5")], 1, 50).At(0))[0];
        Assert.Equal(tokenizer.Encode("45", addSpecialTokens: true).Select(id => (long)id).Append(2), ids);
        Assert.Equal("5", tokenizer.Decode(labels.Where(id => id >= 0).Select(id => (int)id), skipSpecialTokens: true));
        // "texts" is cut otherwise than "te" and "xts": the token that reaches over the border counts to the answer
        var border = RowsOf(new ExampleBatches(Tokenizer.Train(["texts texts"], 262), [Example.Of("te", "xts")], 1, 50).At(0))[0];
        Assert.Equal([-100L, border.Ids[1], 0L], border.Labels);
    }

    [Fact]
    public void Long_examples_are_cut_so_that_something_to_learn_is_left()
    {
        var rows = RowsOf(new ExampleBatches(Bytes, [Example.Of("abc", "defghijk"), Example.Of("abcdefghij", "kl")], 2, 6).InOrder().Single());
        Assert.Equal([0, .. Ids("abcde")], rows[0].Ids);
        Assert.Equal([.. Masked(4), .. Ids("de")], rows[0].Labels);
        Assert.Equal([.. Ids("hijkl"), 0], rows[1].Ids);
        Assert.Equal([.. Masked(3), .. Ids("kl"), 0], rows[1].Labels);
    }

    [Theory]
    [InlineData(Rows.Single)]
    [InlineData(Rows.ByLength)]
    [InlineData(Rows.Packed)]
    public void A_batch_is_a_function_of_seed_and_step_and_an_epoch_has_every_example_once(Rows rows)
    {
        var examples = Texts(330);
        ExampleBatches Make(long seed) => new(Bytes, examples, 4, 32, rows, seed);
        var batches = Make(1);
        var epochs = Enumerable.Range(0, 2).Select(epoch => Enumerable.Range(0, (int)batches.BatchesPerEpoch).Select(i => RowsOf(batches.At(epoch * batches.BatchesPerEpoch + i))).ToList()).ToList();
        // 330 is no multiple of 4: all but those sorted by length run on from epoch to epoch.
        var shown = epochs[0].SelectMany(batch => batch).Take(batches.RowsPerEpoch).SelectMany(row => Bytes.Decode(row.Ids.Select(id => (int)id)).Split(Tokenizer.EndOfText, StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(Enumerable.Range(0, 330), shown.Select(text => int.Parse(text.Split(':')[0])).Order());
        var again = Make(1);    // asked out of order, as a run that goes on asks
        foreach (var step in new[] { 70, 3, 0, 21 })
            Assert.Equal(RowsOf(batches.At(step)).SelectMany(row => row.Ids), RowsOf(again.At(step)).SelectMany(row => row.Ids));
        Assert.NotEqual(RowsOf(batches.At(0)).SelectMany(row => row.Ids), RowsOf(Make(2).At(0)).SelectMany(row => row.Ids));
        Assert.NotEqual(epochs[0].SelectMany(batch => batch.SelectMany(row => row.Ids)), epochs[1].SelectMany(batch => batch.SelectMany(row => row.Ids)));
    }

    [Fact]
    public void Sorted_by_length_less_is_filled_up()
    {
        long Width(Rows rows) => new ExampleBatches(Bytes, Texts(400), 8, 64, rows, seed: 2) is var batches ? Enumerable.Range(0, 50).Sum(step => batches.At(step).Ids.numel()) : 0;
        var needed = Texts(400).Sum(e => e.Prompt.Length + e.Answer.Length + 2);
        Assert.InRange(Width(Rows.ByLength), needed, 1.1 * needed);
        Assert.True(Width(Rows.Single) > 1.25 * needed);
    }

    [Fact]
    public void Packed_rows_are_nearly_full_and_learn_what_the_examples_learn()
    {
        var examples = Texts(500);
        var batches = new ExampleBatches(Bytes, examples, 1, 64, Rows.Packed, seed: 6);
        var rows = batches.InOrder().SelectMany(RowsOf).ToList();
        Assert.Equal(batches.RowsPerEpoch, rows.Count);
        Assert.All(rows, row => Assert.InRange(row.Ids.Length, 1, 64));
        var needed = examples.Sum(e => e.Prompt.Length + e.Answer.Length + 2);
        Assert.InRange(rows.Count, needed / 64.0, 1.06 * needed / 64);
        Assert.Equal(examples.Sum(e => e.Answer.Length + 1), rows.Sum(row => row.Labels.Count(label => label >= 0)));
        Assert.All(rows, row => Assert.All(row.Ids.Zip(row.Labels), pair => Assert.True(pair.Second == -100 || pair.Second == pair.First)));
        // Each example is in its row as it is in a row of its own.
        var own = new ExampleBatches(Bytes, examples, 1, 64).InOrder().SelectMany(RowsOf).Select(row => string.Join(' ', row.Ids.Concat(row.Labels))).Order();
        var apart = batches.InOrder().SelectMany(batch => RowsOf(batch).Zip(batch.Segments?.Lengths ?? [[(int)batch.Ids.shape[1]]])).SelectMany(pair => pair.Second.Select((length, i) =>
            string.Join(' ', pair.First.Ids.Skip(pair.Second.Take(i).Sum()).Take(length).Concat(pair.First.Labels.Skip(pair.Second.Take(i).Sum()).Take(length)))));
        Assert.Equal(own, apart.Order());
    }

    [Fact]
    public void A_packed_epoch_has_the_loss_of_its_examples_in_rows_of_their_own()
    {
        using var model = new CausalLm(new LlamaConfig { VocabularySize = 257, HiddenSize = 16, IntermediateSize = 24, Layers = 2, Heads = 2, KeyValueHeads = 1 }, seed: 4, ScalarType.Float64);
        TextScore Of(Rows rows) => Evaluation.Score(model, new ExampleBatches(Bytes, Texts(90), 4, 64, rows).InOrder());
        var (single, packed) = (Of(Rows.Single), Of(Rows.Packed));
        Assert.Equal(single.Tokens, packed.Tokens);
        Assert.Equal(single.TotalNats, packed.TotalNats, 1e-8);
    }

    [Fact]
    public void A_model_learns_from_them_what_it_is_to_say()
    {
        var model = new CausalLm(new LlamaConfig
        {
            VocabularySize = 257, HiddenSize = 32, IntermediateSize = 48, Layers = 1, Heads = 2, KeyValueHeads = 1, BeginToken = 0, EndToken = 0,
        }, seed: 1) { Tokenizer = Bytes };
        Example[] examples = [Example.Of("ab", " yes"), Example.Of("ba", " no")];
        Trainer.Fit(model, new ExampleBatches(Bytes, examples, 2, 32).At, new() { Steps = 120, LearningRate = 1e-2, Log = null });
        foreach (var example in examples) Assert.Equal(example.Answer, model.Generate(example.Prompt, GenerationOptions.Greedy));
    }
}
