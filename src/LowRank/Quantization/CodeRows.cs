// A quantized matrix row by row, as the kernels of its product read it: where a row's codes begin, what they stand for, and the scales of
// the blocks that the row touches.
namespace LowRank;

/// <summary>The rows of a weight [out, in] in codes.</summary>
internal sealed unsafe class CodeRows
{
    /// <summary>Numbers [first, first + count) of a list that has one for each block.</summary>
    public delegate void Reader(long first, int count, float* to, CpuRung rung);

    /// <summary>The first row's codes; alive as long as the weight is.</summary>
    public required nint Codes { get; init; }

    /// <summary>From one row's first byte to the next one's; not looked at where blocks run on over the flat weight.</summary>
    public required long BytesPerRow { get; init; }

    /// <summary>The values of 4-bit codes; null where a code is a signed byte that stands for itself.</summary>
    public float[]? Table { get; init; }

    /// <summary>Both values of each byte; null where <see cref="Table"/> is.</summary>
    public float[]? Pairs { get; init; }

    /// <summary>log₂ of how many numbers share a scale.</summary>
    public required int BlockShift { get; init; }

    /// <summary>Blocks of each row; 0 where blocks run on from row to row over the flat weight.</summary>
    public required long BlocksPerRow { get; init; }

    public required Reader Scales { get; init; }

    /// <summary>What is taken off a code's value, a number for each block; null: nothing.</summary>
    public Reader? Zeros { get; init; }

    /// <summary>Where in its first block row <paramref name="row"/> begins, and that block.</summary>
    public (int Phase, long Block) Start(long row, int width)
    {
        if (BlocksPerRow > 0) return (0, row * BlocksPerRow);
        var element = row * width;
        return ((int)(element & ((1L << BlockShift) - 1)), element >> BlockShift);
    }
}
