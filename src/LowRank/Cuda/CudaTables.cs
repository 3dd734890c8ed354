// The tables of values that kernels read, on each device once: a few hundred bytes that stay until the process ends.
using System.Collections.Concurrent;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Code tables on devices.</summary>
internal static class CudaTables
{
    private static readonly ConcurrentDictionary<(object Table, DeviceType Type, int Index), Tensor[]> Kept = new();

    /// <summary>A 4-bit table: [16] float32 by code; the same ascending; [16] bytes, the code of each ascending value.</summary>
    public static (Tensor Values, Tensor Sorted, Tensor Codes) Of(FourBitTable table, Device device)
    {
        var kept = Get(table, device, () =>
            [tensor(table.Values), tensor(table.Order.Select(code => table.Values[code]).ToArray()), tensor(table.Order.Select(code => (byte)code).ToArray())]);
        return (kept[0], kept[1], kept[2]);
    }

    /// <summary>NF3's table: [8] float32 by code, ascending.</summary>
    public static Tensor ThreeBits(Device device) => Get(ThreeBitKernels.Values, device, () => [tensor(ThreeBitKernels.Values)])[0];

    /// <summary>The signed dynamic map, [256] float32 by code, ascending.</summary>
    public static Tensor Dynamic(Device device) => Get(EightBitTable.Dynamic, device, () => [tensor(EightBitTable.Dynamic.Values)])[0];

    /// <summary>[1] float32, 0: the offset of what has none.</summary>
    public static Tensor Zero(Device device) => Get(nameof(Zero), device, () => [zeros(1)])[0];

    private static Tensor[] Get(object table, Device device, Func<Tensor[]> onCpu) => Kept.GetOrAdd((table, device.type, device.index), _ =>
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        return [.. onCpu().Select(values => values.to(device).DetachFromDisposeScope())];
    });
}
