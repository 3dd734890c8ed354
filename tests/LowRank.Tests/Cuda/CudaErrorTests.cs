// What the CUDA side says when it is asked for something it can't do. Nothing here needs a GPU, and most of it must not find one.
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace LowRank.Tests.Cuda;

public sealed class CudaErrorTests : IDisposable
{
    private readonly TorchSharp.DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    private static Tensor Bytes(long count) => zeros(count, dtype: ScalarType.Byte);

    private static string Refused(Action action) => Assert.ThrowsAny<ArgumentException>(action).Message;

    [Fact]
    public void TensorsOfTheCpuAreRefusedBeforeAnythingIsLoaded() =>
        Assert.Contains("dequantize4_f32 is a kernel for CUDA tensors; these are on cpu", Refused(() => CudaQuantization.Dequantize4(Bytes(64), zeros(2), zeros(16), 64, zeros(128))));

    [Fact]
    public void ShapesTypesAndBlocksAreChecked()
    {
        var (packed, absmax, table, output) = (Bytes(64), zeros(2), zeros(16), zeros(128));
        Assert.Contains("packed is [63] Byte; 64 elements", Refused(() => CudaQuantization.Dequantize4(Bytes(63), absmax, table, 64, output)));
        Assert.Contains("absmax is [3] Float32; 2 elements", Refused(() => CudaQuantization.Dequantize4(packed, zeros(3), table, 64, output)));
        Assert.Contains("table is [16] Float64", Refused(() => CudaQuantization.Dequantize4(packed, absmax, zeros(16, dtype: ScalarType.Float64), 64, output)));
        Assert.Contains("output is Float64; float32, bfloat16 and float16", Refused(() => CudaQuantization.Dequantize4(packed, absmax, table, 64, output.to(ScalarType.Float64))));
        Assert.Contains("output is not contiguous", Refused(() => CudaQuantization.Dequantize4(packed, absmax, table, 64, zeros(16, 8).t())));
        Assert.Contains("table is on meta, the others on cpu", Refused(() => CudaQuantization.Dequantize4(packed, absmax, table.to(META), 64, output)));
        foreach (var block in new[] { 0, 16, 65, 8192, -64 })
            Assert.Contains("32, 64, 128", Refused(() => CudaQuantization.Dequantize4(packed, absmax, table, block, output)));
        Assert.Contains("9 tokens", Refused(() => CudaQuantization.Multiply4(zeros(9, 32), packed, absmax, table, 64, zeros(9, 4))));
        Assert.Contains("of one type", Refused(() => CudaQuantization.Multiply4(zeros(1, 32), packed, absmax, table, 64, zeros(2, 4))));
        Assert.Contains("absmax is [3] Float32; 2 elements", Refused(() => CudaRowQuantization.QuantizeRows8(zeros(2, 8), zeros(2, 8, dtype: ScalarType.Int8), zeros(3))));
        Assert.Contains("codes is [2, 8] Byte; 16 elements of Int8", Refused(() => CudaRowQuantization.DequantizeRows8(Bytes(16).view(2, 8), zeros(2), zeros(2, 8))));
        Assert.Contains("a matrix [rows, width] is wanted", Refused(() => CudaRowQuantization.QuantizeRows8(zeros(16), zeros(16, dtype: ScalarType.Int8), zeros(1))));
        Assert.Contains("a group has at least one input", Refused(() => CudaRowQuantization.QuantizeGroups4(zeros(2, 8), 0, Bytes(8), zeros(2), zeros(2))));
        Assert.Contains("zeros is [2] Float32; 4 elements", Refused(() => CudaRowQuantization.DequantizeGroups4(Bytes(8), zeros(2, 2), zeros(2), 4, zeros(2, 8))));
        Assert.Contains("map is [16]", Refused(() => CudaQuantization.Quantize8(output, table, zeros(1), 64, Bytes(128), absmax)));
        Assert.Contains("gram is [3]", Refused(() => CudaSteps.DoraRowNorm(zeros(2, 5), zeros(3, 5), zeros(2), zeros(2, 3), zeros(2, 3), zeros(3), 1, zeros(2))));
        Assert.Contains("packed is [47] Byte; 48 elements", Refused(() => CudaQuantization.Dequantize3(Bytes(47), absmax, zeros(8), 64, output)));
        Assert.Contains("table is [16] Float32; 8 elements", Refused(() => CudaQuantization.Quantize3(output, table, 64, Bytes(48), absmax)));
        Assert.Contains("absmax is [2] Float32; 4 elements", Refused(() => CudaQuantization.Quantize3(output, zeros(8), 32, Bytes(48), absmax)));
        Assert.Contains("x is Float64; float32", Refused(() => CudaQuantization.Quantize3(output.to(ScalarType.Float64), zeros(8), 64, Bytes(48), absmax)));
        Assert.Contains("left is [1] Int32; 1 elements of Int64",
            Refused(() => CudaSteps.AdamW8(zeros(8), zeros(8), (Bytes(8), zeros(1)), (Bytes(8), zeros(1)), zeros(256), zeros(256), 1, 0.1, left: zeros(1, dtype: ScalarType.Int32))));
        Assert.Contains("second's absmax", Refused(() => CudaSteps.AdamW8(zeros(8), zeros(8), (Bytes(8), zeros(1)), (Bytes(8), zeros(2)), zeros(256), zeros(256), 1, 0.1)));
    }

    [Fact]
    public void WithoutADriverASentenceSaysSo()
    {
        if (NativeLibrary.TryLoad("libcuda.so.1", out _)) Assert.Skip("this machine has NVIDIA's driver");
        var error = Assert.Throws<NotSupportedException>(() => CudaModule.Load("rownorm.cu", 0));
        Assert.Contains("libcuda.so.1 is not on this machine; CUDA kernels need a machine with an NVIDIA GPU and its driver", error.Message);
        Assert.False(KernelLauncher.Current.CanRun("rownorm.cu", CUDA));
        Assert.False(KernelLauncher.Current.CanRun("rownorm.cu", CPU));
    }

    [Fact]
    public void ASourceThatIsNotThereHasNeighbours() =>
        Assert.Contains("nearest: dequantize4.cu", Refused(() => CudaSource.Of("dequantise4.cu")));

    [Fact]
    public void EverySourceOpensWithItsContract()
    {
        Assert.Equal(["adamw8.cu", "blockwise3.cu", "blockwise8.cu", "dequantize4.cu", "group4.cu", "matvec4.cu", "quantize4.cu", "rownorm.cu", "rows8.cu"], CudaSource.Names);
        Assert.All(CudaSource.Names, name =>
        {
            var text = CudaSource.Of(name).Text;
            Assert.StartsWith("// ", text);
            Assert.Contains("Launch: 256 threads", text);
            Assert.NotEmpty(KernelNames.In(name));
        });
    }

#if LIBTORCH
    [Fact]
    public void WithoutCudaInLibtorchThereIsNoStream()
    {
        if (cuda.is_available()) Assert.Equal(0, LibTorch.Runtime.CurrentCudaStream());
        else Assert.NotEmpty(Assert.ThrowsAny<Exception>(() => LibTorch.Runtime.CurrentCudaStream()).Message);
    }
#endif
}
