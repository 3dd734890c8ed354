// y = x Wᵀ straight from the codes, for a few rows of x: what generating a token takes. Each code is read once; W is never written
// down, where dequantizing first writes eight times the bytes of 4-bit codes and reads them again. x float32, bfloat16 or float16; products
// and sums in float32 (bound and order: CodeProductKernels). Rows of W are shared out over libtorch's threads.
using System.Buffers;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace LowRank;

[System.Runtime.CompilerServices.SkipLocalsInit]
internal static unsafe class QuantizedProduct
{
    /// <summary>Rows of x up to which this is faster than to dequantize and multiply (tests/Benchmarks, matvec): narrow rows of W spend
    /// their time on their beginnings.</summary>
    public static int MostTokens(long width) => width >= 1024 ? 16 : 8;

    /// <summary>Room behind scales for vectors that begin at the last one.</summary>
    private const int Slack = 16;

    /// <summary>Rows whose scales are read at once.</summary>
    private const int RowsAtOnce = 16;

    /// <summary>Is this the faster way to multiply x [n, in] with that weight, into y [n, out]?</summary>
    public static bool Fits(QuantizedTensor weight, Tensor x, Tensor y, out CodeRows rows)
    {
        rows = null!;
        if (FourBitKernels.Best < CpuRung.Vector256 || x.dim() != 2 || x.shape[0] < 1 || x.shape[0] > MostTokens(x.shape[1]) || !CanUse(x) || !CanUse(y)) return false;
        if (weight.Codes.device_type != TorchSharp.DeviceType.CPU || KernelLauncher.Has(weight.Codes) || weight.Rows() is not { } read) return false;
        rows = read;
        return Fits(rows, x.shape[1], FourBitKernels.Best);
    }

    /// <summary>Can x or y be read and written where it lies?</summary>
    public static bool CanUse(Tensor t) => t.device_type == TorchSharp.DeviceType.CPU && t.is_contiguous()
        && t.dtype is ScalarType.Float32 or ScalarType.BFloat16 or ScalarType.Float16;

    /// <summary>Vectors want every 8 neighbours in one block, and rows that begin with a byte.</summary>
    private static bool Fits(CodeRows rows, long width, CpuRung rung) => rung switch
    {
        CpuRung.Scalar => true,
        CpuRung.PairTable => rows.Table is not null && rows.Zeros is null && (rows.BlocksPerRow > 0 || width % 2 == 0),
        _ => rows.BlockShift >= 3 && (rows.BlocksPerRow > 0 || width % 8 == 0),
    };

    /// <summary>x Wᵀ into y [n, out], or added to it. A rung that the shape does not suit gives way to the scalar one.</summary>
    public static void Run(QuantizedTensor weight, CodeRows rows, Tensor x, Tensor y, bool accumulate, CpuRung rung = CpuRung.AllCores)
    {
        var allCores = rung == CpuRung.AllCores;
        if (allCores) rung = FourBitKernels.Best;
        var (tokens, width, outputs) = ((int)x.shape[0], (int)x.shape[1], (int)y.shape[1]);
        if (!Fits(rows, width, rung)) rung = CpuRung.Scalar;
        var unit = CodeProductKernels.Unit(rung);
        var padded = (width + unit - 1) / unit * unit;
        // [tokens, padded] of x, its lanes' sums, [outputs, tokens] of y
        var (sumsFrom, productFrom) = ((long)tokens * padded, (long)tokens * (padded + padded / 8));
        var memory = (float*)NativeMemory.AlignedAlloc((nuint)(productFrom + (long)outputs * tokens) * sizeof(float), 64);
        try
        {
            Pack(x, rows.Table is not null, memory, memory + sumsFrom, padded, rung);
            var job = new Job(rows, outputs, (nint)memory, (nint)(memory + sumsFrom), (nint)(memory + productFrom), width, padded / unit, tokens, rung);
            if (allCores) CpuRows.For(outputs, (long)width * tokens, job.Run);
            else job.Run(0, outputs);
            Write(memory + productFrom, y, accumulate);
        }
        finally { NativeMemory.AlignedFree(memory); }
        GC.KeepAlive((weight, x));
    }

    private static void Pack(Tensor x, bool fourBit, float* to, float* sums, int padded, CpuRung rung)
    {
        var (tokens, width, from) = ((int)x.shape[0], (int)x.shape[1], Elements.Start(x));
        var rented = ArrayPool<float>.Shared.Rent(width);
        fixed (float* buffer = rented)
            for (var t = 0; t < tokens; t++)
            {
                var row = Elements.Read(from, x.dtype, (long)t * width, width, buffer);
                if (rung < CpuRung.Vector256) new Span<float>(row, width).CopyTo(new Span<float>(to + (long)t * width, width));
                else CodeProductKernels.Pack(row, width, fourBit, to + (long)t * padded, sums + (long)t * (padded / 8), rung);
            }
        ArrayPool<float>.Shared.Return(rented);
    }

    /// <summary>[out, tokens] into y [tokens, out].</summary>
    private static void Write(float* product, Tensor y, bool accumulate)
    {
        var (tokens, outputs, to) = ((int)y.shape[0], (int)y.shape[1], Elements.Start(y));
        var (before, after) = (ArrayPool<float>.Shared.Rent(outputs), ArrayPool<float>.Shared.Rent(outputs));
        fixed (float* buffer = before, row = after)
            for (var t = 0; t < tokens; t++)
            {
                for (var o = 0; o < outputs; o++) row[o] = product[(long)o * tokens + t];
                if (accumulate)
                {
                    var present = Elements.Read(to, y.dtype, (long)t * outputs, outputs, buffer);
                    for (var o = 0; o < outputs; o++) row[o] += present[o];
                }
                Elements.Write(row, to, y.dtype, (long)t * outputs, outputs);
            }
        ArrayPool<float>.Shared.Return(before);
        ArrayPool<float>.Shared.Return(after);
        GC.KeepAlive(y);
    }

    /// <summary>Some rows of W: [tokens, in] x [in, rows].</summary>
    private sealed class Job(CodeRows rows, long outputs, nint x, nint laneSums, nint product, int width, int units, int tokens, CpuRung rung)
    {
        public void Run(long begin, long end)
        {
            var room = RowsAtOnce * ((width >> rows.BlockShift) + 2) + Slack;       // for the blocks that so many rows may touch
            var rented = ArrayPool<float>.Shared.Rent(2 * room);
            rented.AsSpan().Clear();                                            // what lies behind the last row's blocks is multiplied with zeros
            fixed (float* scales = rented)
                for (var row = begin; row < end; row += RowsAtOnce)
                    Some(row, Math.Min(end, row + RowsAtOnce), scales, rows.Zeros is null ? null : scales + room);
            ArrayPool<float>.Shared.Return(rented);
        }

        private void Some(long begin, long end, float* scales, float* zeros)
        {
            var (_, from) = rows.Start(begin, width);
            var (lastPhase, lastBlock) = rows.Start(end - 1, width);
            var count = (int)(lastBlock - from) + (lastPhase + width - 1 >> rows.BlockShift) + 1;
            rows.Scales(from, count, scales, rung);
            if (zeros is not null) rows.Zeros!(from, count, zeros, rung);
            fixed (float* table = rows.Table)
                for (var row = begin; row < end; row++)
                {
                    var (phase, block) = rows.Start(row, width);
                    var element = row * width;
                    var codes = (byte*)rows.Codes + (rows.BlocksPerRow > 0 ? row * rows.BytesPerRow : element / 2);
                    float* y = (float*)product + row * tokens, scale = scales + (block - from), zero = zeros is null ? null : zeros + (block - from);
                    if (rung == CpuRung.Scalar)
                        CodeProductKernels.Scalar(codes, rows.BlocksPerRow == 0 && element % 2 != 0, rows.Table, scale, zero, phase, rows.BlockShift, (float*)x, width, tokens, y);
                    else if (rung == CpuRung.PairTable)
                        CodeProductKernels.Pairs(codes, rows.Pairs!, scale, phase, rows.BlockShift, (float*)x, width, tokens, y);
                    else Vectors(codes, row == outputs - 1, table, scale, zero, phase, y);
                }
        }

        /// <summary>Vectors read a whole unit, and 3 bytes more: of a row's last unit they get a copy where there is less.</summary>
        private void Vectors(byte* codes, bool isLast, float* table, float* scales, float* zeros, int phase, float* y)
        {
            var unit = CodeProductKernels.Unit(rung);
            var done = (long)(units - 1) * unit / (table is null ? 1 : 2);
            var last = codes + done;
            var copy = stackalloc byte[128 + 3];
            if (isLast || width % unit != 0)
            {
                new Span<byte>(copy, 128 + 3).Clear();
                Buffer.MemoryCopy(last, copy, 128, (table is null ? width : (width + 1) / 2) - done);
                last = copy;
            }
            if (rung == CpuRung.Vector512) CodeProductKernels.Row512(codes, last, table, scales, zeros, phase, rows.BlockShift, (float*)x, (float*)laneSums, units, tokens, y);
            else CodeProductKernels.Row256(codes, last, table, scales, zeros, phase, rows.BlockShift, (float*)x, (float*)laneSums, units, tokens, y);
        }
    }
}
