// What contenders cost: time and memory of a training step, bytes of a file. Contenders take turns and the fastest round counts, so that
// whatever else the machine does meets all of them; times mean something beside each other, on one machine.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A contender's cost on one model and task.</summary>
/// <param name="Contender">Its name.</param>
/// <param name="Trained">Numbers that train.</param>
/// <param name="SecondsPerStep">Forward, backward and update of 16 questions; the fastest round's median.</param>
/// <param name="PeakBytes">Most bytes of tensors at once while it trains, the model's included; null where the binding does not count them.</param>
/// <param name="FileBytes">Of the adapter's or baseline's folder; for a part of the model, of a file with what trained.</param>
public sealed record ContestCost(string Contender, long Trained, double SecondsPerStep, long? PeakBytes, long FileBytes)
{
    private const int Steps = 5;

    /// <summary>Measures contenders that train, in turns.</summary>
    /// <param name="contenders">Those that don't train are left out.</param>
    /// <param name="task">Whose questions are trained on.</param>
    /// <param name="modelFolder">The base model.</param>
    /// <param name="rounds">How often each gets its turn.</param>
    /// <param name="device">Where; the CPU if left out.</param>
    public static IReadOnlyList<ContestCost> Measure(IEnumerable<Contender> contenders, ContestTask task, string modelFolder, int rounds = 3, Device? device = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rounds);
        var training = contenders.Where(contender => contender.FirstRate > 0).ToList();
        var found = new Dictionary<string, ContestCost>();
        for (var round = 0; round < rounds; round++)
            foreach (var contender in training)
            {
                var cost = Once(contender, task, modelFolder, device, withFile: round == 0);
                found[contender.Name] = found.TryGetValue(contender.Name, out var before)
                    ? before with { SecondsPerStep = Math.Min(before.SecondsPerStep, cost.SecondsPerStep) } : cost;
            }
        return [.. training.Select(contender => found[contender.Name])];
    }

    private static ContestCost Once(Contender contender, ContestTask task, string modelFolder, Device? device, bool withFile)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var before = Bytes.Live;
        using var model = CausalLm.Load(modelFolder, device: device);
        contender.Prepare(model, 1);
        var trained = TrainableParameters.Of(model).Trainable;
        Bytes.ResetPeak();
        var run = Trainer.Fit(model, new QuestionBatches(model.Tokenizer!, task.Training, ContestTask.BatchSize, seed: 1, device: device).At, new()
        {
            Steps = Steps, LearningRate = contender.FirstRate, WarmupSteps = 1, Seed = 1, Log = null, Policies = contender.Policies(Steps),
        });
        return new(contender.Name, trained, run.SecondsPerStep, Bytes.Peak - before, withFile ? FileSize(model) : 0);
    }

    /// <summary>Of the files that a user would keep: the adapter's, the baseline's, or what trained of the model itself. Restarts that have changed
    /// the model's weights leave nothing smaller than the model.</summary>
    private static long FileSize(CausalLm model)
    {
        var folder = Directory.CreateTempSubdirectory("contest-").FullName;
        try
        {
            var adapted = model.LinearLayers().Where(l => l.Layer.Adapters.Count > 0).ToList();
            if (adapted.Any(l => l.Layer.Absorbed > 0)) SaveParameters(model, folder, _ => true);
            else if (adapted.Count > 0) model.SaveAdapter(folder);
            else if (model.Baselines.Count > 0) model.SaveBaseline(folder);
            else SaveParameters(model, folder, parameter => parameter.requires_grad);
            return Directory.GetFiles(folder).Sum(file => new FileInfo(file).Length);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void SaveParameters(CausalLm model, string folder, Func<Tensor, bool> wanted)
    {
        using var none = no_grad();
        SafeTensors.Save(Path.Combine(folder, ModelTensors.FileName),
            model.named_parameters().Where(p => wanted(p.parameter)).Select(p => KeyValuePair.Create(p.name, p.parameter.detach())), new Dictionary<string, string>());
    }

    /// <summary>Bytes of tensors, where the binding counts them.</summary>
    private static class Bytes
    {
#if LIBTORCH
        public static long? Live => LibTorch.Memory.LiveBytes;
        public static long? Peak => LibTorch.Memory.PeakBytes;
        public static void ResetPeak() => LibTorch.Memory.ResetPeak();
#else
        public static long? Live => null;
        public static long? Peak => null;
        public static void ResetPeak() { }
#endif
    }
}
