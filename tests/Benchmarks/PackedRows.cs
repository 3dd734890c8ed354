// The same examples in rows of their own, by length, and packed: tokens a second of a training step, padding not counted. Texts of WordNet's glosses, about
// 60 tokens each; a Llama-like model, hidden 256, 4 layers, 4 heads, ffn 688, data/base's vocabulary, LoRA on all layers, float32. Packed rows
// are also measured as they were when examples saw those before them: the batch's segments are taken away.
using LowRank;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Benchmarks;

internal static class PackedRows
{
    private const int Examples = 192, PlacesAtOnce = 4096;

    public static void Run(Results results, int rounds)
    {
        using var source = CausalLm.Load(Base());
        var (tokenizer, glosses) = (source.Tokenizer!, WordNet.Load().InDomain("noun.food").Of(Split.Train).ToList());
        var lengths = new System.Random(3);
        var next = 0;
        Example[] examples = [.. Enumerable.Range(0, Examples).Select(_ => Example.Text(string.Join("; ",
            Enumerable.Range(0, lengths.Next(1, 6)).Select(_ => glosses[next++ % glosses.Count].Definition))))];
        var table = results.Table("packing", $"{Examples} examples, LoRA r 8, float32, about {PlacesAtOnce} places a step: an epoch of forward, backward and AdamW",
            "rows", "tokens a second", "× single", "of the places filled up, %", "tokens of an example", "kept for backward, MB");
        foreach (var width in new[] { 512, 2048 })
        {
            (string Name, Rows Rows, int Batch, bool Apart)[] ways =
            [
                ("single", Rows.Single, 32, true), ("by length", Rows.ByLength, 64, true),
                ($"packed to {width}", Rows.Packed, PlacesAtOnce / width, true), ($"packed to {width}, seeing each other", Rows.Packed, PlacesAtOnce / width, false),
            ];
            // In their order, but sorted where that is what is measured: 192 examples are whole batches of 64.
            IEnumerable<Batch> Epoch(ExampleBatches batches, Rows rows) =>
                rows == Rows.ByLength ? Enumerable.Range(0, (int)batches.BatchesPerEpoch).Select(step => batches.At(step)) : batches.InOrder();
            var subjects = ways.Select(way => (way, Batches: Epoch(new(tokenizer, examples, way.Batch, way.Rows == Rows.Packed ? width : 512, way.Rows), way.Rows)
                .Select(batch => way.Apart ? batch : batch with { Segments = null }).ToList(), Times: new List<double>())).ToList();
            using var model = new CausalLm(new LlamaConfig
            {
                HiddenSize = 256, Layers = 4, Heads = 4, KeyValueHeads = 4, IntermediateSize = 688, VocabularySize = source.Config.VocabularySize, TiedEmbeddings = true,
            }, seed: 1);
            model.Adapt(Adapter.Lora(rank: 8, alpha: 16), "all-linear");
            using var optimizer = optim.AdamW(model.parameters().Where(p => p.requires_grad), lr: 1e-4);
            var kept = new long[subjects.Count];
            for (var round = -1; round < rounds; round++)                       // the first warms up
                foreach (var (i, (_, batches, times)) in subjects.Index())
                {
                    var time = Machine.Once(() =>
                    {
                        foreach (var batch in batches)
                        {
                            using var scope = NewDisposeScope();
                            optimizer.zero_grad();
                            var before = LibTorch.Memory.LiveBytes;
                            var loss = model.Loss(batch);
                            kept[i] = Math.Max(kept[i], LibTorch.Memory.LiveBytes - before);
                            loss.backward();
                            optimizer.step();
                        }
                    });
                    if (round >= 0) times.Add(time);
                }
            var single = new ExampleBatches(tokenizer, examples, 1, 512).InOrder().Select(batch => batch.Ids.numel()).ToList();
            double Speed(int i) => single.Sum() / Machine.Median(subjects[i].Times) * 1000;
            foreach (var (i, (way, batches, times)) in subjects.Index())
                table.Add(way.Name, Speed(i), Speed(i) / Speed(0), 100 - 100.0 * single.Sum() / batches.Sum(batch => batch.Ids.numel()), single.Average(), kept[i] / 1e6);
        }
    }

    private static string Base([System.Runtime.CompilerServices.CallerFilePath] string file = "") => Path.GetFullPath("../../data/base", Path.GetDirectoryName(file)!);
}
