// Every kernel compiles for every architecture without a spill, where libnvrtc is at hand (tests/nvrtc.sh fetches it); what goes wrong is said.
namespace LowRank.Tests.Cuda;

public class NvrtcTests
{
    private static readonly string Fetched = Path.GetFullPath("../artifacts/nvrtc/lib", Golden.TestsFolder);

    private static readonly CudaSource Empty = new("own.cu", "extern \"C\" __global__ void own(int* x) { *x = 1; }", new Dictionary<string, string>());

    /// <summary>The variable's, else the one that the script fetched, else torch's or the system's.</summary>
    private static Nvrtc Compiler()
    {
        try
        {
            return string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NVRTC")) && Directory.Exists(Fetched) ? new Nvrtc(Fetched) : Nvrtc.Find();
        }
        catch (DllNotFoundException e)
        {
            Assert.Skip($"{e.Message}; tests/nvrtc.sh fetches it");
            throw;
        }
    }

    public static TheoryData<string, int> Sources =>
        [.. from name in CudaSource.Names from architecture in (int[])[80, 89, 90] select new TheoryDataRow<string, int>(name, architecture)];

    [Theory, MemberData(nameof(Sources))]
    public void EveryKernelCompilesWithoutASpill(string name, int architecture)
    {
        var source = CudaSource.Of(name);
        var compiled = Compiler().Compile(source, architecture, Nvrtc.NoSpills);
        Assert.Equal("\u007fELF"u8, compiled.Image.AsSpan(0, 4));
        var kernels = KernelResources.Parse(compiled.Log);
        Assert.Equal(KernelNames.In(name).Order(StringComparer.Ordinal), kernels.Select(k => k.Name).Order(StringComparer.Ordinal));
        Assert.All(kernels, k =>
        {
            Assert.Equal((0, 0), (k.SpillBytes, k.StackBytes));
            Assert.InRange(k.Registers, 1, 128);            // 256 threads of 128 registers: two blocks a multiprocessor
            Assert.InRange(k.SharedBytes, 0, 48 << 10);
        });
    }

    [Fact]
    public void ASpillFails()
    {
        // 200 values that are all alive at once, in a kernel that may have 32 registers.
        var source = Empty with
        {
            Text = """
                extern "C" __global__ void __launch_bounds__(1024, 2) greedy(float* x) {
                  float v[200];
                #pragma unroll
                  for (int i = 0; i < 200; i++) v[i] = x[i * 1024 + threadIdx.x];
                  __syncthreads();
                #pragma unroll
                  for (int i = 0; i < 200; i++) x[(199 - i) * 1024 + threadIdx.x] = v[i] * v[(i * 7) % 200];
                }
                """,
        };
        var nvrtc = Compiler();
        Assert.Contains("spill", Assert.Throws<InvalidOperationException>(() => nvrtc.Compile(source, 80, Nvrtc.NoSpills)).Message);
        var allowed = Assert.Single(KernelResources.Parse(nvrtc.Compile(source, 80).Log));
        Assert.True(allowed.SpillBytes > 0);
    }

    [Fact]
    public void AnErrorCarriesTheLog()
    {
        var broken = Empty with { Text = "#include \"own.cuh\"\n\nextern \"C\" __global__ void broken(int* x) { *x = undeclared; }", Headers = new Dictionary<string, string> { ["own.cuh"] = "" } };
        var error = Assert.Throws<InvalidOperationException>(() => Compiler().Compile(broken, 80));
        Assert.Contains("own.cu does not compile for sm_80", error.Message);
        Assert.Contains("own.cu(3): error", error.Message);
        Assert.Contains("\"undeclared\"", error.Message);
    }

    [Fact]
    public void AnUnknownOptionIsAnError() =>
        Assert.Contains("--no-such-option", Assert.Throws<InvalidOperationException>(() => Compiler().Compile(Empty, 80, "--no-such-option")).Message);

    [Fact]
    public void TheArchitectureIsTheGpusOwnOrALowerOneOfItsGeneration()
    {
        var nvrtc = Compiler();
        Assert.Equal(80, nvrtc.Target(8, 0));
        Assert.Equal(nvrtc.Architectures.Where(a => a / 10 == 8).Max(), nvrtc.Target(8, 9));
        Assert.Contains("sm_75", Assert.Throws<NotSupportedException>(() => nvrtc.Target(7, 5)).Message);
        Assert.Contains("NVRTC", Assert.Throws<NotSupportedException>(() => nvrtc.Target(99, 0)).Message);
    }

    [Fact]
    public void CodeIsKeptByContentAndArchitecture()
    {
        using var folder = new TemporaryFolder();
        var (nvrtc, cache) = (Compiler(), new CubinCache(folder.Path));
        var first = cache.Get(nvrtc, Empty, 80);
        var file = Assert.Single(Directory.GetFiles(folder.Path));
        Assert.Equal(file, cache.FileOf(nvrtc, Empty, 80));
        var written = File.GetLastWriteTimeUtc(file);
        Assert.Equal(first, cache.Get(nvrtc, Empty, 80));
        Assert.Equal(written, File.GetLastWriteTimeUtc(file));

        // Damaged: compiled again. Another source, header or architecture: another file.
        var bytes = File.ReadAllBytes(file);
        bytes[^1] ^= 1;
        File.WriteAllBytes(file, bytes);
        Assert.Equal(first, cache.Get(nvrtc, Empty, 80));
        File.WriteAllBytes(file, bytes[..7]);
        Assert.Equal(first, cache.Get(nvrtc, Empty, 80));
        var others = new[]
        {
            cache.FileOf(nvrtc, Empty, 90), cache.FileOf(nvrtc, Empty with { Text = Empty.Text + " " }, 80),
            cache.FileOf(nvrtc, Empty with { Headers = new Dictionary<string, string> { ["a.cuh"] = "" } }, 80), file,
        };
        Assert.Equal(4, others.Distinct().Count());

        // A folder that can't be made costs nothing but the time.
        Assert.Equal(first, new CubinCache(Path.Combine(file, "below a file")).Get(nvrtc, Empty, 80));
    }

    [Fact]
    public void AFolderWithoutItIsNamed()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains(folder.Path, Assert.Throws<DllNotFoundException>(() => new Nvrtc(folder.Path)).Message);
    }
}
