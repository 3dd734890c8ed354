// A method that is not part of this library: whoever wrote the Update says how it is made, and it has targets, files and everything
// else. A file says the method's name as its peft_type, so it can be read where Adapter.Own has been called with that name.
using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The configuration of a method of one's own; <see cref="Adapter.Own"/> makes it.</summary>
public sealed record OwnConfig : AdapterConfig
{
    private static readonly ConcurrentDictionary<string, Func<long, long, ScalarType, Device, Update>> Known = new();

    internal OwnConfig(string method, Func<long, long, ScalarType, Device, Update> create)
    {
        (Method, Create) = (method, create);
        Known[method] = create;
    }

    /// <summary>The name that its files carry as peft_type.</summary>
    public string Method { get; }

    /// <summary>The update of a layer from its inputs, outputs, element type and device.</summary>
    public Func<long, long, ScalarType, Device, Update> Create { get; }

    /// <summary>The method of that name, or null if nobody has named one so.</summary>
    internal static PeftMethod? Find(string name) => !Known.TryGetValue(name, out var create) ? null
        : new(name, fields => new OwnConfig(name, create) { Dropout = fields.Get("lora_dropout", 0.0), Decomposed = fields.Get("use_dora", false) });

    internal override string PeftType => Method;

    internal override void WriteFields(JsonObject fields)
    {
        fields["lora_dropout"] = PeftFields.Real(Dropout);
        fields["use_dora"] = Decomposed;
    }

    internal override Update CreateUpdate(string path, long inFeatures, long outFeatures, ScalarType dtype, Device device)
    {
        var update = Create(inFeatures, outFeatures, dtype, device);
        return (update.InFeatures, update.OutFeatures) == (inFeatures, outFeatures) ? update
            : throw new ArgumentException($"{Method} made an update [{update.OutFeatures}, {update.InFeatures}] for {path}, which is [{outFeatures}, {inFeatures}]");
    }

    /// <summary>An update on the meta device says its shapes and holds no numbers.</summary>
    internal override IEnumerable<(string Name, long[] Shape)> TensorsOf(string path, long inFeatures, long outFeatures)
    {
        using var update = CreateUpdate(path, inFeatures, outFeatures, ScalarType.Float32, META);
        return [.. update.Tensors.Select(t => (t.Name, t.Value.shape))];
    }
}
