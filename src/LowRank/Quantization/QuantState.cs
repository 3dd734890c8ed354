// The part of a stored weight that is not a tensor, as bitsandbytes keeps it: JSON bytes in a uint8 tensor beside the codes, under
// "<weight>.quant_state.<library>__<type>". It is what tells a quantized weight from any other uint8 tensor.
using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Writes and reads the JSON of stored weights, and checks the tensors beside it.</summary>
internal sealed class QuantState
{
    private const string Mark = ".quant_state.";

    private static readonly (string Name, ScalarType Type)[] Types =
        [("float32", ScalarType.Float32), ("bfloat16", ScalarType.BFloat16), ("float16", ScalarType.Float16)];

    private readonly string prefix;
    private readonly IReadOnlyDictionary<string, Tensor> tensors;
    private readonly JsonObject fields;

    private QuantState(string prefix, IReadOnlyDictionary<string, Tensor> tensors, string kind, JsonObject fields) =>
        (this.prefix, this.tensors, Kind, this.fields) = (prefix, tensors, kind, fields);

    /// <summary>As "bitsandbytes__nf4".</summary>
    public string Kind { get; }

    /// <summary>The weight's shape, not empty.</summary>
    public long[] Shape { get; private set; } = [];

    public ScalarType SourceType { get; private set; }

    public long Elements => Shape.Aggregate(1L, (product, size) => checked(product * size));

    public static (string Key, Tensor Value) Write(string prefix, QuantizedTensor weight, JsonObject fields)
    {
        fields["dtype"] = Types.Single(t => t.Type == weight.SourceType).Name;
        fields["shape"] = new JsonArray([.. weight.Shape.Select(size => (JsonNode)size)]);
        return (prefix + Mark + weight.Format.Kind, tensor(JsonSerializer.SerializeToUtf8Bytes(fields)));
    }

    /// <summary>Is this the name of a quantized weight?</summary>
    public static bool Marks(string prefix, IReadOnlyDictionary<string, Tensor> tensors) => tensors.Keys.Any(key => key.StartsWith(prefix + Mark, StringComparison.Ordinal));

    public static QuantState Read(string prefix, IReadOnlyDictionary<string, Tensor> tensors)
    {
        var keys = tensors.Keys.Where(key => key.StartsWith(prefix + Mark, StringComparison.Ordinal)).ToList();
        if (keys.Count != 1)
            throw new InvalidDataException(keys.Count > 1 ? $"\"{prefix}\" has {keys.Count} quant_states: {string.Join(", ", keys)}"
                : $"\"{prefix}\" is no quantized weight: no tensor {prefix}{Mark}…{NearestNames.Suggest(prefix, tensors.Keys.Where(key => key.Contains(Mark)).Select(key => key[..key.IndexOf(Mark, StringComparison.Ordinal)]))}");
        JsonObject? fields = null;
        try
        {
            using var here = tensors[keys[0]].cpu();
            using var bytes = here.contiguous();
            if (bytes.dtype == ScalarType.Byte) fields = JsonNode.Parse(bytes.bytes) as JsonObject;
        }
        catch (JsonException) { }
        if (fields is null) throw new InvalidDataException($"{keys[0]} is not a JSON object in a uint8 tensor");
        var state = new QuantState(prefix, tensors, keys[0][(prefix.Length + Mark.Length)..], fields);
        state.Shape = state.Field<JsonArray>("shape", node => (JsonArray)node).Select(node => state.Convert("shape", node, n => n.GetValue<long>())).ToArray();
        try
        {
            if (state.Shape.Any(size => size < 1) || state.Elements < 1) throw state.Bad($"shape is [{string.Join(", ", state.Shape)}]");
        }
        catch (OverflowException)
        {
            throw state.Bad($"shape [{string.Join(", ", state.Shape)}] overflows a 64-bit size");
        }
        var type = state.Text("dtype");
        if (!Types.Any(t => t.Name == type)) throw state.Bad($"dtype is \"{type}\"; float32, bfloat16 or float16 are known");
        state.SourceType = Types.Single(t => t.Name == type).Type;
        return state;
    }

    public bool Has(string field) => fields[field] is not null;

    public string Text(string field) => Field(field, node => node.GetValue<string>());

    public int Int(string field) => Field(field, node => node.GetValue<int>());

    /// <summary>The field "blocksize".</summary>
    public int BlockSize()
    {
        var size = Int("blocksize");
        return size is >= Blocks.Smallest and <= Blocks.Unit && int.IsPow2(size) ? size : throw Bad($"blocksize is {size}; a power of two from 32 to 4096 is known");
    }

    public float Single(string field) =>
        Field(field, node => (float)node.GetValue<double>()) is var value && float.IsFinite(value) ? value : throw Bad($"{field} is {value}");

    /// <summary>A tensor beside the state, "" for the codes themselves: contiguous, of that type and shape, sharing the given one's
    /// memory. A negative size stands for any division into dimensions of as many elements.</summary>
    public Tensor Tensor(string suffix, ScalarType type, params long[] shape)
    {
        var key = prefix + suffix;
        if (!tensors.TryGetValue(key, out var given)) throw new InvalidDataException($"no tensor {key}{NearestNames.Suggest(key, tensors.Keys)}");
        var fits = given.dtype == type && (shape.Length == 1 ? given.numel() == shape[0] : given.shape.SequenceEqual(shape));
        if (!fits)
            throw new InvalidDataException(
                $"{key} is {given.dtype} [{string.Join(", ", given.shape)}]; a weight [{string.Join(", ", Shape)}] needs {type} [{string.Join(", ", shape)}]");
        using var own = given.detach();
        using var contiguous = own.contiguous();
        return contiguous.view(shape);
    }

    /// <summary>float32 scales, which have to be finite.</summary>
    public Tensor Scales(string suffix, params long[] shape)
    {
        var scales = Tensor(suffix, ScalarType.Float32, shape);
        using var finite = scales.isfinite();
        using var all = finite.all();
        return all.item<bool>() ? scales : throw new InvalidDataException($"{prefix}{suffix} has numbers that are not finite");
    }

    /// <summary>The file's values of codes have to be ours.</summary>
    public void SameValues(string suffix, float[] values)
    {
        using var given = Tensor(suffix, ScalarType.Float32, values.Length);
        using var here = given.cpu();
        var theirs = here.data<float>().ToArray();
        for (var i = 0; i < values.Length; i++)
            if (!(Math.Abs(theirs[i] - values[i]) <= 1e-6f)) throw new InvalidDataException($"{prefix}{suffix} has {theirs[i]} for code {i}; this format has {values[i]}");
    }

    public InvalidDataException Bad(string what) => new($"{prefix}{Mark}{Kind}: {what}");

    private T Field<T>(string field, Func<JsonNode, T> read) => Convert(field, fields[field] ?? throw Bad($"no field \"{field}\""), read);

    private T Convert<T>(string field, JsonNode? node, Func<JsonNode, T> read)
    {
        try
        {
            return read(node ?? throw Bad($"{field} has a null"));
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException or InvalidCastException or OverflowException)
        {
            throw Bad($"{field} is {node?.ToJsonString()}");
        }
    }
}
