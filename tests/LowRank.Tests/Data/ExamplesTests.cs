using System.Text;

namespace LowRank.Tests.Data;

public sealed class ExamplesTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private Examples Load(string name, string content, ExampleForm? form = null) => Examples.Load(folder.File(name, content), form);

    [Theory]
    [InlineData("""{"instruction": "Add.", "input": "1 2", "output": "3"}""", "### Instruction:\nAdd.\n\n### Input:\n1 2\n\n### Response:\n", "3")]
    [InlineData("""{"instruction": "Hi", "input": "", "output": "Ho", "text": "…"}""", "### Instruction:\nHi\n\n### Response:\n", "Ho")]
    [InlineData("""{"output": "Ho", "instruction": "Hi"}""", "### Instruction:\nHi\n\n### Response:\n", "Ho")]
    [InlineData("""{"prompt": "a b", "completion": " c\n"}""", "a b", " c\n")]
    [InlineData("""{"question": "Why?", "answer": 42}""", "Question: Why?\nAnswer:", " 42")]
    [InlineData("""{"text": "é \ud83d\ude00", "id": [1]}""", "", "é 😀")]
    public void The_usual_columns_are_known(string line, string prompt, string answer)
    {
        var example = Load("a.jsonl", line).Single();
        Assert.Equal((prompt, answer, false), (example.Prompt, example.Answer, example.IsChat));
    }

    [Theory]
    [InlineData("""{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}, {"role": "assistant", "content": "A"}]}""")]
    [InlineData("""{"conversations": [{"from": "system", "value": "S"}, {"from": "human", "value": "U"}, {"from": "gpt", "value": "A"}]}""")]
    public void Conversations_are_known(string line) =>
        Assert.Equal([new("system", "S"), new("user", "U"), new("assistant", "A")], Load("a.jsonl", line).Single().Messages);

    [Fact]
    public void Any_columns_can_be_told()
    {
        const string line = """{"q": "1+1", "a": "2", "dialog": [{"who": "user", "says": "U"}, {"who": "assistant", "says": "A"}]}""";
        Assert.Equal(("Q 1+1!", "2."), Load("a.jsonl", line, ExampleForm.Of("Q {q}!", "{a}.")).Select(e => (e.Prompt, e.Answer)).Single());
        Assert.Equal("1+1=2", Load("b.jsonl", line, ExampleForm.Text("{q}={a}")).Single().Answer);
        Assert.Equal("A", Load("c.jsonl", line, ExampleForm.Chat("dialog", "who", "says")).Single().Messages[1].Content);
    }

    [Fact]
    public void Tables_lists_and_lines_hold_the_same()
    {
        (string, string)[] expected = [("a, \"b\"\nc", "1"), ("é", "2"), (" ", "")];
        foreach (var (name, content) in new[]
        {
            ("a.csv", "prompt,completion\r\n\"a, \"\"b\"\"\nc\",1\r\né,2\r\n\" \",\r\n"),
            ("b.csv", "\ufeffprompt;completion\n\"a, \"\"b\"\"\nc\";1\n\né;2\n\" \";"),
            ("a.tsv", "completion\tprompt\n1\t\"a, \"\"b\"\"\nc\"\n2\té\n\t\" \""),
            ("a.jsonl", "{\"prompt\":\"a, \\\"b\\\"\\nc\",\"completion\":\"1\"}\r\n\r\n  {\"prompt\":\"é\",\"completion\":\"2\"}\n{\"prompt\":\" \",\"completion\":\"\"}"),
            ("a.json", "[\n {\"prompt\":\"a, \\\"b\\\"\\nc\",\"completion\":\"1\"},\n {\"prompt\":\"é\",\"completion\":\"2\", \"x\": {\"y\": [\"}\\\\\"]}}, {\"prompt\":\" \",\"completion\":\"\"}\n]\n"),
            ("b.json", "\ufeff{\"prompt\":\"a, \\\"b\\\"\\nc\",\"completion\":\"1\"}\n{\"prompt\":\"é\",\"completion\":\"2\"}\n{\"prompt\":\" \",\"completion\":\"\"}\n"),
        })
        {
            var examples = Load(name, content);
            Assert.Equal(expected, examples.Select(e => (e.Prompt, e.Answer)));
            Assert.Equal(expected[1], (examples[1].Prompt, examples[1].Answer));
        }
    }

    [Theory]
    [InlineData("a.jsonl", "{\"text\":\"x\"}\n\n{\"text\":\"y\"\n", "line 3: not valid JSON")]
    [InlineData("a.jsonl", "{\"text\":\"x\"}\n[1]\n", "line 2: the record is not a JSON object")]
    [InlineData("a.jsonl", "{\"text\":\"x\"}\n{\"txt\":\"y\"}\n", "line 2: there is no \"text\"; nearest: txt")]
    [InlineData("a.jsonl", "{\"text\":\"x\"}\n{\"text\":null}\n", "line 2: there is no \"text\": it is null")]
    [InlineData("a.jsonl", "{\"text\":\"x\"}\n{\"text\":[1]}\n", "line 2: \"text\" is a list, not a text")]
    [InlineData("a.jsonl", "{\"text\":\"x\"}\n{\"text\":\"\"}\n", "line 2: the text is empty")]
    [InlineData("a.jsonl", "{\"text\":\"\\ud800\"}\n", "line 1: a text is not valid Unicode")]
    [InlineData("a.jsonl", "{\"title\":\"x\",\"body\":\"y\"}\n", "line 1: the columns title, body are of no known form (messages; conversations; instruction, output;")]
    [InlineData("a.jsonl", "{\"messages\":[{\"role\":\"user\",\"content\":\"U\"}]}\n", "line 1: the conversation has no turn of the role assistant")]
    [InlineData("a.jsonl", "{\"messages\":[{\"role\":\"user\"}]}\n", "line 1: messages[0].content is missing")]
    [InlineData("a.jsonl", "{\"messages\":\"U\"}\n", "line 1: messages is \"U\"; it must be a list")]
    [InlineData("a.jsonl", "\n\n", "has no record")]
    [InlineData("a.json", "[{\"text\":\"x\"},\n{\"text\":\"y\"", "line 2: the file ends within a record")]
    [InlineData("a.json", "[{\"text\":\"x\"},\n", "line 2: the file ends within a record")]
    [InlineData("a.json", "[{\"text\":\"x\"},\n 3, {\"text\":\"y\"}]", "line 2: not valid JSON")]
    [InlineData("a.csv", "text,id\nx,1\n\"y\nz\",2\nw\n", "line 5: the record has 1 columns and the header 2")]
    [InlineData("a.csv", "text,id\nx,1\n\"y,2\n", "line 3: the file ends within a record")]
    [InlineData("a.csv", "text,text\nx,1\n", "line 1: two columns are named \"text\"")]
    [InlineData("a.csv", "messages\nx\n", "line 2: a conversation (\"messages\") can't stand in a table")]
    [InlineData("a.csv", "text\n", "has no record")]
    [InlineData("a.txt", "hello", "neither a table")]
    public void A_bad_record_is_named_with_file_and_line(string name, string content, string expected)
    {
        var error = Assert.Throws<InvalidDataException>(() => Load(name, content));
        Assert.StartsWith(folder.File(name), error.Message);
        Assert.Contains(expected, error.Message);
    }

    [Fact]
    public void Bytes_that_are_no_text_are_named()
    {
        var path = folder.File("a.csv", [.. "text\nab\n"u8, 0xC3, 0x28, (byte)'\n']);
        Assert.Contains("line 3: not UTF-8", Assert.Throws<InvalidDataException>(() => Examples.Load(path)).Message);
        Assert.Throws<FileNotFoundException>(() => Examples.Load(folder.File("none.jsonl")));
    }

    [Fact]
    public void A_file_that_changed_is_noticed()
    {
        var examples = Load("a.jsonl", "{\"text\":\"x\"}\n{\"text\":\"y\"}\n");
        File.WriteAllText(folder.File("a.jsonl"), "{\"text\":\"x\"}\n");
        Assert.Contains("has changed since it was opened: record 2", Assert.Throws<InvalidDataException>(() => examples[1]).Message);
    }

    [Fact]
    public void Damaged_files_give_one_clear_error_or_load()
    {
        var good = Encoding.UTF8.GetBytes("[" + string.Join(",\n", Enumerable.Range(0, 20).Select(i => $"{{\"prompt\":\"é{i}\",\"completion\":\"\\\"{i}\"}}")) + "]");
        var random = new Random(4);
        for (var trial = 0; trial < 300; trial++)
        {
            var bytes = trial % 3 == 0 ? good[..random.Next(good.Length)] : good[..];
            if (trial % 3 != 0) bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            var path = folder.File("damaged.json", bytes);
            try { Assert.All(Examples.Load(path), example => Assert.NotNull(example.Prompt)); }
            catch (InvalidDataException error) { Assert.StartsWith(path, error.Message); }
        }
    }

    [Fact]
    public void A_large_file_stays_outside_memory()
    {
        var path = folder.File("large.jsonl");
        using (var writer = new StreamWriter(path))
            for (var i = 0; i < 40_000; i++) writer.WriteLine($"{{\"prompt\":\"{i}\",\"completion\":\"{new string((char)('a' + i % 26), 1000)}\"}}");
        Assert.True(new FileInfo(path).Length > 40_000_000);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var examples = Examples.Load(path);
        var batches = new ExampleBatches(Tokenizer.Train([], 257), examples, 4, 64, seed: 3);
        for (var step = 0; step < 20; step++)
        {
            var batch = batches.At(step);
            (batch.Ids, batch.Labels!).ToString();
        }
        var kept = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.InRange(kept, 0, 6_000_000);      // places and hashes, and the tokenizer
        Assert.Equal("39999", examples[39_999].Prompt);
        GC.KeepAlive(batches);
    }

    [Fact]
    public void A_split_keeps_what_asks_the_same_together_and_stays_when_the_set_grows()
    {
        var lines = Enumerable.Range(0, 2000).Select(i => $"{{\"prompt\":\"p{i / 2}\",\"completion\":\"{i}\"}}").ToList();
        var (train, test) = Load("a.jsonl", string.Join('\n', lines)).Split(0.1, seed: 1);
        Assert.Equal(2000, train.Count + test.Count);
        Assert.InRange(test.Count, 120, 280);
        Assert.Empty(train.Select(e => e.Prompt).Intersect(test.Select(e => e.Prompt)));
        Assert.Equal(test.Select(e => e.Answer), Load("b.jsonl", string.Join('\n', lines)).Split(0.1, seed: 1).Test.Select(e => e.Answer));
        Assert.NotEqual(test.Select(e => e.Answer), Load("b.jsonl", string.Join('\n', lines)).Split(0.1, seed: 2).Test.Select(e => e.Answer));
        var half = Load("c.jsonl", string.Join('\n', lines.Take(1000))).Split(0.1, seed: 1).Test;
        Assert.Equal(test.Select(e => e.Answer).Where(answer => int.Parse(answer) < 1000), half.Select(e => e.Answer));
        Assert.Equal(test.Count, Examples.Of(Load("b.jsonl", string.Join('\n', lines))).Split(0.1, seed: 1).Test.Count);
        Assert.Throws<ArgumentOutOfRangeException>(() => train.Split(1));
        var (again, rest) = train.Split(0.5, seed: 5);
        Assert.Equal(train.Select(e => e.Answer).Order(), again.Concat(rest).Select(e => e.Answer).Order());
    }

    [Fact]
    public void Prompts_and_answers_become_conversations_without_what_a_form_wrote_around_them()
    {
        var chat = Load("a.jsonl", """{"instruction": "Add.", "input": "1 2", "output": "3"}""").AsChat("Be brief.").Single();
        Assert.Equal([new("system", "Be brief."), new("user", "Add.\n\n1 2"), new("assistant", "3")], chat.Messages);
        Assert.Equal([new("user", "Why?"), new("assistant", "So.")], Load("b.jsonl", """{"question": "Why?", "answer": "So."}""").AsChat().Single().Messages);
        Assert.Throws<InvalidOperationException>(() => Load("c.jsonl", """{"text": "t"}""").AsChat().Single());
    }
}
