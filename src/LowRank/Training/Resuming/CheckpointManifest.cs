// What of a checkpoint is no tensor: where the run was, and the facts by which it is told from another run.
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LowRank;

/// <summary>checkpoint.json.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Tokens">Token positions seen.</param>
/// <param name="Seconds">Time that training took so far.</param>
/// <param name="Facts">The run's options, data and model when it began; see <see cref="RunFacts"/>.</param>
/// <param name="Then">The facts that were other when the checkpoint was made, as a weight that a restart has changed.</param>
internal sealed record CheckpointManifest(
    long Step, long Tokens, double Seconds, IReadOnlyDictionary<string, string> Facts, IReadOnlyDictionary<string, string> Then)
{
    public const string FileName = "checkpoint.json";
    private const int Format = 1;

    /// <summary>Grows from checkpoint to checkpoint of a folder, whatever the step.</summary>
    public long Number { get; init; }

    public void Write(string folder) => AtomicFile.Write(Path.Combine(folder, FileName), PlainJson.Pretty(new JsonObject
    {
        ["format"] = Format, ["number"] = Number, ["step"] = Step, ["tokens"] = Tokens, ["seconds"] = Seconds,
        ["facts"] = Object(Facts), ["then"] = Object(Then),
    }));

    /// <exception cref="InvalidDataException">It is not what <see cref="Write"/> writes.</exception>
    public static CheckpointManifest Read(string folder)
    {
        try
        {
            var root = JsonNode.Parse(File.ReadAllBytes(Path.Combine(folder, FileName)))!.AsObject();
            var format = root["format"]!.GetValue<int>();
            if (format != Format) throw new InvalidDataException($"{FileName} has format {format}; this version of the library reads {Format}");
            if (root["step"]!.GetValue<long>() < 1) throw new InvalidDataException($"{FileName} says that {root["step"]} steps were done");
            return new(root["step"]!.GetValue<long>(), root["tokens"]!.GetValue<long>(), root["seconds"]!.GetValue<double>(), Texts(root["facts"]), Texts(root["then"]))
            {
                Number = root["number"]!.GetValue<long>(),
            };
        }
        catch (Exception e) when (e is JsonException or NullReferenceException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new InvalidDataException($"{FileName} is not that of a checkpoint: {e.Message}", e);
        }
    }

    /// <summary>The number alone; 0 where it can't be read.</summary>
    public static long NumberOf(string folder)
    {
        try { return Read(folder).Number; }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException) { return 0; }
    }

    private static JsonObject Object(IReadOnlyDictionary<string, string> texts) => new(texts.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value)));

    private static Dictionary<string, string> Texts(JsonNode? node) => node!.AsObject().ToDictionary(pair => pair.Key, pair => pair.Value!.GetValue<string>());
}
