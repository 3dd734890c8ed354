using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace LowRank;

/// <summary>Measures a pretrained model beside gzip and a 5-gram model, draws samples, and writes what it found as README.md.</summary>
internal static class ModelCard
{
    public const string FileName = "README.md";
    private const int Order = 5;
    private const int Bytes = 256;
    private const int EndOfBytes = Bytes;   // what begins and ends a text for the model of bytes

    public static void Write(CausalLm model, PretrainingOptions options, TrainingRun run, TokenCorpus corpus, List<Gloss> training, IReadOnlyList<Gloss> glosses)
    {
        var (byToken, byByte) = (new BackoffModel(Order, model.Tokenizer!.VocabularySize), new BackoffModel(Order, Bytes + 1));
        byToken.Train(AsTokens(corpus));
        byByte.Train(AsBytes(training));
        var rows = new[] { ("held in", glosses.HeldIn()), ("held out", glosses.HeldOut()) }
            .Select(part => Measure(part.Item1, model, byToken, byByte, [.. part.Item2.Of(Split.Test).Shuffled()])).ToList();
        var size = options.Size.ToString().ToLowerInvariant();
        var threads = options.Threads > 0 ? $" --threads {options.Threads}" : "";

        var card = new StringBuilder();
        void Line(FormattableString text) => card.Append(text.ToString(CultureInfo.InvariantCulture)).Append('\n');
        Line($"---\nlanguage: en\npipeline_tag: text-generation\n---\n");
        Line($"# {size}: a language model of dictionary definitions\n");
        Line($"A Llama-style model of {model.Config.ParameterCount:N0} parameters, trained from nothing by this repository:\n");
        Line($"    ./workbook pretrain --size {size} --steps {options.Steps} --seed {options.Seed}{threads} --output data/{size}\n");
        Line($"{run.Steps.Count:N0} of {options.Steps:N0} steps were made, in {run.Seconds / 60:F0} minutes on a shared two-core machine: {run.Tokens:N0} tokens,");
        Line($"{(double)run.Tokens / corpus.Tokens.Length:F1} times over the {corpus.Tokens.Length:N0} tokens ({corpus.Characters:N0} characters) of {training.Count:N0} definitions.\n");
        Line($"## What it learned from\n");
        Line($"WordNet's definitions (`word (part of speech): definition`), nine of ten of those outside five domains that it never saw:");
        Line($"{string.Join(", ", WordNet.HeldOutDomains)}. AdamW (β 0.9, 0.95, decay 0.1), learning rate {options.LearningRate}, warm-up and cosine, batches of");
        Line($"{PretrainingOptions.BatchSize} × {PretrainingOptions.Context} tokens. Stored in {model.Config.StoredType.ToString().ToLowerInvariant()}; the numbers below are of the stored model.\n");
        Line($"## How well it predicts\n");
        Line($"Bits a character on definitions that nothing here was trained on (the test part of each side), each definition on its own, its end included.");
        Line($"The {Order}-gram models have Kneser-Ney back-off and the same training texts, one over this model's tokens, one over bytes;");
        Line($"gzip (level 9) sees only the test texts, one a line.\n");
        Line($"| domains | definitions | characters | this model | {Order}-gram of tokens | {Order}-gram of bytes | gzip | perplexity of a token |");
        Line($"| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        foreach (var row in rows)
            Line($"| {row.Name} | {row.Definitions:N0} | {row.Characters:N0} | **{row.Model:F3}** | {row.ByToken:F3} | {row.ByByte:F3} | {row.Gzip:F3} | {row.Perplexity:F1} |");
        var (known, byOthers) = (rows[0], new[] { ($"the {Order}-gram of tokens", rows[0].ByToken), ($"the {Order}-gram of bytes", rows[0].ByByte), ("gzip", rows[0].Gzip) });
        string Versus((string Name, double Bits) other) => string.Create(CultureInfo.InvariantCulture,
            $"{Math.Abs(known.Model / other.Bits - 1):P1} {(known.Model < other.Bits ? "fewer" : "more")} than {other.Name}");
        Line($"\nOn the held-in side it needs {string.Join(", ", byOthers.Select(Versus))}.");
        Line($"\n## The run\n");
        Line($"| step | training loss | validation loss (nats a token) |");
        Line($"| ---: | ---: | ---: |");
        var every = run.Evaluations.ToList();
        foreach (var (step, loss) in every)
            Line($"| {step} | {run.Steps.Where(s => s.Step > step - 50 && s.Step <= step).Average(s => s.Loss):F3} | {loss:F3} |");
        Line($"\n## Ten samples\n");
        Line($"Words of the held-in test part, temperature 0.7 among the 40 likeliest tokens, seeds 0 to 9; the model saw none of these words' definitions.\n");
        foreach (var (index, gloss) in glosses.HeldIn().Of(Split.Test).Shuffled().Take(10).Index())
            Line($"{index + 1}. **{gloss.Prompt}**{model.Generate(gloss.Prompt, new() { Temperature = 0.7, TopK = 40, Seed = index }).TrimEnd()}");
        Line($"\n## Limits\n");
        Line($"It writes in the style of a dictionary and knows nothing reliably. Made for lessons on low-rank adaptation.");
        Line($"WordNet 3.0 © 2006 Princeton University, free to use with its notice (`/usr/share/doc/wordnet-base/copyright` on Debian).");
        AtomicFile.Write(Path.Combine(options.Output, FileName), card.ToString());
    }

    private sealed record Row(string Name, int Definitions, long Characters, double Model, double ByToken, double ByByte, double Gzip, double Perplexity);

    private static Row Measure(string name, CausalLm model, BackoffModel byToken, BackoffModel byByte, List<Gloss> glosses)
    {
        var corpus = TokenCorpus.From(model.Tokenizer!, glosses);
        // No definition is cut: the few longer than the model's context run past it.
        var score = Evaluation.Score(model, TokenBatches.Texts(corpus, 16, maximumTokens: int.MaxValue).InOrder());
        double Bits(TextScore of) => of.BitsPerCharacter(corpus.Characters);
        return new(name, corpus.Count, corpus.Characters, Bits(score), Bits(byToken.Score(AsTokens(corpus))), Bits(byByte.Score(AsBytes(glosses))),
            8.0 * GzipBytes(string.Concat(glosses.Select(gloss => gloss.Text + "\n"))) / corpus.Characters, score.Perplexity);
    }

    private static IEnumerable<int[]> AsTokens(TokenCorpus corpus) => Enumerable.Range(0, corpus.Count).Select(i => corpus.Text(i).ToArray());

    private static IEnumerable<int[]> AsBytes(IEnumerable<Gloss> glosses) =>
        glosses.Select(gloss => (int[])[EndOfBytes, .. Encoding.UTF8.GetBytes(gloss.Text).Select(b => (int)b), EndOfBytes]);

    private static long GzipBytes(string text)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.SmallestSize, leaveOpen: true))
            gzip.Write(Encoding.UTF8.GetBytes(text));
        return packed.Length;
    }
}
