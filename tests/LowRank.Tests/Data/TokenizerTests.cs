using System.Text;

namespace LowRank.Tests.Data;

public sealed class TokenizerTests
{
    private static readonly string[] Pangrams =
        ["the quick brown fox jumps over the lazy dog", "the dog and the fox", "quick, quicker, quickest!", "naïve café — ½ 中文 😀"];

    private static Tokenizer Small() => Tokenizer.Train(Pangrams, 320);

    private static List<string> Learned(Tokenizer tokenizer) => [.. Enumerable.Range(257, tokenizer.VocabularySize - 257).Select(tokenizer.Token)];

    [Fact]
    public void Merges_are_those_computed_by_hand()
    {
        // Words: hug 3, pug 2, hugs 1. Pairs: ug 6, hu 4, pu 2, gs 1 -> "ug"; then h+ug 4, p+ug 2, ug+s 1 -> "hug", "pug"
        // (before hug+s, once), then "hugs".
        var tokenizer = Tokenizer.Train(["hug", "hug", "hug", "pug", "pug", "hugs"], 300);
        Assert.Equal(["ug", "hug", "pug", "hugs"], Learned(tokenizer));
        Assert.Equal(257 + 4, tokenizer.VocabularySize);
        Assert.Equal(["pug", "s"], tokenizer.Encode("pugs").Select(tokenizer.Token));
    }

    [Fact]
    public void Of_equally_frequent_pairs_the_one_with_the_smaller_ids_is_first()
    {
        // ab, ba and cd occur twice each: (a,b) < (b,a) < (c,d) by ids. "ab" then leaves the other words as they are.
        Assert.Equal(["ab", "ba", "cd"], Learned(Tokenizer.Train(["cd cd", "ba", "ab", "ba", "ab"], 260)));
    }

    [Fact]
    public void Repeated_letters_merge_from_the_left()
    {
        // "aaaa" has the pair aa 3 times (overlapping); merged: aa aa, then aaaa.
        var tokenizer = Tokenizer.Train(["aaaa"], 300);
        Assert.Equal(["aa", "aaaa"], Learned(tokenizer));
        Assert.Equal(["aa", "a"], tokenizer.Encode("aaa").Select(tokenizer.Token));
        Assert.Equal(["aaaa", "aa", "a"], tokenizer.Encode("aaaaaaa").Select(tokenizer.Token));
    }

    [Fact]
    public void Special_tokens_come_first_then_the_256_bytes_in_the_order_of_their_characters()
    {
        var tokenizer = Tokenizer.Train([], 258, ["<s>", "</s>"]);
        Assert.Equal(["<s>", "</s>", "!", "\"", "#"], Enumerable.Range(0, 5).Select(tokenizer.Token));
        Assert.Equal("Ń", tokenizer.Token(257));
        Assert.Equal(0, Small().Id(Tokenizer.EndOfText));
    }

    [Fact]
    public void The_order_of_texts_does_not_matter() =>
        Assert.Equal(Learned(Small()), Learned(Tokenizer.Train(Pangrams.Reverse(), 320)));

    [Fact]
    public void Incremental_counts_learn_what_counting_anew_learns()
    {
        var random = new Random(3);
        for (var trial = 0; trial < 20; trial++)
        {
            var words = Enumerable.Range(0, 60).Select(_ => string.Concat(Enumerable.Range(0, random.Next(1, 9)).Select(_ => "abc"[random.Next(3)]))).ToArray();
            var tokenizer = Tokenizer.Train(words, 290);
            Assert.Equal(CountingAnew(words, 290 - 257), Learned(tokenizer));
        }
    }

    /// <summary>The definition, slowly. It takes a new token for each merge, so it holds as long as no two merges spell the same.</summary>
    private static List<string> CountingAnew(string[] texts, int merges)
    {
        var words = texts.Select(text => text.Select(c => c.ToString()).ToList()).ToList();
        var ids = new Dictionary<string, int> { ["a"] = 0, ["b"] = 1, ["c"] = 2 };
        while (ids.Count < merges + 3)
        {
            var counts = words.SelectMany(word => word.Zip(word.Skip(1))).GroupBy(pair => pair).ToDictionary(group => group.Key, group => group.Count());
            if (counts.Count == 0) break;
            var (left, right) = counts.OrderByDescending(pair => pair.Value).ThenBy(pair => ids[pair.Key.First]).ThenBy(pair => ids[pair.Key.Second]).First().Key;
            ids.TryAdd(left + right, ids.Count);
            foreach (var word in words)
                for (var i = 0; i + 1 < word.Count; i++)
                    if (word[i] == left && word[i + 1] == right)
                    {
                        word[i] += right;
                        word.RemoveAt(i + 1);
                    }
        }
        return [.. ids.OrderBy(pair => pair.Value).Skip(3).Select(pair => pair.Key)];
    }

    [Fact]
    public void Encoding_merges_the_first_learned_pair_first()
    {
        var random = new Random(4);
        var tokenizer = Tokenizer.Train(Enumerable.Range(0, 300).Select(_ => string.Concat(Enumerable.Range(0, 6).Select(_ => "abcd"[random.Next(4)]))), 320);
        var ranks = tokenizer.File.RankMerges();
        for (var trial = 0; trial < 500; trial++)
        {
            var word = string.Concat(Enumerable.Range(0, random.Next(1, 30)).Select(_ => "abcd"[random.Next(4)]));
            var ids = word.Select(c => tokenizer.Id(c.ToString())).ToList();
            while (Enumerable.Range(0, ids.Count - 1).Where(i => ranks.ContainsKey((ids[i], ids[i + 1]))).ToList() is { Count: > 0 } places)
            {
                var at = places.MinBy(i => (ranks[(ids[i], ids[i + 1])].Rank, i));
                ids[at] = ranks[(ids[at], ids[at + 1])].Merged;
                ids.RemoveAt(at + 1);
            }
            Assert.Equal(ids, tokenizer.Encode(word));
        }
    }

    [Fact]
    public void Every_text_comes_back()
    {
        var tokenizer = Small();
        var random = new Random(5);
        for (var trial = 0; trial < 2000; trial++)
        {
            var text = new StringBuilder();
            for (var i = random.Next(30); i > 0; i--)
                text.Append(random.Next(4) switch
                {
                    0 => random.Next(0x110000) is var value && Rune.IsValid(value) ? new Rune(value).ToString() : "q",
                    1 => ((char)random.Next(128)).ToString(),
                    _ => "the quick "[random.Next(10)].ToString(),
                });
            Assert.Equal(text.ToString(), tokenizer.Decode(tokenizer.Encode(text.ToString())));
        }
    }

    [Fact]
    public void Broken_surrogates_and_cut_characters_become_the_replacement_character()
    {
        var tokenizer = Tokenizer.Train([], 257);
        Assert.Equal("a\uFFFDb\uFFFD", tokenizer.Decode(tokenizer.Encode("a\ud800b\udc00")));
        Assert.Equal("caf\uFFFD", tokenizer.Decode(tokenizer.Encode("café")[..^1]));
        Assert.Equal("", tokenizer.Decode([]));
        Assert.Empty(tokenizer.Encode(""));
    }

    [Fact]
    public void Special_tokens_are_found_in_text_the_longest_first_and_left_out_on_request()
    {
        var tokenizer = Tokenizer.Train(Pangrams, 300, ["<|end|>", "<|end|>!", "<s>"]);
        var ids = tokenizer.Encode("the<|end|>!<s><|end|>fox");
        Assert.Equal([1, 2, 0], ids.Where(id => id < 3));
        Assert.Equal("the<|end|>!<s><|end|>fox", tokenizer.Decode(ids));
        Assert.Equal("thefox", tokenizer.Decode(ids, skipSpecialTokens: true));
    }

    [Fact]
    public void Wrong_arguments_are_told_apart()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Tokenizer.Train(Pangrams, 256));
        Assert.Throws<ArgumentException>(() => Tokenizer.Train(Pangrams, 300, [""]));
        var tokenizer = Small();
        Assert.Contains("0 to 319", Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([320])).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Token(-1));
        Assert.Throws<KeyNotFoundException>(() => tokenizer.Id("no such token"));
    }

    [Fact]
    public void A_very_long_word_takes_a_moment()
    {
        var text = new string('a', 200_000);
        var tokenizer = Tokenizer.Train(["aaaaaaaa"], 300);
        Assert.Equal(200_000 / 8, tokenizer.Encode(text).Length);
        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
    }
}
