// The current stream by libc10_cuda's exports, from a library that exports the same names with the same calling convention.
using System.Diagnostics;

namespace LowRank.Tests.Cuda;

public class CudaStreamTests
{
    private const string Source = """
        namespace c10 {
        struct Device { signed char type, index; };
        class Stream { public: Stream(Device d, long i) : device(d), id(i) {} Device device; long id; };
        namespace cuda {
        class CUDAStream { public: explicit CUDAStream(Stream s) : stream_(s) {} void* stream() const; private: Stream stream_; };
        CUDAStream getCurrentCUDAStream(signed char index) { return CUDAStream(Stream({1, index}, 0x1234567890 + index)); }
        void* CUDAStream::stream() const { return (void*)(stream_.id * 100 + stream_.device.index * 10 + stream_.device.type); }
        }
        }
        """;

    [Fact]
    public void TheStreamOfADeviceIsFound()
    {
        using var folder = new TemporaryFolder();
        var (source, library) = (folder.File("streams.cpp", Source), folder.File("libstreams.so"));
        using var compiler = Process.Start("g++", ["-shared", "-fPIC", source, "-o", library]);
        compiler.WaitForExit();
        Assert.Equal(0, compiler.ExitCode);
        var streams = C10Streams.Find(library)!;
        Assert.Equal(0x1234567890 * 100 + 1, streams.Current(0));
        Assert.Equal(0x1234567893 * 100 + 31, streams.Current(3));
    }

    [Fact]
    public void ALibraryWithoutThemIsNone()
    {
        Assert.Null(C10Streams.Find("libc.so.6"));
        Assert.Null(C10Streams.Find("/no/such/library.so"));
    }
}
