// A weight in a file as bitsandbytes saves and loads it, so that checkpoints interchange: 4 bits of a weight "w"
//   w                            uint8 [bytes, 1]: two codes each, the first in the high nibble
//   w.absmax                     float32 [blocks], or uint8 [blocks] with double quantization
//   w.quant_map                  float32 [16]: the values of the codes
//   w.nested_absmax              float32 [blocks / 256, rounded up]     } with double quantization
//   w.nested_quant_map           float32 [256]                          }
//   w.quant_state.bitsandbytes__nf4 (or __fp4)   uint8: JSON of quant_type, blocksize, dtype, shape; nested_blocksize, _dtype, _offset
// and, without a state, rows of int8 of a layer's weight "l.weight" (LLM.int8's), whose type before is not said:
//   l.weight                     int8 [out, in]
//   l.SCB                        float32 [out]: each row's largest magnitude
//   l.weight_format              uint8, one number: 0, row by row
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank;

internal static class BitsAndBytesLayout
{
    private const string Mark = "bitsandbytes__";

    /// <summary>What rows of int8 are called where a format has to be named; in the file nothing is.</summary>
    public const string Rows = Mark + "int8";

    public static string KindOf(FourBitTable table) => Mark + table.Name;

    public static bool Is(QuantState state) => state.Kind.StartsWith(Mark, StringComparison.Ordinal);

    public static Dictionary<string, Tensor> Write(FourBitTensor weight, string prefix)
    {
        var (table, scales) = (weight.Format.Table, weight.Scales);
        var fields = new JsonObject { ["quant_type"] = table.Name, ["blocksize"] = weight.Format.BlockSize };
        var tensors = new Dictionary<string, Tensor>
        {
            [prefix] = weight.Codes.view(-1, 1), [$"{prefix}.quant_map"] = tensor(table.Values),
        };
        WriteScales(tensors, fields, prefix, scales);
        var (key, state) = QuantState.Write(prefix, weight, fields);
        tensors[key] = state;
        return tensors;
    }

    public static FourBitTensor Read(QuantState state)
    {
        var name = state.Text("quant_type");
        if (state.Kind != Mark + name) throw state.Bad($"quant_type is \"{name}\"");
        FourBitFormat format = name switch
        {
            "nf4" => new Nf4 { BlockSize = state.BlockSize(), DoubleQuantization = HasDoubleScales(state) },
            "fp4" => new Fp4 { BlockSize = state.BlockSize(), DoubleQuantization = HasDoubleScales(state) },
            _ => throw state.Bad($"quant_type is \"{name}\"; nf4 and fp4 are known"),
        };
        state.SameValues(".quant_map", format.Table.Values);
        var blocks = (state.Elements - 1) / format.BlockSize + 1;
        var codes = state.Tensor("", ScalarType.Byte, (state.Elements - 1) / 2 + 1);
        return new(format, state.Shape, state.SourceType, codes, ReadScales(state, blocks));
    }

    /// <summary>Adds the scales of blocks, and the fields that tell them to be quantized themselves.</summary>
    public static void WriteScales(Dictionary<string, Tensor> tensors, JsonObject fields, string prefix, BlockScales scales)
    {
        tensors[$"{prefix}.absmax"] = scales.AbsMax.alias();
        if (scales.Nested is not { } nested) return;
        tensors[$"{prefix}.nested_absmax"] = nested.alias();
        tensors[$"{prefix}.nested_quant_map"] = tensor(EightBitTable.Dynamic.Values);
        fields["nested_blocksize"] = BlockScales.NestedBlock;
        fields["nested_dtype"] = "float32";
        fields["nested_offset"] = (double)scales.Offset;
    }

    /// <summary>Are the scales of this weight quantized themselves?</summary>
    public static bool HasDoubleScales(QuantState state) => state.Has("nested_offset");

    /// <summary>The scales of so many blocks.</summary>
    public static BlockScales ReadScales(QuantState state, long blocks)
    {
        if (!HasDoubleScales(state)) return BlockScales.Plain(state.Scales(".absmax", blocks));
        if (state.Int("nested_blocksize") != BlockScales.NestedBlock) throw state.Bad($"nested_blocksize is {state.Int("nested_blocksize")}; 256 is known");
        if (state.Text("nested_dtype") != "float32") throw state.Bad($"nested_dtype is \"{state.Text("nested_dtype")}\"; float32 is known");
        state.SameValues(".nested_quant_map", EightBitTable.Dynamic.Values);
        return BlockScales.Double(state.Tensor(".absmax", ScalarType.Byte, blocks),
            state.Scales(".nested_absmax", (blocks - 1) / BlockScales.NestedBlock + 1), state.Single("nested_offset"));
    }

    public static Dictionary<string, Tensor> Write(Int8RowsTensor weight, string prefix) => new()
    {
        [prefix] = weight.Codes.alias(), [Scales(prefix)] = weight.AbsMax.alias(), [Order(prefix)] = zeros(Array.Empty<long>(), ScalarType.Byte),
    };

    public static bool HasRows(string prefix, IReadOnlyDictionary<string, Tensor> tensors) => tensors.ContainsKey(Scales(prefix));

    public static bool IsOfRows(string prefix, string name) => name == Scales(prefix) || name == Order(prefix);

    public static Int8RowsTensor ReadRows(string prefix, IReadOnlyDictionary<string, Tensor> tensors, ScalarType sourceType)
    {
        if (!tensors.TryGetValue(prefix, out var codes)) throw new InvalidDataException($"no tensor {prefix} beside {Scales(prefix)}");
        var absMax = tensors[Scales(prefix)];
        if (codes.dtype != ScalarType.Int8 || codes.dim() != 2)
            throw new InvalidDataException($"{prefix} is {codes.dtype} [{string.Join(", ", codes.shape)}]; {Scales(prefix)} beside it makes it Int8 [out, in]");
        if (absMax.dtype != ScalarType.Float32 || absMax.numel() != codes.shape[0])
            throw new InvalidDataException($"{Scales(prefix)} is {absMax.dtype} [{string.Join(", ", absMax.shape)}]; {prefix} [{string.Join(", ", codes.shape)}] needs Float32 [{codes.shape[0]}]");
        using var finite = absMax.isfinite();
        using var all = finite.all();
        if (!all.item<bool>()) throw new InvalidDataException($"{Scales(prefix)} has numbers that are not finite");
        if (tensors.TryGetValue(Order(prefix), out var order) && (order.dtype != ScalarType.Byte || order.numel() != 1 || order.reshape(1)[0].item<byte>() != 0))
            throw new InvalidDataException($"{Order(prefix)} says that the codes do not lie row by row; save the model with a bitsandbytes of 2024 or later");
        using var flat = absMax.detach();
        using var own = codes.detach();
        using var row = flat.contiguous();
        return new(new(), codes.shape, sourceType, own.contiguous(), row.view(-1));
    }

    private static string Scales(string prefix) => Layer(prefix) + "SCB";

    private static string Order(string prefix) => Layer(prefix) + "weight_format";

    /// <summary>"l." of "l.weight": these tensors are the layer's, not the weight's.</summary>
    private static string Layer(string prefix) => prefix == "weight" || prefix.EndsWith(".weight", StringComparison.Ordinal) ? prefix[..^"weight".Length] : prefix + ".";
}
