// The results of a contest as a file that grows point by point: each is written as soon as it is there, whole or not at all, and a point
// that the file has is not made again. So a search can stop at any time and go on later.
using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>What one run gave.</summary>
/// <param name="Task">The task's name.</param>
/// <param name="Model">The base model's folder name.</param>
/// <param name="Contender">The contender's name.</param>
/// <param name="Rate">The learning rate.</param>
/// <param name="Seed">Of start and data order.</param>
/// <param name="Steps">Training steps.</param>
/// <param name="Trained">Numbers that trained.</param>
/// <param name="Validation">Nats a token of the answers, by which rates are chosen; null where training did not stay finite.</param>
/// <param name="Test">The same on the test.</param>
/// <param name="Exact">The share of the test's answers that are exactly right; null where there is no one answer.</param>
public sealed record ContestPoint(string Task, string Model, string Contender, double Rate, long Seed, int Steps, long Trained, double? Validation, double? Test, double? Exact);

/// <summary>Points in a file.</summary>
public sealed class ContestFile
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string path, command;
    private readonly List<ContestPoint> points = [];

    /// <summary>Opens a file, or begins one.</summary>
    /// <param name="path">The file; it need not be there.</param>
    /// <param name="command">What makes it again, for its reader.</param>
    /// <exception cref="InvalidDataException">The file is there and is something else.</exception>
    public ContestFile(string path, string command)
    {
        (this.path, this.command) = (path, command);
        if (!File.Exists(path)) return;
        try
        {
            points.AddRange(JsonNode.Parse(File.ReadAllText(path))!["points"].Deserialize<List<ContestPoint>>(Plain) ?? throw new JsonException("no points"));
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or NullReferenceException)
        {
            throw new InvalidDataException($"{path} holds no contest's points ({error.Message}); move it away to begin anew", error);
        }
    }

    /// <summary>All points, in the order in which they were made.</summary>
    public IReadOnlyList<ContestPoint> Points => points;

    /// <summary>The point of one run, null if it was not made with so many steps.</summary>
    public ContestPoint? Find(string task, string model, string contender, double rate, long seed, int steps) =>
        points.Find(p => (p.Task, p.Model, p.Contender, p.Rate, p.Seed, p.Steps) == (task, model, contender, rate, seed, steps));

    /// <summary>Adds a point and writes the file. A point of the same run takes the other's place.</summary>
    public void Add(ContestPoint point)
    {
        points.RemoveAll(p => (p.Task, p.Model, p.Contender, p.Rate, p.Seed) == (point.Task, point.Model, point.Contender, point.Rate, point.Seed));
        points.Add(point);
        // A line a point: a change of the file shows which runs changed.
        AtomicFile.Write(path, $$"""
            {
              "command": {{JsonSerializer.Serialize(command, Plain)}},
              "libtorch": {{JsonSerializer.Serialize(__version__)}},
              ".NET": {{JsonSerializer.Serialize(Environment.Version.ToString())}},
              "seeds": {{JsonSerializer.Serialize(points.Select(p => p.Seed).Distinct().Order())}},
              "points": [
                {{string.Join(",\n    ", points.Select(p => JsonSerializer.Serialize(p, Plain)))}}
              ]
            }

            """.ReplaceLineEndings("\n"));
    }
}
