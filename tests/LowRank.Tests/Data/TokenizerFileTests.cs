using System.Text;

namespace LowRank.Tests.Data;

public sealed class TokenizerFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Saved()
    {
        var path = folder.File("tokenizer.json");
        Tokenizer.Train(["hug hug hug", "pug \"pug\"", "hugs\n"], 262).Save(path);
        return File.ReadAllText(path);
    }

    [Fact]
    public void Saved_loaded_and_saved_again_is_the_same_file()
    {
        var text = Saved();
        var loaded = Tokenizer.Load(folder.Path); // a folder will do
        loaded.Save(folder.File("again"));
        Assert.Equal(text, File.ReadAllText(folder.File("again/tokenizer.json")));
        Assert.Contains("\"eos_token\": \"<|endoftext|>\"", File.ReadAllText(folder.File("again/tokenizer_config.json")));
        Assert.False(File.Exists(folder.File("tokenizer_config.json"))); // asked for one file, it writes one
        Assert.Equal([0], loaded.Encode(Tokenizer.EndOfText));
        Assert.Equal(" hugs", loaded.Decode(loaded.Encode(" hugs")));
    }

    [Fact]
    public void The_text_is_laid_out_as_the_reference_lays_it_out()
    {
        var text = Saved();
        Assert.StartsWith("{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  \"added_tokens\": [\n    {\n      \"id\": 0,\n      \"content\": \"<|endoftext|>\",\n      \"single_word\": false,\n      \"lstrip\": false,\n      \"rstrip\": false,\n      \"normalized\": false,\n      \"special\": true\n    }\n  ],\n  \"normalizer\": null,\n  \"pre_tokenizer\": {\n    \"type\": \"ByteLevel\",\n", text);
        Assert.Contains("\n    \"vocab\": {\n      \"<|endoftext|>\": 0,\n      \"!\": 1,\n      \"\\\"\": 2,\n", text);
        Assert.Contains("      \"\\\\\": 60,\n", text);
        Assert.Contains("      \"Ġ\": 221,\n", text); // after 188 printable characters, the 33rd of those from U+0100 on
        Assert.Contains("\n    \"merges\": [\n      [\n        \"u\",\n        \"g\"\n      ],\n", text);
        Assert.EndsWith("\n      ]\n    ]\n  }\n}", text);
        Assert.Equal(0x7B, File.ReadAllBytes(folder.File("tokenizer.json"))[0]); // no byte-order mark
    }

    [Fact]
    public void Merges_as_older_files_write_them_load_too()
    {
        var newer = Saved();
        var older = System.Text.RegularExpressions.Regex.Replace(newer, "\\[\\s+\"([^\"]+)\",\\s+\"([^\"]+)\"\\s+\\]", "\"$1 $2\"");
        Assert.Contains("\"u g\"", older);
        Tokenizer.Load(folder.File("older.json", older)).Save(folder.File("newer.json"));
        Assert.Equal(newer, File.ReadAllText(folder.File("newer.json")));
    }

    [Fact]
    public void Added_tokens_after_the_vocabulary_count()
    {
        var text = Saved().Replace("\"special\": true\n    }", "\"special\": true\n    },\n    {\"id\": 262, \"content\": \"é user\", \"special\": false}");
        var tokenizer = Tokenizer.Load(folder.File("added.json", text));
        Assert.Equal(263, tokenizer.VocabularySize);
        Assert.Equal(262, Assert.Single(tokenizer.Encode("é user")));
        Assert.Equal("é user", tokenizer.Decode([262], skipSpecialTokens: true));
    }

    [Theory]
    [InlineData("\"normalizer\": null", "\"normalizer\": {\"type\":\"BertNormalizer\"}", "normalizer: type \"BertNormalizer\" is not supported; supported: Sequence, NFC")]
    [InlineData("\"normalizer\": null", "\"normalizer\": {\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Precompiled\"}]}", "normalizer.normalizers[1]: type \"Precompiled\"")]
    [InlineData("\"normalizer\": null", "\"normalizer\": {\"type\":\"Replace\",\"pattern\":{\"Regex\":\"[[:alpha:]]\"},\"content\":\"\"}", "normalizer.pattern: the pattern \"[[:alpha:]]\" is not supported: a class within a class")]
    [InlineData("\"normalizer\": null", "\"normalizer\": {\"type\":\"Replace\",\"pattern\":{\"Regex\":\"(a\"},\"content\":\"\"}", "normalizer.pattern: the pattern \"(a\" is not supported")]
    [InlineData("\"normalizer\": null", "\"normalizer\": {\"type\":\"Prepend\"}", "normalizer.prepend is missing")]
    [InlineData("\"normalizer\": null", "\"normalizer\": 3", "normalizer is 3; it must be an object")]
    [InlineData("\"post_processor\": null", "\"post_processor\": {\"type\":\"BertProcessing\"}", "post_processor: type \"BertProcessing\"")]
    [InlineData("\"post_processor\": null", "\"post_processor\": {\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\"}},{\"Sequence\":{\"id\":\"A\"}}]}", "post_processor.special_tokens has no \"<s>\"")]
    [InlineData("\"post_processor\": null", "\"post_processor\": {\"type\":\"TemplateProcessing\",\"single\":[]}", "post_processor.single has no Sequence")]
    [InlineData("\"post_processor\": null", "\"post_processor\": {\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"s\"}},{\"Sequence\":{\"id\":\"A\"}}],\"special_tokens\":{\"s\":{\"ids\":[5000]}}}", "adds the id 5000, which no token has")]
    [InlineData("\"type\": \"ByteLevel\"", "\"type\": \"Whitespace\"", "pre_tokenizer: type \"Whitespace\" is not supported")]
    [InlineData("\"type\": \"ByteLevel\"", "\"type\": \"Split\"", "pre_tokenizer.pattern")]
    [InlineData("\"type\": \"ByteLevel\"", "\"type\": \"Split\",\"pattern\":{\"String\":\"a\"},\"behavior\":\"Merged\"", "pre_tokenizer: behavior \"Merged\" is not supported; supported: Removed")]
    [InlineData("\"type\": \"ByteLevel\"", "\"type\": \"Metaspace\",\"replacement\":\"ab\"", "pre_tokenizer.replacement is \"ab\"")]
    [InlineData("\"type\": \"ByteLevel\"", "\"type\": \"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"last\"", "pre_tokenizer.prepend_scheme is \"last\"")]
    [InlineData("\"type\": \"ByteLevel\"", "\"type\": \"Sequence\",\"pretokenizers\":[{\"type\":\"ByteLevel\"},{\"type\":\"Digits\"}]", "pre_tokenizer.pretokenizers[0] is ByteLevel and not the last")]
    [InlineData("\"use_regex\": true", "\"use_regex\": 1", "use_regex is 1; it must be true or false")]
    [InlineData("\"decoder\": {\n    \"type\": \"ByteLevel\"", "\"decoder\": {\n    \"type\": \"WordPiece\"", "decoder: type \"WordPiece\"")]
    [InlineData("\"type\": \"BPE\"", "\"type\": \"Unigram\"", "model.type Unigram is not supported")]
    [InlineData("\"type\": \"BPE\"", "\"type\": \"WordPiece\"", "model.type WordPiece is not supported")]
    [InlineData("\"dropout\": null", "\"dropout\": 0.1", "model.dropout 0.1 is not supported")]
    [InlineData("\"ignore_merges\": false", "\"ignore_merges\": 3", "model.ignore_merges is 3")]
    [InlineData("\"end_of_word_suffix\": null", "\"end_of_word_suffix\": \"</w>\"", "end_of_word_suffix")]
    [InlineData("\"lstrip\": false", "\"lstrip\": \"no\"", "added_tokens[0].lstrip is \"no\"")]
    [InlineData("\"!\": 1", "\"!\": 2", "have the same id 2")]
    [InlineData("\"!\": 1", "\"!\": 99999", "has id 99999 and there are 262 tokens")]
    [InlineData("\"!\": 1", "\"!\": -1", "the id of \"!\" is -1")]
    [InlineData("\"!\": 1", "\"!\": \"one\"", "the id of \"!\"")]
    [InlineData("\"!\": 1", "\"!!\": 1", "no token, the first is \"!\"")]
    [InlineData("\"!\": 1", "\"!\": 1, \"!\": 1", "not valid JSON")]
    [InlineData("\"!\": 1", "\"\\ud800\": 1", "")]
    [InlineData("\"id\": 0", "\"id\": 5", "has id 5, and 0 in the vocabulary")]
    [InlineData("        \"u\",\n", "        \"w\",\n", "merge 0 (\"w\" and \"g\"): no token \"wg\"")]
    [InlineData("        \"u\",\n", "", "merge 0 is not a pair")]
    [InlineData("\"vocab\"", "\"vocabulary\"", "\"model.vocab\" is missing")]
    [InlineData("\"merges\"", "\"merge\"", "\"model.merges\" is missing")]
    [InlineData("\"model\"", "\"models\"", "\"model\" is missing")]
    [InlineData("\"version\"", "version", "not valid JSON")]
    public void What_is_wrong_or_not_supported_is_named_with_the_file(string was, string becomes, string expected)
    {
        var text = Saved();
        var at = text.IndexOf(was, StringComparison.Ordinal);
        Assert.True(at >= 0, $"the saved file has no {was}");
        var path = folder.File("bad.json", text[..at] + becomes + text[(at + was.Length)..]);
        var error = Assert.Throws<InvalidDataException>(() => Tokenizer.Load(path));
        Assert.StartsWith(path, error.Message);
        Assert.Contains(expected, error.Message);
    }

    [Fact]
    public void Damaged_files_give_one_clear_error_or_load()
    {
        var good = Encoding.UTF8.GetBytes(Saved());
        var random = new Random(6);
        for (var trial = 0; trial < 300; trial++)
        {
            var bytes = trial % 3 == 0 ? good[..random.Next(good.Length)] : good[..];
            if (trial % 3 != 0) bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            var path = folder.File("damaged.json", bytes);
            try
            {
                Tokenizer.Load(path);
            }
            catch (InvalidDataException error)
            {
                Assert.StartsWith(path, error.Message);
            }
        }
    }

    [Theory]
    [InlineData("llama3")]
    [InlineData("llama2-metaspace")]
    [InlineData("added")]
    public void Damaged_files_of_every_kind_give_one_clear_error_or_a_tokenizer_that_works(string family)
    {
        var good = File.ReadAllBytes(Golden.PathOf($"tokenizers/{family}.json"));
        var parts = Encoding.UTF8.GetString(good).IndexOf("\"model\":", StringComparison.Ordinal); // damage here is met more often than by chance
        var random = new Random(8);
        for (var trial = 0; trial < 300; trial++)
        {
            var bytes = trial % 5 == 0 ? good[..random.Next(good.Length)] : good[..];
            if (trial % 5 != 0) bytes[random.Next(trial % 2 == 0 ? parts : bytes.Length)] ^= (byte)(1 << random.Next(8));
            var path = folder.File("damaged.json", bytes);
            Tokenizer tokenizer;
            try { tokenizer = Tokenizer.Load(path); }
            catch (InvalidDataException error)
            {
                Assert.StartsWith(path, error.Message);
                continue;
            }
            tokenizer.Decode(tokenizer.Encode("Some words, 12 and <s>", addSpecialTokens: true));
        }
    }

    [Theory]
    [InlineData("[一-龥]+", "a漢字b", 1, 2)]
    [InlineData("[^一-龥]+", "漢😀x字", 1, 3)]   // a character beyond U+FFFF is two chars and none of the range
    [InlineData("一", "x一", 1, 1)]
    public void A_pattern_may_name_characters_of_any_script(string pattern, string text, int start, int length)
    {
        var matches = new List<(int, int)>();
        new TokenRegex(pattern).Find(text, matches);
        Assert.Equal([(start, length)], matches);
    }

    [Theory]
    [InlineData("[一-ꇿ]", "the range U+4E00 to U+A1FF in it")]
    [InlineData("[\\--ꇿ]", "the range U+002D to U+A1FF in it")]
    [InlineData("₠", "the character U+20A0 in it")]
    [InlineData("\\₠", "the character U+20A0 in it")]
    [InlineData("[😀-🙏]", "the character U+1F600 in it")]
    [InlineData("(?i:é|a)", "(?i other than (?i: and plain text )")] // beyond ASCII the two fold differently
    public void A_pattern_that_would_mean_something_else_here_is_refused(string pattern, string reason) =>
        Assert.Contains(reason, Assert.Throws<InvalidDataException>(() => new TokenRegex(pattern)).Message);

    [Fact]
    public void A_pattern_without_end_is_given_up_and_named()
    {
        var regex = new TokenRegex("(a|a)*b", TimeSpan.FromMilliseconds(50));
        var error = Assert.Throws<InvalidDataException>(() => regex.Find(new string('a', 5000), []));
        Assert.Contains("\"(a|a)*b\" takes more than", error.Message);
    }

    [Fact]
    public void Ids_may_be_left_out()
    {
        var text = Saved().Replace("\"special\": true\n    }", "\"special\": true\n    },\n    {\"id\": 300, \"content\": \"<far>\", \"special\": true}");
        var tokenizer = Tokenizer.Load(folder.File("far.json", text));
        Assert.Equal(301, tokenizer.VocabularySize);
        Assert.Equal([300], tokenizer.Encode("<far>"));
        Assert.Contains("leaves this id out", Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([299])).Message);
    }

    [Fact]
    public void What_texts_are_cut_off_and_filled_up_to_is_kept_and_not_done()
    {
        var text = Saved().Replace("\"truncation\": null", "\"truncation\": {\n    \"max_length\": 3\n  }");
        var tokenizer = Tokenizer.Load(folder.File("cut.json", text));
        Assert.Equal(10, tokenizer.Encode("xxxxxxxxxx").Length);
        tokenizer.Save(folder.File("saved.json"));
        Assert.Equal(text, File.ReadAllText(folder.File("saved.json")));
    }

    [Fact]
    public void A_missing_file_is_a_missing_file() =>
        Assert.Throws<FileNotFoundException>(() => Tokenizer.Load(folder.Path));
}
