// Moments on pages: the same trajectory bit for bit, under the limit, and nothing left behind.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Tests.Training;

public sealed class PagedMomentsTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public PagedMomentsTests() => manual_seed(12);

    public void Dispose() => scope.Dispose();

    public static TheoryData<string, long> Limits
    {
        get
        {
            var data = new TheoryData<string, long>();
            foreach (var kind in Kinds.Keys)
                foreach (var limit in new[] { 0, 1L << 16, 3L << 20, 1L << 40 }) data.Add(kind, limit);
            return data;
        }
    }

    private static readonly Dictionary<string, TrainingOptimizer> Kinds = new()
    {
        ["full"] = new FullAdamW(), ["8 bits"] = new AdamW8Bit(), ["8 bits for all"] = new AdamW8Bit { SmallestTensor = 0 },
        ["full, no masters"] = new FullAdamW { MasterWeights = false }, ["8 bits, no masters"] = new AdamW8Bit { MasterWeights = false },
    };

    /// <summary>Several slices, one and a bit, less than one, a vector, a scalar, 16 bits in several slices and less than one, float64, not contiguous.</summary>
    private static (string Name, Parameter Parameter)[] Parameters()
    {
        using var generator = new Generator(4);
        Tensor Random(params long[] shape) => randn(shape, generator: generator);
        return [("several", new(Random(561, 1003))), ("one", new(Random(MomentLayout.Slice + 1))), ("small", new(Random(65, 70))), ("vector", new(Random(33))),
            ("scalar", new(Random())), ("bf16", new(Random(600, 500).to(ScalarType.BFloat16))), ("f64", new(Random(521, 523).to(ScalarType.Float64))),
            ("transposed", new(Random(90, 80).t()))];
    }

    private static MomentOptimizer Over(TrainingOptimizer how, (string Name, Parameter Parameter)[] p) => how.Over(
        [new(p.Where(x => x.Parameter.ndim >= 2).Select(x => x.Parameter), lr: 0.01, weight_decay: 0.1), new(p.Where(x => x.Parameter.ndim < 2).Select(x => x.Parameter), lr: 0.02)], p);

    /// <summary>The gradient of ½(w − target)², of other size at each step; one parameter has none once.</summary>
    private static void Step(MomentOptimizer optimizer, (string Name, Parameter Parameter)[] parameters, int step)
    {
        foreach (var (name, p) in parameters)
            p.grad = step == 2 && name == "small" ? null! : p.detach().sub(0.5).mul_(1 + step % 3);
        optimizer.Step();
    }

    private static void Same(IReadOnlyDictionary<string, Tensor> expected, IReadOnlyDictionary<string, Tensor> actual)
    {
        Assert.Equal(expected.Keys, actual.Keys);
        foreach (var (key, value) in expected) Assert.True(value.eq(actual[key]).all().item<bool>(), key);
    }

    [Theory, MemberData(nameof(Limits))]
    public void TheTrajectoryIsTheSameBitForBit(string kind, long limit)
    {
        var (free, paged) = (Parameters(), Parameters());
        using var a = Over(Kinds[kind], free);
        using var b = Over(Kinds[kind] with { PagedAbove = limit }, paged);
        Assert.Equal(a.DeviceBytes, b.DeviceBytes + b.PagedBytes);
        Assert.True(b.DeviceBytes <= limit);
        if (limit == 0) Assert.Equal(0, b.DeviceBytes);
        if (limit > a.DeviceBytes) Assert.Equal(0, b.PagedBytes);
        for (var step = 0; step < 12; step++)
        {
            Step(a, free, step);
            Step(b, paged, step);
            foreach (var ((name, x), (_, y)) in free.Zip(paged)) Assert.True(x.eq(y).all().item<bool>(), $"{name}, step {step}");
        }
        Same(a.Capture(), b.Capture());
    }

    [Theory, InlineData("full"), InlineData("8 bits"), InlineData("8 bits for all"), InlineData("full, no masters"), InlineData("8 bits, no masters")]
    public void ARunTakenUpAgainGoesOnBitForBit(string kind)
    {
        var (through, again) = (Parameters(), Parameters());
        using var a = Over(Kinds[kind], through);
        for (var step = 0; step < 3; step++) Step(a, through, step);
        var captured = a.Capture();
        using (no_grad())
            foreach (var ((_, from), (_, to)) in through.Zip(again)) to.copy_(from);
        using var b = Over(Kinds[kind] with { PagedAbove = 1 << 20 }, again);           // pages make no difference to what was captured
        b.Restore(captured);
        for (var step = 3; step < 6; step++)
        {
            Step(a, through, step);
            Step(b, again, step);
        }
        foreach (var ((name, x), (_, y)) in through.Zip(again)) Assert.True(x.eq(y).all().item<bool>(), name);
        Same(a.Capture(), b.Capture());
    }

    [Fact]
    public void WhatDoesNotFitIsNotRestored()
    {
        using var p = new Parameter(randn(5000));
        using var full = new FullAdamW().Over([new([p])], [("p", p)]);
        using var eight = new AdamW8Bit().Over([new([p])], [("p", p)]);
        Assert.Contains("has no p.state1", Assert.Throws<ArgumentException>(() => eight.Restore(full.Capture())).Message);
        using var shorter = new Parameter(randn(4999));
        using var other = new AdamW8Bit().Over([new([shorter])], [("p", shorter)]);
        Assert.Contains("p.state1 is [4999]", Assert.Throws<ArgumentException>(() => eight.Restore(other.Capture())).Message);
    }

    [Theory, MemberData(nameof(Limits))]
    public void MomentsThatAreLookedAtStayBitForBit(string kind, long limit)
    {
        var parameters = Parameters();
        using var optimizer = Over(Kinds[kind] with { PagedAbove = limit }, parameters);
        for (var step = 0; step < 2; step++) Step(optimizer, parameters, step);
        var before = optimizer.Capture();
        foreach (var (_, p) in parameters) Assert.True(optimizer.ChangeMoments(p, (first, second) => Assert.Equal((p.numel(), p.numel()), (first.numel(), second.numel()))));
        Same(before, optimizer.Capture());
        foreach (var (_, p) in parameters)
            optimizer.ChangeMoments(p, (first, second) =>
            {
                Assert.True(second.ge(0).all().item<bool>() && first.abs().sum().to(ScalarType.Float64).item<double>() > 0);
                first.zero_();
                second.mul_(0.5);
            });
        foreach (var (_, p) in parameters)
            optimizer.ChangeMoments(p, (first, second) => Assert.True(first.eq(0).all().item<bool>() && second.sum().to(ScalarType.Float64).item<double>() > 0));
        using var stranger = new Parameter(randn(3));
        Assert.False(optimizer.ChangeMoments(stranger, (_, _) => Assert.Fail("not one of its parameters")));
    }

    [Fact]
    public void ThePagesAreAFileWithoutANameInTheChosenFolder()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "there the name goes when the file is closed");
        using var folder = new TemporaryFolder();
        using var p = new Parameter(randn(10_000));
        using (var optimizer = new FullAdamW { PagedAbove = 0, PageFolder = folder.Path }.Over([new([p])], [("p", p)]))
        {
            Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
            Assert.Contains(Directory.GetFiles("/proc/self/fd").Select(fd => File.ResolveLinkTarget(fd, false)?.FullName ?? ""), target => target.Contains(folder.Path));
        }
        Assert.DoesNotContain(Directory.GetFiles("/proc/self/fd").Select(fd => File.ResolveLinkTarget(fd, false)?.FullName ?? ""), target => target.Contains(folder.Path));
    }

    [Fact]
    public void AFolderInMemoryOrNoFolderIsRefused()
    {
        using var p = new Parameter(randn(10_000));
        MomentOptimizer In(string folder) => new FullAdamW { PagedAbove = 0, PageFolder = folder }.Over([new([p])], [("p", p)]);
        Assert.Contains("is not there", Assert.Throws<DirectoryNotFoundException>(() => In("/no/such/folder")).Message);
        Assert.SkipUnless(Directory.Exists("/dev/shm") && new DriveInfo("/dev/shm").DriveFormat == "tmpfs", "no folder in memory here");
        Assert.Contains("lies in memory itself", Assert.Throws<IOException>(() => In("/dev/shm")).Message);
    }

#if LIBTORCH
    [Theory, InlineData("full", 0, 2L << 20), InlineData("full", 6L << 20, 6L << 20), InlineData("8 bits", 0, 532_480L), InlineData("8 bits", 3L << 20, 3L << 20)]
    public void WhatIsInMemoryStaysUnderTheLimit(string kind, long limit, long most)
    {
        const long Slack = 64 * 64;                                                 // what an allocator rounds up
        long Live()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return LibTorch.Memory.LiveBytes;
        }
        var parameters = Enumerable.Range(0, 5).Select(i => ($"p{i}", new Parameter(zeros(1000, 1000)))).ToArray();
        foreach (var (_, p) in parameters) p.grad = ones(1000, 1000);
        var before = Live();
        LibTorch.Memory.ResetPeak();
        using (var optimizer = Over(Kinds[kind] with { PagedAbove = limit }, parameters))
        {
            Assert.True(optimizer.PagedBytes > 0);
            Assert.True(LibTorch.Memory.PeakBytes - before <= most + Slack, $"made: {LibTorch.Memory.PeakBytes - before:N0} bytes");
            var resident = Live() - before;
            Assert.InRange(resident, optimizer.DeviceBytes, optimizer.DeviceBytes + Slack);
            for (var step = 0; step < 3; step++)
            {
                LibTorch.Memory.ResetPeak();
                optimizer.Step();
                Assert.True(LibTorch.Memory.PeakBytes - before <= most + Slack, $"step {step}: {LibTorch.Memory.PeakBytes - before:N0} bytes");
            }
            Assert.Equal(resident, Live() - before);
        }
        Assert.InRange(Live() - before, long.MinValue, 0);
    }
#endif
}
