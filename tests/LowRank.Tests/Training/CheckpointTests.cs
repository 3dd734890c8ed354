// Checkpoints whole or not at all: killed at any moment, cut short, with a flipped bit, of another run.
using System.Diagnostics;
using System.Security.Cryptography;
using TorchSharp;
using static LowRank.Tests.Training.TinyTraining;
using static TorchSharp.torch;

namespace LowRank.Tests.Training;

public sealed class CheckpointTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    private static TrainingOptions Options => new() { Steps = 8, LearningRate = 1e-2, WarmupSteps = 2, Log = null };

    private TrainingCheckpoints Here(long every = 2, int keep = 2) => new(folder.File("run"), every, keep);

    private static CausalLm Lora()
    {
        manual_seed(2);
        var model = Model();
        model.Adapt(Adapter.Lora(2));
        return model;
    }

    /// <summary>A run that was stopped after so many steps.</summary>
    private void Stopped(long after, TrainingOptions? options = null)
    {
        using var stop = new CancellationTokenSource();
        using var model = Lora();
        Trainer.Fit(model, BatchAt, (options ?? Options) with
        {
            Checkpoints = Here(), Cancellation = stop.Token, OnStep = step => { if (step.Step == after) stop.Cancel(); },
        });
    }

    private string[] Folders => [.. Directory.GetFileSystemEntries(folder.File("run")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    [Fact]
    public async Task KilledAtThirtyMomentsARunEndsAsOneThatWasNot()
    {
        var random = new Random(7);
        using var straight = KilledRun.Prepared();
        Trainer.Fit(straight, BatchAt, KilledRun.Options);
        var expected = KilledRun.Weights(straight);
        var (kills, finished, inTheMiddle) = (0, 0, 0);
        while (kills < 30 || finished == 0)
        {
            var self = Environment.ProcessPath!;
            var arguments = Path.GetFileNameWithoutExtension(self) == "dotnet" ? Environment.GetCommandLineArgs()[..1] : [];
            using var child = Process.Start(new ProcessStartInfo(self, arguments)
            {
                Environment = { [KilledRun.FolderVariable] = folder.Path, ["OMP_NUM_THREADS"] = $"{get_num_threads()}" },
                RedirectStandardOutput = true, RedirectStandardError = true,
            })!;
            var errors = child.StandardError.ReadToEndAsync();
            if (kills < 30)
            {
                var early = kills % 6 == 0;                                     // while it starts and reads the last checkpoint
                if (!early) await child.StandardOutput.ReadLineAsync();         // it has begun, or it is over
                await Task.Delay(early ? random.Next(100, 500) : random.Next(60));
                child.Kill();
            }
            await child.WaitForExitAsync();
            if (child.ExitCode == 128 + 9)
            {
                kills++;
                if (Directory.Exists(folder.File("run")) && Folders.Any(name => name.StartsWith(".step-"))) inTheMiddle++;
            }
            else
            {
                Assert.True(child.ExitCode == 0, await errors);
                finished++;
                var actual = SafeTensors.Load(folder.File(KilledRun.Final));
                Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
                foreach (var (name, value) in expected) Assert.True(value.bytes.SequenceEqual(actual[name].bytes), name);
                Assert.Equal([".lock", $"step-{KilledRun.Steps - 1}", $"step-{KilledRun.Steps}"], Folders);     // nothing half-written is left
                Directory.Delete(folder.File("run"), recursive: true);          // where it was sooner done than killed as often: once more
            }
        }
        Assert.True(inTheMiddle > 0, "no kill came while a checkpoint was being written or removed");
    }

    [Fact]
    public void OneEveryFewStepsAndAFewStay()
    {
        Stopped(after: 7);
        Assert.Equal([".lock", "step-6", "step-7"], Folders);
        using var model = Lora();
        var run = Trainer.Fit(model, BatchAt, Options with { Checkpoints = Here(every: 100, keep: 1) });
        Assert.Equal((7L, 8), (run.ResumedAfter, run.Steps.Count));
        Assert.Equal([".lock", "step-8"], Folders);
        Assert.Equal(["SHA256SUMS", "checkpoint.json", "state.safetensors"],
            Directory.GetFiles(folder.File("run/step-8")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void AnotherRunsCheckpointIsRefusedWithWhatDiffers()
    {
        Stopped(after: 4);
        void Refused(string part, Func<TrainingOptions, TrainingOptions>? with = null, Action<CausalLm>? change = null, AdapterConfig? config = null, Func<long, Batch>? data = null)
        {
            using var model = Model();
            using (no_grad()) change?.Invoke(model);
            model.Adapt(config ?? Adapter.Lora(2));
            var before = model.named_parameters().ToDictionary(p => p.name, p => p.parameter.detach().clone());
            var message = Assert.Throws<InvalidOperationException>(() => Trainer.Fit(model, data ?? BatchAt, (with ?? (o => o))(Options with { Checkpoints = Here() }))).Message;
            Assert.Contains(part, message);
            Assert.Contains("StartAnew", message);
            Assert.All(model.named_parameters(), p => Assert.True(p.parameter.eq(before[p.name]).all().item<bool>(), p.name));
        }
        Refused("LearningRate was 0.01 and is 0.02.", o => o with { LearningRate = 0.02 });
        Refused("Steps was 8 and is 9", o => o with { Steps = 9 });
        Refused("Optimizer was FullAdamW", o => o with { Optimizer = new AdamW8Bit() });
        Refused("Policies was none and is LoraPlusPolicy(ratio 16)", o => o with { Policies = [new LoraPlusPolicy()] });
        Refused("Evaluate was null and is given", o => o with { Evaluate = () => 0 });
        Refused("adapter default was LowRankUpdate, dropout 0,", config: Adapter.Lora(2, dropout: 0.1));
        Refused("tensor model.layers.0.mlp.down_proj.default.update.lora_A was Float32 [2, 24] and is Float32 [3, 24]", config: Adapter.Lora(3));
        Refused("weight model.norm.weight was Float32 [16] ", change: model => model.get_parameter("model.norm.weight")!.mul_(1.001));
        Refused("batch 0 was ", data: step => BatchAt(step + 1));
        Refused("batch 3 was ", data: step => BatchAt(step == 3 ? 1 : step));
        // What makes no difference is no difference.
        using var same = Lora();
        Assert.Equal(4, Trainer.Fit(same, BatchAt, Options with { Checkpoints = Here(every: 3, keep: 5), Optimizer = new FullAdamW { PagedAbove = 1 << 20 }, OnStep = _ => { } }).ResumedAfter);
    }

    [Fact]
    public void StartingAnewTakesTheOldOnesAwayWhenThereIsANewOne()
    {
        Stopped(after: 4);
        using var stop = new CancellationTokenSource();
        using var model = Lora();
        var other = Options with { LearningRate = 0.02, Checkpoints = Here(every: 3) with { StartAnew = true }, Cancellation = stop.Token };
        Trainer.Fit(model, BatchAt, other with
        {
            OnStep = step =>
            {
                Assert.Equal(step.Step <= 3 ? [".lock", "step-2", "step-4"] : [".lock", "step-3"], Folders);
                if (step.Step == 4) stop.Cancel();                             // the old one of that step is gone, and it would not be written over
            },
        });
        Assert.Equal([".lock", "step-3", "step-4"], Folders);
        using var more = Lora();
        Assert.Equal(4, Trainer.Fit(more, BatchAt, Options with { LearningRate = 0.02, Checkpoints = Here(every: 3) }).ResumedAfter);
    }

    [Fact]
    public void TheModelThatWasCancelledGoesOnItself()
    {
        AdapterConfig[] configs = [Adapter.Lora(2), Adapter.Mora(2, MoraOperator.Strided)];
        foreach (var (i, config) in configs.Index())
        {
            TrainingOptions Now() => Options with { Policies = [new ReLoraPolicy(every: 3, warmup: 1)] };
            CausalLm Prepared()
            {
                manual_seed(3);
                var model = Model();
                model.Adapt(config);
                return model;
            }
            using var straight = Prepared();
            Trainer.Fit(straight, BatchAt, Now());
            using var model = Prepared();
            using var stop = new CancellationTokenSource();
            var where = new TrainingCheckpoints(folder.File($"run-{i}"));
            Trainer.Fit(model, BatchAt, Now() with { Checkpoints = where, Cancellation = stop.Token, OnStep = step => { if (step.Step == 5) stop.Cancel(); } });
            Assert.Equal(5, Trainer.Fit(model, BatchAt, Now() with { Checkpoints = where }).ResumedAfter);
            ResumeTests.SameBits(straight, model);
        }
    }

    [Fact]
    public void ASequenceGoesOnBehindWhatItHasGiven()
    {
        IEnumerable<Batch> Sequence() => Enumerable.Range(0, 5).Select(i => BatchAt(i));
        using var straight = Lora();
        var expected = Trainer.Fit(straight, Sequence(), Options);
        using var stop = new CancellationTokenSource();
        using (var first = Lora())
            Trainer.Fit(first, Sequence(), Options with { Checkpoints = Here(), Cancellation = stop.Token, OnStep = step => { if (step.Step == 3) stop.Cancel(); } });
        using var model = Lora();
        ResumeTests.Same(expected, Trainer.Fit(model, Sequence(), Options with { Checkpoints = Here() }));
    }

    [Fact]
    public void OneRunAtATime()
    {
        using var model = Lora();
        using var other = Lora();
        string? message = null;
        Trainer.Fit(model, BatchAt, Options with
        {
            Checkpoints = Here(), OnStep = step => message ??= Assert.Throws<IOException>(() => Trainer.Fit(other, BatchAt, Options with { Checkpoints = Here() })).Message,
        });
        Assert.Contains("is in use by another run", message);
        Assert.Contains("at least 1", Assert.Throws<ArgumentException>(() => Trainer.Fit(model, BatchAt, Options with { Checkpoints = new("x", every: 0) })).Message);
        Assert.Contains("at least 1", Assert.Throws<ArgumentException>(() => Trainer.Fit(model, BatchAt, Options with { Checkpoints = new("x", keep: 0) })).Message);
        Assert.Contains("empty", Assert.Throws<ArgumentException>(() => Trainer.Fit(model, BatchAt, Options with { Checkpoints = new(" ") })).Message);
    }

    [Fact]
    public void AFolderThatCannotBeWrittenLosesNothing()
    {
        using var model = Lora();
        var message = Assert.Throws<IOException>(() => Trainer.Fit(model, BatchAt, Options with
        {
            Checkpoints = Here(),
            OnStep = step =>                                                    // a file where the fourth step's folder has to go, as a full disk fails too
            {
                if (step.Step == 4) File.WriteAllText(folder.File("run/step-4"), "");
            },
        })).Message;
        Assert.Contains("the checkpoint of step 4 could not be written", message);
        File.Delete(folder.File("run/step-4"));
        Assert.Equal([".lock", "step-2"], Folders);
        using var again = Lora();
        Assert.Equal(2, Trainer.Fit(again, BatchAt, Options with { Checkpoints = Here() }).ResumedAfter);
    }

    [Fact]
    public void ADamagedCheckpointIsSkippedAndNamed()
    {
        using var straight = Lora();
        Trainer.Fit(straight, BatchAt, Options);
        Stopped(after: 7);
        Flip(folder.File("run/step-7/state.safetensors"), 1000, 3);
        using var log = new StringWriter();
        using var model = Lora();
        var run = Trainer.Fit(model, BatchAt, Options with { Checkpoints = Here(), Log = log });
        Assert.Equal(6, run.ResumedAfter);
        Assert.Contains("step-7 is not whole: state.safetensors is not what was written", log.ToString());
        Assert.Contains($"going on after step 6 of 8, from {folder.File("run/step-6")}", log.ToString());
        ResumeTests.SameBits(straight, model);
        Assert.Equal([".lock", "step-6", "step-8"], Folders);                   // the damaged one has gone, not a whole one

        foreach (var name in new[] { "step-6", "step-8" }) File.Delete(folder.File($"run/{name}/SHA256SUMS"));
        var message = Assert.Throws<InvalidDataException>(() => Trainer.Fit(model, BatchAt, Options with { Checkpoints = Here() })).Message;
        Assert.Contains("step-6 is not whole: SHA256SUMS is missing", message);
        Assert.Contains("No other is there", message);
    }

    /// <summary>Cuts and flips bits of every file at random places: the checkpoint is never taken for whole, and the one before it is.</summary>
    [Fact]
    public void DamageOfAnyKindIsSeen()
    {
        Stopped(after: 4);
        var random = new Random(11);
        var files = new[] { "state.safetensors", "checkpoint.json", "SHA256SUMS" };
        for (var i = 0; i < 150; i++)
        {
            var file = folder.File($"run/step-4/{files[i % 3]}");
            var content = File.ReadAllBytes(file);
            if (i % 2 == 0) File.WriteAllBytes(file, content[..random.Next(content.Length)]);
            else Flip(file, random.Next(content.Length), random.Next(8));
            var told = new List<string>();
            using (var checkpoints = new CheckpointFolder(folder.File("run")))
                Assert.Equal(2, checkpoints.Newest(told.Add)!.Value.Manifest.Step);
            Assert.Contains("step-4 is not whole: ", Assert.Single(told));
            File.WriteAllBytes(file, content);
        }
    }

    /// <summary>Nothing is read into memory by a size that a file claims.</summary>
    [Fact]
    public void AFileThatGrewIsNotReadIntoMemory()
    {
        Stopped(after: 4);
        void Grow(string name, long bytes)
        {
            using (var file = File.OpenWrite(folder.File($"run/step-4/{name}"))) file.SetLength(bytes);      // sparse: it takes no disk
            var told = new List<string>();
            var before = GC.GetTotalAllocatedBytes(precise: true);
            using (var checkpoints = new CheckpointFolder(folder.File("run"))) Assert.Equal(2, checkpoints.Newest(told.Add)!.Value.Manifest.Step);
            Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 8 << 20);
            Assert.Contains(name, Assert.Single(told));
        }
        Grow("state.safetensors", 200 << 20);
        Grow("checkpoint.json", 200 << 20);
        Grow("SHA256SUMS", 1L << 40);
    }

    /// <summary>Where the sums are right and the content is not, as no disk makes it: one error that names what is wrong, whatever it is.</summary>
    [Fact]
    public void ContentThatMakesNoSenseIsOneError()
    {
        Stopped(after: 4);
        var random = new Random(12);
        var (errors, file, manifest) = (0, folder.File("run/step-4/state.safetensors"), folder.File("run/step-4/checkpoint.json"));
        var (content, json) = (File.ReadAllBytes(file), File.ReadAllBytes(manifest));
        var header = (int)BitConverter.ToInt64(content);
        for (var i = 0; i < 60; i++)
        {
            if (i % 2 == 0) Flip(file, random.Next(8 + header), random.Next(8));
            else Flip(manifest, random.Next(json.Length), random.Next(8));
            File.WriteAllText(folder.File("run/step-4/SHA256SUMS"), string.Concat(new[] { manifest, file }
                .Select(path => $"{Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)))}  {Path.GetFileName(path)}\n")));
            using var model = Lora();
            using var stop = new CancellationTokenSource();
            stop.Cancel();
            try { Trainer.Fit(model, BatchAt, Options with { Checkpoints = Here(), Cancellation = stop.Token }); }
            catch (Exception e) when (e is InvalidDataException or InvalidOperationException or KeyNotFoundException)
            {
                errors++;
                Assert.Contains("step-", e.Message);
            }
            File.WriteAllBytes(file, content);
            File.WriteAllBytes(manifest, json);
        }
        Assert.InRange(errors, 20, 60);
    }

    private static void Flip(string file, int at, int bit)
    {
        var content = File.ReadAllBytes(file);
        content[at] ^= (byte)(1 << bit);
        File.WriteAllBytes(file, content);
    }
}
