namespace LowRank;

/// <summary>The steps from a plain kernel to the one in use. All give the same result; the slower ones are kept to be read and measured.</summary>
public enum CudaRung
{
    /// <summary>A thread an element (or a lane a column), any alignment.</summary>
    Naive,

    /// <summary>16 bytes at once.</summary>
    Vector,

    /// <summary>And the table in shared memory.</summary>
    SharedTable,

    /// <summary>And several independent pieces a thread, or outputs a warp.</summary>
    Final,
}
