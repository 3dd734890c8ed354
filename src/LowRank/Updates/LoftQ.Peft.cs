// LoftQ in PEFT's adapter_config.json: "loftq_config" with its "loftq_bits" and "loftq_iter", and what PEFT's own has no names for under
// "lowrank_storage" and "lowrank_divides_by_scale". A file of PEFT's has the first two alone: its 4 bits are NF4 in blocks of 64. Where it says
// that A and B began otherwise, its base model is one that was saved with what LoftQ made of it, and the adapter is plain LoRA.
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LowRank;

public sealed partial record LoftQ
{
    private const string Bits = "loftq_bits", Times = "loftq_iter", Storage = "lowrank_storage", Divides = "lowrank_divides_by_scale";

    /// <summary>Formats by their names in files.</summary>
    private static readonly (string Name, int Bits, StorageFormat Format)[] Formats =
    [
        ("nf4", 4, new Nf4()), ("fp4", 4, new Fp4()), ("nf3", 3, new Nf3()), ("int8_dynamic", 8, new Int8Dynamic()), ("int8_rows", 8, new Int8Rows()),
        ("int4_groups", 4, new GroupInt4()),
    ];

    internal JsonObject Write()
    {
        var (name, bits, _) = Array.Find(Formats, f => f.Format.GetType() == Format.GetType());
        var storage = Format switch
        {
            FourBitFormat four => Blockwise(four.BlockSize, four.DoubleQuantization),
            Nf3 three => Blockwise(three.BlockSize, three.DoubleQuantization),
            Int8Dynamic eight => new() { ["blocksize"] = eight.BlockSize },
            GroupInt4 groups => new() { ["group_size"] = groups.GroupSize },
            _ => new JsonObject(),
        };
        storage["type"] = name;
        return new() { [Bits] = bits, [Times] = Iterations, [Storage] = storage, [Divides] = DividesByScale };

        static JsonObject Blockwise(int size, bool doubled) => new() { ["blocksize"] = size, ["double_quantization"] = doubled };
    }

    /// <summary>What a file says, or null where it does not begin with LoftQ.</summary>
    internal static LoftQ? Read(PeftFields fields)
    {
        var named = fields["init_lora_weights"] is JsonValue init && init.GetValueKind() == JsonValueKind.String && init.GetValue<string>() == "loftq";
        if (fields["loftq_config"] is not JsonObject { Count: > 0 } config)
            return named ? throw fields.Bad("\"init_lora_weights\" is \"loftq\" and there is no \"loftq_config\"") : null;
        if (!named && config[Storage] is null) return null;
        try
        {
            var format = config[Storage] is JsonObject storage ? FormatOf(storage)
                : config[Bits]?.GetValue<int>() is 4 or null ? new Nf4 { DoubleQuantization = false } : null;
            return new()
            {
                Format = format ?? throw fields.Bad($"\"loftq_config\" is {config.ToJsonString()}; of storages without a name PEFT's 4 bits are known, and of names " +
                    string.Join(", ", Formats.Select(f => f.Name))),
                Iterations = config[Times]?.GetValue<int>() ?? 1,
                DividesByScale = config[Divides]?.GetValue<bool>() ?? false,
            };
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException)
        {
            throw fields.Bad($"\"loftq_config\" is {config.ToJsonString()}: {e.Message}");
        }
    }

    private static StorageFormat? FormatOf(JsonObject storage)
    {
        int Int(string field, int missing) => storage[field]?.GetValue<int>() ?? missing;
        var doubled = storage["double_quantization"]?.GetValue<bool>() ?? true;
        return Array.Find(Formats, f => f.Name == storage["type"]?.GetValue<string>()).Format switch
        {
            FourBitFormat four => four with { BlockSize = Int("blocksize", 64), DoubleQuantization = doubled },
            Nf3 three => three with { BlockSize = Int("blocksize", 64), DoubleQuantization = doubled },
            Int8Dynamic eight => eight with { BlockSize = Int("blocksize", 256) },
            GroupInt4 groups => groups with { GroupSize = Int("group_size", 32) },
            var other => other,
        };
    }
}
