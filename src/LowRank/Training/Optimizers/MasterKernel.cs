// Brings a float32 master up to the 16-bit parameter that it stands behind.
using static TorchSharp.torch;

namespace LowRank;

internal static unsafe class MasterKernel
{
    /// <summary>Each number of the master that does not round to the parameter's becomes the parameter's.</summary>
    /// <param name="master">[n] float32; changed where the parameter was.</param>
    /// <param name="values">[n] bfloat16 or float16, contiguous.</param>
    public static void Follow(Tensor master, Tensor values)
    {
        if (KernelLauncher.Has(values))
        {
            using var scope = NewDisposeScope();
            master.copy_(where(master.to(values.dtype).eq(values), master, values.to(ScalarType.Float32)));
            return;
        }
        var (type, n, from) = (values.dtype, values.NumberOfElements, Elements.Start(values));
        var to = Elements.Singles(master);
        CpuRows.For((n + CpuRows.Block - 1) / CpuRows.Block, CpuRows.Block, (begin, end) =>
        {
            var rounded = stackalloc ushort[CpuRows.Block];
            var wide = stackalloc float[CpuRows.Block];
            for (var start = begin * CpuRows.Block; start < Math.Min(end * CpuRows.Block, n); start += CpuRows.Block)
            {
                var count = (int)Math.Min(CpuRows.Block, n - start);
                var now = (ushort*)from + start;
                Elements.Write(to + start, (nint)rounded, type, 0, count);
                if (new ReadOnlySpan<ushort>(rounded, count).SequenceEqual(new ReadOnlySpan<ushort>(now, count))) continue;
                Elements.Read(from, type, start, count, wide);
                for (var i = 0; i < count; i++)
                    if (rounded[i] != now[i]) to[start + i] = wide[i];
            }
        });
        GC.KeepAlive((master, values));
    }
}
