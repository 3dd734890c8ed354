// Text from a Llama-like model of 98 million random parameters: a token with what was read remembered, beside the same with the whole
// text read again, and beside a copy of as many bytes as a token has to read (weights, and keys and values).
using System.Diagnostics;
using LowRank;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>Tokens a second, dense and over NF4, alone and in a batch.</summary>
internal static class Generating
{
    private const int Prompt = 64, New = 64;

    public static void Run(Results results)
    {
        var table = results.Table("generate", $"98 million parameters, {Prompt} tokens read and {New} added", "model", "ms a token", "tokens a second", "read again, ms a token", "times as fast", "share of a copy's rate");
        foreach (var (name, format, rows) in new (string, StorageFormat?, int)[]
        {
            ("float32", null, 1), ("float32, 8 texts", null, 8), ("NF4", Nf4.WithDoubleQuantization, 1), ("NF4, 8 texts", Nf4.WithDoubleQuantization, 8),
        })
        {
            using var model = new CausalLm(LargeModel.Shape, seed: 1);
            if (format is not null) model.Quantize(format);
            model.eval();
            var prompts = Enumerable.Range(0, rows).Select(row => (IReadOnlyList<int>)[.. Enumerable.Range(0, Prompt).Select(i => 1 + (row * 31 + i * 7) % 8000)]).ToList();
            void Generate(int tokens) => model.GenerateBatch(prompts, GenerationOptions.Greedy with { MaxNewTokens = tokens });
            Generate(2);
            // What reading the prompt takes is taken off.
            var first = Best(3, () => Generate(1));
            var remembered = (Best(3, () => Generate(New + 1)) - first) / New;
            var again = Best(3, () => Reread(model, rows, Prompt + New / 2));
            var shape = LargeModel.Shape;
            var bytes = shape.LinearLayers().Sum(layer => (format?.BytesOf(layer.OutFeatures, layer.InFeatures) ?? 4 * layer.OutFeatures * layer.InFeatures))
                + rows * 2L * shape.Layers * shape.KeyValueHeads * shape.HeadSize * 4 * (Prompt + New / 2);
            table.Add(name, remembered * 1000, rows / remembered, again * 1000, again / remembered, CopySeconds(bytes) / remembered);
        }
    }

    /// <summary>One token of the slow way, in the middle of the text.</summary>
    private static void Reread(CausalLm model, int rows, int tokens)
    {
        using var _ = no_grad();
        using var scope = NewDisposeScope();
        model.NextLogits(ones(rows, tokens, dtype: ScalarType.Int64)).argmax(1).cpu();
    }

    /// <summary>Half of what a copy of twice the bytes takes: reading alone.</summary>
    private static double CopySeconds(long bytes)
    {
        using var from = zeros(bytes / 4);
        using var to = empty_like(from);
        to.copy_(from);
        return Best(5, () => to.copy_(from)) / 2;
    }

    private static double Best(int rounds, Action action) => Enumerable.Range(0, rounds).Min(_ =>
    {
        var clock = Stopwatch.StartNew();
        action();
        return clock.Elapsed.TotalSeconds;
    });
}
