// A 4-bit weight in a file as bitsandbytes saves and loads it, so that checkpoints interchange: for a weight "w"
//   w                            uint8 [bytes, 1]: two codes each, the first in the high nibble
//   w.absmax                     float32 [blocks], or uint8 [blocks] with double quantization
//   w.quant_map                  float32 [16]: the values of the codes
//   w.nested_absmax              float32 [blocks / 256, rounded up]     } with double quantization
//   w.nested_quant_map           float32 [256]                          }
//   w.quant_state.bitsandbytes__nf4 (or __fp4)   uint8: JSON of quant_type, blocksize, dtype, shape; nested_blocksize, _dtype, _offset
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank;

internal static class BitsAndBytesLayout
{
    private const string Kind = "bitsandbytes__";

    public static bool Is(QuantState state) => state.Kind.StartsWith(Kind, StringComparison.Ordinal);

    public static Dictionary<string, Tensor> Write(FourBitTensor weight, string prefix)
    {
        var (table, scales) = (weight.Format.Table, weight.Scales);
        var fields = new JsonObject { ["quant_type"] = table.Name, ["blocksize"] = weight.Format.BlockSize };
        var tensors = new Dictionary<string, Tensor>
        {
            [prefix] = weight.Codes.view(-1, 1), [$"{prefix}.absmax"] = scales.AbsMax.alias(), [$"{prefix}.quant_map"] = tensor(table.Values),
        };
        if (scales.Nested is { } nested)
        {
            tensors[$"{prefix}.nested_absmax"] = nested.alias();
            tensors[$"{prefix}.nested_quant_map"] = tensor(EightBitTable.Dynamic.Values);
            fields["nested_blocksize"] = BlockScales.NestedBlock;
            fields["nested_dtype"] = "float32";
            fields["nested_offset"] = (double)scales.Offset;
        }
        var (key, state) = QuantState.Write(prefix, Kind + table.Name, weight, fields);
        tensors[key] = state;
        return tensors;
    }

    public static FourBitTensor Read(QuantState state)
    {
        var name = state.Text("quant_type");
        if (state.Kind != Kind + name) throw state.Bad($"quant_type is \"{name}\"");
        FourBitFormat format = name switch
        {
            "nf4" => new Nf4 { BlockSize = state.Int("blocksize"), DoubleQuantization = state.Has("nested_offset") },
            "fp4" => new Fp4 { BlockSize = state.Int("blocksize"), DoubleQuantization = state.Has("nested_offset") },
            _ => throw state.Bad($"quant_type is \"{name}\"; nf4 and fp4 are known"),
        };
        if (format.BlockSize is < 32 or > Blocks.Unit || !int.IsPow2(format.BlockSize)) throw state.Bad($"blocksize is {format.BlockSize}; a power of two from 32 to 4096 is known");
        state.SameValues(".quant_map", format.Table.Values);
        var blocks = (state.Elements - 1) / format.BlockSize + 1;
        var codes = state.Tensor("", ScalarType.Byte, (state.Elements - 1) / 2 + 1);
        if (!format.DoubleQuantization) return new(format, state.Shape, state.SourceType, codes, BlockScales.Plain(state.Scales(".absmax", blocks)));

        if (state.Int("nested_blocksize") != BlockScales.NestedBlock) throw state.Bad($"nested_blocksize is {state.Int("nested_blocksize")}; 256 is known");
        if (state.Text("nested_dtype") != "float32") throw state.Bad($"nested_dtype is \"{state.Text("nested_dtype")}\"; float32 is known");
        state.SameValues(".nested_quant_map", EightBitTable.Dynamic.Values);
        return new(format, state.Shape, state.SourceType, codes, BlockScales.Double(state.Tensor(".absmax", ScalarType.Byte, blocks),
            state.Scales(".nested_absmax", (blocks - 1) / BlockScales.NestedBlock + 1), state.Single("nested_offset")));
    }
}
