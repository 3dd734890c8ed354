// A set of examples, in memory or in a file that may be larger than it.

using System.Collections;

namespace LowRank;

/// <summary>Examples to fine-tune a model with. A file's stay in the file: 16 bytes of each are kept in memory. Safe to use from several
/// threads.</summary>
public sealed class Examples : IReadOnlyList<Example>
{
    private readonly Func<int, Example> get;
    private readonly Func<int, uint> hash;
    private readonly int[]? chosen; // of a part: which of the whole

    private Examples(int count, Func<int, Example> get, Func<int, uint> hash, int[]? chosen = null) => (Count, this.get, this.hash, this.chosen) = (count, get, hash, chosen);

    /// <inheritdoc/>
    public int Count { get; }

    /// <inheritdoc/>
    public Example this[int index] => get(chosen is null ? index : chosen[index]);

    /// <summary>Opens a file and checks each of its records: JSON, an object a line (.jsonl) or a list of objects, or a table with a header
    /// (.csv, .tsv). Columns that are known without <paramref name="form"/>: <c>messages</c> (turns with role, content and
    /// perhaps tool_calls) and perhaps <c>tools</c>;
    /// <c>conversations</c> (from and value); <c>instruction</c>, <c>output</c> and perhaps <c>input</c>; <c>prompt</c> and
    /// <c>completion</c>; <c>question</c> and <c>answer</c>; <c>text</c>. The file stays open.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">Names the file, the line, and what is wrong there.</exception>
    public static Examples Load(string path, ExampleForm? form = null)
    {
        var file = new RecordFile(path, form);
        return new(file.Count, index => file[index], file.Hash);
    }

    /// <summary>Examples in memory.</summary>
    public static Examples Of(IEnumerable<Example> examples)
    {
        Example[] all = [.. examples];
        return new(all.Length, index => all[index], index => (uint)StableHash.Mix(StableHash.Of(all[index].Asked)));
    }

    /// <summary>Parts the set in two. Examples that ask the same (the same prompt, or the same turns before the first answer) are in one
    /// part, so that nothing of the test was learned; the share is therefore met on average. The same seed gives the same parts, and an
    /// example stays in its part when others are added.</summary>
    public (Examples Train, Examples Test) Split(double testShare, long seed = 0)
    {
        if (testShare is not (> 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(testShare), testShare, "a share lies between 0 and 1");
        var border = testShare * Math.Pow(2, 64);
        var parts = Enumerable.Range(0, Count).Select(index => chosen is null ? index : chosen[index])
            .ToLookup(index => StableHash.Mix(StableHash.Mix((ulong)seed) + hash(index)) < border);
        Examples Part(bool test) => new(parts[test].Count(), get, hash, [.. parts[test]]);
        return (Part(test: false), Part(test: true));
    }

    /// <summary>Prompts and answers as conversations of one question, for a model that has a chat template.</summary>
    /// <param name="system">What stands before, if anything.</param>
    public Examples AsChat(string? system = null)
    {
        var inner = get;
        return new(Count, index => inner(index) is { IsChat: false } example
            ? example.Prompt.Length == 0 ? throw new InvalidOperationException("a text without a prompt is no conversation")
            : Example.Chat([.. system is null ? Array.Empty<ChatMessage>() : [new("system", system)], new("user", example.Question ?? example.Prompt.Trim()), new(ChatMessage.Assistant, example.Answer.Trim())])
            : inner(index), hash, chosen);
    }

    /// <inheritdoc/>
    public IEnumerator<Example> GetEnumerator() => Enumerable.Range(0, Count).Select(index => this[index]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
