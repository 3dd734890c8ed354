// The test program as a training program: started with FolderVariable set, it trains and ends before there is any test. So a test can kill it.
using System.Runtime.CompilerServices;
using TorchSharp;
using static LowRank.Tests.Training.TinyTraining;
using static TorchSharp.torch;

namespace LowRank.Tests.Training;

internal static class KilledRun
{
    public const string FolderVariable = "LOWRANK_TRAINS_INTO", Final = "final.safetensors", Began = "training";

    public const long Steps = 60;

    public static TrainingOptions Options => new()
    {
        Steps = Steps, LearningRate = 3e-3, WarmupSteps = 5, Log = null, Seed = 4, Accumulation = 2, Optimizer = new AdamW8Bit { SmallestTensor = 64 },
        Policies = [new DyLoraPolicy()],
    };

    public static CausalLm Prepared()
    {
        manual_seed(1);
        var model = Model();
        model.Adapt(Adapter.DyLora(4, dropout: 0.2));
        return model;
    }

    public static Dictionary<string, Tensor> Weights(nn.Module model) => model.named_parameters().Where(p => p.parameter.requires_grad).ToDictionary(p => p.name, p => (Tensor)p.parameter);

    [ModuleInitializer]
    internal static void Train()
    {
        if (Environment.GetEnvironmentVariable(FolderVariable) is not { } folder) return;
        try
        {
            using var model = Prepared();
            var told = false;
            Trainer.Fit(model, BatchAt, Options with
            {
                Checkpoints = new(Path.Combine(folder, "run"), every: 1),
                OnStep = _ =>
                {
                    if (!told) Console.Out.WriteLine(Began);
                    told = true;
                },
            });
            SafeTensors.Save(Path.Combine(folder, Final), Weights(model));
            Environment.Exit(0);
        }
        catch (Exception e)
        {
            Console.Error.WriteLine(e);
            Environment.Exit(1);
        }
    }
}
