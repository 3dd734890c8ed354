namespace LowRank;

/// <summary>The steps from a plain kernel to the one in use, on the CPU; <see cref="CudaRung"/> is the GPU's. Dequantizing gives the same bits on
/// all of them, a product the same sum in another order.</summary>
public enum CpuRung
{
    /// <summary>Code by code: a look-up, a multiplication.</summary>
    Scalar,

    /// <summary>Byte by byte: one look-up gives both its values.</summary>
    PairTable,

    /// <summary>8 numbers at once; the table lies in two registers, a permutation is the look-up (AVX2).</summary>
    Vector256,

    /// <summary>16 numbers at once, the table in one register (AVX-512).</summary>
    Vector512,

    /// <summary>And the widest of them that the processor has, on all of libtorch's threads. The others run on one.</summary>
    AllCores,
}
