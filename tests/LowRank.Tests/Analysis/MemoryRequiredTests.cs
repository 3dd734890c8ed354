// What does not fit is refused before it begins, with what would make it fit.
using static TorchSharp.torch;

namespace LowRank.Tests.Analysis;

public sealed class MemoryRequiredTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private static readonly LlamaConfig Llama1B = new()
    {
        VocabularySize = 32000, HiddenSize = 2048, IntermediateSize = 5632, Layers = 22, Heads = 32, KeyValueHeads = 4,
    };

    private static string Refused(MemoryLedger ledger, long bytes) => Assert.Throws<InsufficientMemoryException>(() => ledger.Require(bytes)).Message;

    [Fact]
    public void WhatFitsIsLetPass()
    {
        var ledger = MemoryLedger.OfTraining(Llama1B, Adapter.Lora(8), batch: 4, tokens: 512);
        ledger.Require(ledger.Peak);
        Assert.Contains("are available", Refused(ledger, ledger.Peak - 1));
        MemoryLedger.OfTraining(Llama1B with { Layers = 1, VocabularySize = 100, HiddenSize = 64, IntermediateSize = 64 }, null, 1, 8).Require();
    }

    /// <summary>Each advice is true: asked again with it, the step fits.</summary>
    [Fact]
    public void EachAdviceWouldDo()
    {
        const long GiB = 1L << 30;
        MemoryLedger Lora(long batch = 16, bool again = false, Func<LayerShape, long?>? storage = null, ScalarType type = ScalarType.Float32) =>
            MemoryLedger.OfTraining(Llama1B, Adapter.Lora(8), batch, 512, dtype: type, storage: storage, gradientCheckpointing: again);
        var message = Refused(Lora(), 8 * GiB);
        Assert.Contains($"takes {Lora().Peak / (double)GiB:0.00} GiB at its peak (activations", message);
        Assert.Contains("and 8.00 GiB are available. It fits with GradientCheckpointing = true (", message);
        Assert.True(Lora(again: true).Peak <= 8 * GiB);
        var (batch, parts) = System.Text.RegularExpressions.Regex.Match(message, @"or with batches of (\d+) and Accumulation = (\d+) \(") is { Success: true } match
            ? (int.Parse(match.Groups[1].Value), int.Parse(match.Groups[2].Value)) : (0, 0);
        Assert.Equal(16, batch * parts);
        Assert.True(Lora(batch: batch).Peak <= 8 * GiB && Lora(batch: 2 * batch).Peak > 8 * GiB);
        Assert.DoesNotContain("Nf4", message);                                  // alone it would not

        message = Refused(Lora(), 2 * GiB);
        Assert.Contains("It fits with ", message);
        Assert.Contains(" together (", message);
        Assert.Contains("Nf4.WithDoubleQuantization", message);

        Assert.Contains("take a smaller model, fewer tokens or a larger machine", Refused(Lora(), 100 << 20));
        message = Refused(MemoryLedger.OfTraining(Llama1B, null, 1, 64), 16 * GiB);
        Assert.Contains("Optimizer = new AdamW8Bit() (", message);
        Assert.Contains("an adapter, as Adapter.Lora(8) (", message);

        // On the embedding too, and for a classifier.
        MemoryLedger Tied(long batch) => MemoryLedger.OfTraining(Llama1B with { TiedEmbeddings = true }, Adapter.Lora(8), batch, 512, "embed_tokens|q_proj");
        message = Refused(Tied(8), 12 * GiB);
        Assert.Contains($"takes {Tied(8).Peak / (double)GiB:0.00} GiB at its peak (activations", message);
        batch = int.Parse(System.Text.RegularExpressions.Regex.Match(message, @"batches of (\d+) and").Groups[1].Value);
        Assert.True(Tied(batch).Peak <= 12 * GiB && Tied(2 * batch).Peak > 12 * GiB);
        message = Refused(MemoryLedger.OfTraining(Llama1B with { Labels = ["yes", "no"] }, Adapter.Lora(8), 16, 512), 8 * GiB);
        Assert.Contains("It fits with GradientCheckpointing = true (", message);
        Assert.Contains("a smaller batch or fewer tokens", Refused(MemoryLedger.OfInference(Llama1B, null, 1, 64), GiB));
    }

    [Fact]
    public void FreeMemoryIsTheLeastOfTheMachinesAndTheGroups()
    {
        void Write(string path, string text)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(folder.File(path))!);
            folder.File(path, text);
        }
        Assert.Null(FreeMemory.Bytes(folder.Path));
        Write("proc/meminfo", "MemTotal:       16000000 kB\nMemFree:         1000 kB\nMemAvailable:    8000000 kB\n");
        Assert.Equal(8000000L * 1024, FreeMemory.Bytes(folder.Path));
        Write("proc/self/cgroup", "0::/jobs/mine\n");
        Write("sys/fs/cgroup/jobs/mine/memory.max", "max\n");
        Write("sys/fs/cgroup/jobs/mine/memory.current", "5000\n");
        Assert.Equal(8000000L * 1024, FreeMemory.Bytes(folder.Path));
        Write("sys/fs/cgroup/jobs/memory.max", "1000000\n");                    // the group above has a limit
        Write("sys/fs/cgroup/jobs/memory.current", "700000\n");
        Assert.Equal(300000, FreeMemory.Bytes(folder.Path));
        Write("sys/fs/cgroup/jobs/memory.stat", "anon 1\ninactive_file 50000\n");
        Assert.Equal(350000, FreeMemory.Bytes(folder.Path));
        Write("proc/self/cgroup", "4:cpu,memory:/docker/abc\n");                // the first version's; the path is not mounted here
        Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "500000\n");
        Write("sys/fs/cgroup/memory/memory.usage_in_bytes", "600000\n");
        Assert.Equal(0, FreeMemory.Bytes(folder.Path));
        Assert.InRange(Machine.FreeBytes(CPU), 1, long.MaxValue);
    }
}
