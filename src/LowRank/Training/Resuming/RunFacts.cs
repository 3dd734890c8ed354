// By what a run is told from another: its options, its policies' settings, its first and last batch, the shapes of what trains, and the content
// of what does not. Each is a line of text under a name, so that a refusal can say which of them differs.
using System.Globalization;
using System.Security.Cryptography;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

internal static class RunFacts
{
    private const int Told = 5;

    /// <summary>Options that change nothing about the numbers, or that other facts stand for.</summary>
    private static readonly string[] Left = [nameof(TrainingOptions.Log), nameof(TrainingOptions.OnStep), nameof(TrainingOptions.Cancellation),
        nameof(TrainingOptions.Checkpoints), nameof(TrainingOptions.GradientCheckpointing), nameof(TrainingOptions.Evaluate), nameof(TrainingOptions.Policies), nameof(TrainingOptions.Optimizer)];

    /// <summary>Every option of a number or a name, and what the others amount to.</summary>
    public static IEnumerable<(string Name, string Value)> Of(TrainingOptions options)
    {
        foreach (var property in typeof(TrainingOptions).GetProperties())
            if (!Left.Contains(property.Name))
                yield return (property.Name, Convert.ToString(property.GetValue(options), CultureInfo.InvariantCulture) ?? "null");
        yield return (nameof(options.Evaluate), options.Evaluate is null ? "null" : "given");
        // Pages make no difference to the numbers.
        yield return (nameof(options.Optimizer), (options.Optimizer with { PagedAbove = null, PageFolder = null }).ToString());
        yield return (nameof(options.Policies), options.Policies.Count == 0 ? "none" : string.Join(", ", options.Policies.Select(policy => $"{policy.GetType().Name}({policy.Settings})")));
    }

    /// <summary>A batch by its content.</summary>
    public static string Of(Batch batch)
    {
        using var segments = batch.Segments?.ToTensor();
        return HashOf(new[] { batch.Ids, batch.Labels, segments }.OfType<Tensor>());
    }

    /// <summary>Types, shapes and content of tensors, in 16 bytes of SHA-256.</summary>
    public static string HashOf(IEnumerable<Tensor> tensors)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var scope = NewDisposeScope();
        using var grad = no_grad();
        foreach (var tensor in tensors)
        {
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes(Shape(tensor)));
            SafeTensors.ForEachPart(tensor.detach().cpu().contiguous(), (part, _) => hash.AppendData(part.bytes));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16));
    }

    public static string Shape(Tensor tensor) => $"{tensor.dtype} [{string.Join(", ", tensor.shape)}]";

    /// <summary>What differs, as a sentence, or null. A fact may be as it was when the run began or as it was when the checkpoint was made: a
    /// model that is fresh, or the very one that was being trained.</summary>
    public static string? Difference(IReadOnlyDictionary<string, string> now, CheckpointManifest checkpoint)
    {
        var differences = new List<string>();
        foreach (var name in now.Keys.Union(checkpoint.Facts.Keys).Order(StringComparer.Ordinal))
        {
            var (here, there) = (now.GetValueOrDefault(name), checkpoint.Facts.GetValueOrDefault(name));
            if (here == there || (here is not null && here == checkpoint.Then.GetValueOrDefault(name))) continue;
            differences.Add(here is null ? $"{name} was {there} and is not there now" : there is null ? $"{name} is {here} and was not there" : $"{name} was {there} and is {here}");
        }
        return differences.Count == 0 ? null
            : string.Join("; ", differences.Take(Told)) + (differences.Count > Told ? $"; and {differences.Count - Told} more" : "");
    }
}
