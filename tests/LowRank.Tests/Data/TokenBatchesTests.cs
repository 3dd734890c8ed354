using static TorchSharp.torch;

namespace LowRank.Tests.Data;

public sealed class TokenBatchesTests
{
    private static readonly Tokenizer Bytes = Tokenizer.Train([], 257);

    private static TokenCorpus Corpus(int texts = 20) => TokenCorpus.From(Bytes, Enumerable.Range(0, texts).Select(i => new string((char)('a' + i), 1 + i % 7)));

    private static long[][] Rows(Tensor ids)
    {
        var values = ids.data<long>().ToArray();
        return [.. values.Chunk((int)ids.shape[1])];
    }

    [Fact]
    public void A_corpus_is_texts_between_separators()
    {
        var corpus = TokenCorpus.From(Bytes, ["ab", "", "é"]);
        var (a, b) = (Bytes.Id("a"), Bytes.Id("b"));
        Assert.Equal([0, a, b, 0, 0, .. Bytes.Encode("é"), 0], corpus.Tokens.ToArray());
        Assert.Equal([0, a, b, 0], corpus.Text(0).ToArray());
        Assert.Equal([0, 0], corpus.Text(1).ToArray());
        Assert.Equal((3, 6), (corpus.Count, corpus.Characters)); // "ab\n", "\n", "é\n"
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(1000)]
    public void A_shuffle_has_every_number_once(int count)
    {
        var shuffle = new Shuffle(count, 7);
        var order = Enumerable.Range(0, count).Select(i => shuffle[i]).ToList();
        Assert.Equal(Enumerable.Range(0, count).Select(i => (long)i), order.Order());
        if (count >= 64) Assert.NotEqual(order, Enumerable.Range(0, count).Select(i => new Shuffle(count, 8)[i]).ToList());
    }

    [Fact]
    public void An_epoch_of_windows_covers_the_stream_but_for_its_ends_without_overlap()
    {
        using var scope = NewDisposeScope();
        // 96 ids, all different but for the separators at the ends.
        var stream = TokenCorpus.From(Bytes, [string.Concat(Enumerable.Range(33, 94).Select(c => (char)c))]);
        var batches = TokenBatches.Windows(stream, batchSize: 2, tokens: 8, seed: 5);
        Assert.Equal(6, batches.BatchesPerEpoch); // 11 windows
        var seen = Enumerable.Range(0, 5).SelectMany(step => Rows(batches.At(step).Ids)).SelectMany(row => row).ToList();
        Assert.Equal(10 * 8, seen.Count);
        Assert.Equal(80, seen.Distinct().Count());
    }

    [Fact]
    public void Training_windows_are_slices_and_depend_on_seed_and_step_alone()
    {
        using var scope = NewDisposeScope();
        var corpus = Corpus();
        var stream = corpus.Tokens.ToArray().Select(id => (long)id).ToArray();
        var batches = TokenBatches.Windows(corpus, batchSize: 4, tokens: 6, seed: 1);
        foreach (var step in new long[] { 0, 1, 17, 100_000 })
        {
            var batch = batches.At(step);
            Assert.Null(batch.Labels);
            Assert.Equal([4, 6], batch.Ids.shape);
            Assert.Equal(ScalarType.Int64, batch.Ids.dtype);
            Assert.All(Rows(batch.Ids), row => Assert.Contains(Enumerable.Range(0, stream.Length - 5), start => stream.AsSpan(start, 6).SequenceEqual(row)));
            Assert.Equal(Rows(batch.Ids), Rows(TokenBatches.Windows(Corpus(), 4, 6, seed: 1).At(step).Ids));
        }
        Assert.NotEqual(Rows(batches.At(0).Ids), Rows(batches.At(1).Ids));
        Assert.NotEqual(Rows(batches.At(0).Ids), Rows(TokenBatches.Windows(corpus, 4, 6, seed: 2).At(0).Ids));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(7)]
    [InlineData(101)]
    public void Windows_in_order_predict_every_token_but_the_first_once(int tokens)
    {
        using var scope = NewDisposeScope();
        var corpus = Corpus();
        var predicted = new List<long>();
        foreach (var batch in TokenBatches.Windows(corpus, batchSize: 3, tokens: tokens).InOrder())
            foreach (var row in Rows(batch.Labels ?? batch.Ids))
                predicted.AddRange(row.Skip(1).Where(id => id != -100));
        Assert.Equal(corpus.Tokens.ToArray().Skip(1).Select(id => (long)id), predicted);
    }

    [Fact]
    public void Texts_are_padded_on_the_right_and_padding_is_not_asked_for()
    {
        using var scope = NewDisposeScope();
        var corpus = TokenCorpus.From(Bytes, ["abc", "d", "efghij"]);
        var batch = Assert.Single(TokenBatches.Texts(corpus, batchSize: 3, maximumTokens: 6).InOrder());
        long Id(char c) => Bytes.Id(c.ToString());
        Assert.Equal([[0, Id('a'), Id('b'), Id('c'), 0, 0], [0, Id('d'), 0, 0, 0, 0], [0, Id('e'), Id('f'), Id('g'), Id('h'), Id('i')]], Rows(batch.Ids));
        Assert.Equal([[0, Id('a'), Id('b'), Id('c'), 0, -100], [0, Id('d'), 0, -100, -100, -100], [0, Id('e'), Id('f'), Id('g'), Id('h'), Id('i')]], Rows(batch.Labels!));
    }

    [Fact]
    public void An_epoch_of_texts_shows_each_once_in_an_order_of_its_own()
    {
        using var scope = NewDisposeScope();
        var batches = TokenBatches.Texts(Corpus(12), batchSize: 4, maximumTokens: 20, seed: 3);
        long[] Firsts(int epoch) => [.. Enumerable.Range(3 * epoch, 3).SelectMany(step => Rows(batches.At(step).Ids)).Select(row => row[1])];
        Assert.Equal(Enumerable.Range(0, 12).Select(i => (long)Bytes.Id(((char)('a' + i)).ToString())), Firsts(0).Order());
        Assert.Equal(Firsts(0).Order(), Firsts(1).Order());
        Assert.NotEqual(Firsts(0), Firsts(1));
    }

    [Fact]
    public void Wrong_arguments_are_told_apart()
    {
        var corpus = Corpus();
        Assert.Contains("fewer than one training window", Assert.Throws<InvalidOperationException>(() => TokenBatches.Windows(corpus, 1, 10_000).At(0)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => TokenBatches.Windows(corpus, 0, 8));
        Assert.Throws<ArgumentOutOfRangeException>(() => TokenBatches.Windows(corpus, 1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => TokenBatches.Windows(corpus, 1, 8).At(-1));
        Assert.Throws<ArgumentException>(() => TokenBatches.Texts(TokenCorpus.From(Bytes, Array.Empty<string>()), 1, 8));
        Assert.Throws<KeyNotFoundException>(() => TokenCorpus.From(Tokenizer.Train([], 256, []), ["a"]));
    }
}
