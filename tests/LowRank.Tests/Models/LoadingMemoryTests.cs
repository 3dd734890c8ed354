// What loading has alive at most, by the allocator's count: the model and one of its tensors, dense in between where it is quantized.
#if LIBTORCH
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Models;

public sealed class LoadingMemoryTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private static readonly ModelConfig[] Shapes =
    [
        new LlamaConfig { VocabularySize = 500, HiddenSize = 256, IntermediateSize = 704, Layers = 12, Heads = 4, KeyValueHeads = 4, TiedEmbeddings = true, StoredType = ScalarType.BFloat16 },
        new Gpt2Config { VocabularySize = 500, HiddenSize = 256, IntermediateSize = 1024, Layers = 12, Heads = 4, KeyValueHeads = 4, MaxPositions = 64, TiedEmbeddings = true },
    ];

    public static TheoryData<int, bool> Cases => new((0, false), (0, true), (1, false), (1, true));

    private static long Live()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return LibTorch.Memory.LiveBytes;
    }

    [Theory, MemberData(nameof(Cases))]
    public void The_peak_is_the_model_and_one_of_its_tensors(int shape, bool quantized)
    {
        var config = Shapes[shape];
        using (var made = new CausalLm(config, seed: 1)) made.Save(folder.Path);
        var start = Live();
        LibTorch.Memory.ResetPeak();
        StorageFormat? format = quantized ? Nf4.WithDoubleQuantization : null;
        using var model = CausalLm.Load(folder.Path, quantize: format);
        var peak = LibTorch.Memory.PeakBytes - start;
        var resident = Live() - start;

        var dense = config.ParameterCount * 4;
        var stored = dense + (format is null ? 0 : config.LinearLayers().Sum(l => format.BytesOf(l) is { } bytes ? bytes - l.InFeatures * l.OutFeatures * 4 : 0));
        Assert.InRange(resident, stored, stored + 64 * 1024);                   // roundings of some hundred tensors
        // One tensor as the file has it, in float32, and turned (GPT-2); encoding takes a few bytes a block more.
        var largest = config.LinearLayers().Max(l => l.InFeatures * l.OutFeatures) * 4;
        Assert.True(peak <= stored + 2 * largest + 128 * 1024, $"{peak:N0} bytes at the peak; the model takes {stored:N0}, its largest tensor {largest:N0}");
        if (quantized) Assert.True(peak < 0.3 * dense, $"{peak:N0} bytes at the peak; the dense model takes {dense:N0}");
    }

    [Fact]
    public void Saving_converts_one_tensor_at_a_time()
    {
        using var model = new CausalLm(Shapes[0], seed: 1);
        var start = Live();
        LibTorch.Memory.ResetPeak();
        model.Save(folder.Path);
        Assert.InRange(LibTorch.Memory.PeakBytes - start, 1, 2 * 256 * 704 * 4);
    }
}
#endif
