// Rows of a trained table by their numbers, with a dense gradient for the table whose sums have one order on every device: torch's
// embedding operator, which TorchSharp offers as a module alone. (index_select adds its gradient up in any order on a GPU.)
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Reads rows of a parameter that belongs to somebody else.</summary>
internal sealed class RowTable
{
    private Embedding? reader;
    private Parameter? held;

    /// <summary>table [rows, width], ids [...] int64 -> [..., width].</summary>
    public Tensor Of(Parameter table, Tensor ids)
    {
        reader ??= nn.Embedding(0, 1);                                      // no rows: no random number is drawn for them
        if (!ReferenceEquals(held, table)) reader.weight = held = table;    // a move to another device or type makes a new one
        return reader.forward(ids);
    }
}
