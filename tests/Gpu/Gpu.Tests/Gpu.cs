// Where these tests compute: cuda:0. What they share with LowRank.Tests follows Golden.Device, and runs its kernels here.
// GPU_TESTS_DEVICE=cpu rehearses the suite on a machine without a GPU: the same tests on the CPU, kernels emulated, and what
// only a GPU has (streams, its memory) skipped. A rehearsal shows that the tests are sound, nothing about a GPU.
using System.Runtime.CompilerServices;
using LowRank.Tests.Cuda;
using static TorchSharp.torch;

namespace LowRank.Tests.Gpus;

internal static class Gpu
{
    public static bool Rehearsed { get; } = Environment.GetEnvironmentVariable("GPU_TESTS_DEVICE") == "cpu";

    public static Device Device { get; } = Rehearsed ? CPU : new Device(TorchSharp.DeviceType.CUDA, 0);

    /// <summary>For tests of what a CPU has not: in a rehearsal they are skipped by name.</summary>
    public static void Needed() => Assert.SkipWhen(Rehearsed, "needs a GPU; this is a rehearsal on the CPU");

    [ModuleInitializer]
    internal static void Begin()
    {
        Golden.Device = Device;
        if (!Rehearsed) EmulatedKernels.Run = Launch;
    }

    /// <summary>A kernel that was planned over CPU tensors: they are copied to the GPU, it is launched, and they are copied back.</summary>
    private static void Launch(KernelLaunch plan)
    {
        var there = plan.Arguments.Select(argument => argument.Tensor?.to(Device)).ToArray();
        (plan with { Device = Device, Arguments = [.. plan.Arguments.Zip(there, (given, copy) => copy is null ? given : copy)] }).Run();
        foreach (var (argument, copy) in plan.Arguments.Zip(there)) argument.Tensor?.copy_(copy!);
    }
}
