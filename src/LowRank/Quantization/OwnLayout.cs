// The other formats in a file, after bitsandbytes' pattern but under our own mark, "w.quant_state.lowrank__<type>" for a weight "w":
//   int8_dynamic   w uint8, of the weight's shape; w.absmax float32 [blocks]
//   nf3            w uint8 [bytes]: eight codes in three; w.quant_map float32 [8]; w.absmax, w.nested_absmax, w.nested_quant_map as bitsandbytes'
//   int4_groups    w uint8 [out, in / 2, rounded up]; w.scales and w.zeros float32 [out, groups]
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank;

internal static class OwnLayout
{
    public const string Dynamic = "lowrank__int8_dynamic", Groups = "lowrank__int4_groups", NormalFloat3 = "lowrank__nf3";

    public static Dictionary<string, Tensor> Write(Int8DynamicTensor weight, string prefix) =>
        Write(weight, prefix, new() { ["blocksize"] = weight.Format.BlockSize }, (".absmax", weight.AbsMax));

    public static Dictionary<string, Tensor> Write(GroupInt4Tensor weight, string prefix) =>
        Write(weight, prefix, new() { ["group_size"] = weight.Format.GroupSize }, (".scales", weight.Scales), (".zeros", weight.Zeros));

    public static Dictionary<string, Tensor> Write(ThreeBitTensor weight, string prefix)
    {
        var fields = new JsonObject { ["blocksize"] = weight.Format.BlockSize };
        var scales = new Dictionary<string, Tensor>();
        BitsAndBytesLayout.WriteScales(scales, fields, prefix, weight.Scales);
        var tensors = Write(weight, prefix, fields);
        tensors[prefix + ".quant_map"] = tensor(ThreeBitKernels.Values);
        foreach (var (name, scale) in scales) tensors.Add(name, scale);
        return tensors;
    }

    public static QuantizedTensor Read(QuantState state)
    {
        var shape = state.Shape;
        if (state.Kind == Groups && shape.Length != 2) throw state.Bad($"shape is [{string.Join(", ", shape)}]; a matrix [out, in] is needed");
        switch (state.Kind)
        {
            case Dynamic:
                var block = state.BlockSize();
                return new Int8DynamicTensor(new() { BlockSize = block }, shape, state.SourceType,
                    state.Tensor("", ScalarType.Byte, shape), state.Scales(".absmax", (state.Elements - 1) / block + 1));
            case NormalFloat3:
                var format = new Nf3 { BlockSize = state.BlockSize(), DoubleQuantization = BitsAndBytesLayout.HasDoubleScales(state) };
                state.SameValues(".quant_map", ThreeBitKernels.Values);
                return new ThreeBitTensor(format, shape, state.SourceType, state.Tensor("", ScalarType.Byte, ThreeBitKernels.Bytes(state.Elements)),
                    BitsAndBytesLayout.ReadScales(state, (state.Elements - 1) / format.BlockSize + 1));
            case Groups:
                var group = state.Int("group_size");
                if (group < 1) throw state.Bad($"group_size is {group}");
                long[] groups = [shape[0], (shape[1] - 1) / group + 1];
                return new GroupInt4Tensor(new() { GroupSize = group }, shape, state.SourceType, state.Tensor("", ScalarType.Byte, shape[0], (shape[1] + 1) / 2),
                    state.Scales(".scales", groups), state.Scales(".zeros", groups));
            default:
                throw state.Bad("an unknown kind of quantized weight; bitsandbytes__nf4, bitsandbytes__fp4, " + string.Join(", ", Dynamic, Groups, NormalFloat3) + " are known");
        }
    }

    private static Dictionary<string, Tensor> Write(QuantizedTensor weight, string prefix, JsonObject fields, params (string Suffix, Tensor Tensor)[] scales)
    {
        var tensors = new Dictionary<string, Tensor> { [prefix] = weight.Codes.alias() };
        foreach (var (suffix, scale) in scales) tensors[prefix + suffix] = scale.alias();
        var (key, state) = QuantState.Write(prefix, weight, fields);
        tensors[key] = state;
        return tensors;
    }
}
