using LowRank;
using Workbook.Commands;

namespace Workbook.Tests;

/// <summary>The command that makes the base models, on a hundredth of the definitions.</summary>
public sealed class PretrainCommandTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("workbook-test-").FullName;
    static readonly IReadOnlyList<Gloss> Few = [.. WordNet.Load().Where((_, index) => index % 100 == 0)];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    string In(string name) => Path.Combine(_folder, name);

    (int Code, string Said) Pretrain(string output, string? checkpoints, Func<PretrainingOptions, PretrainingOptions>? with = null, string? stopAt = null)
    {
        using var stop = new CancellationTokenSource();
        var log = new Listening(line => { if (stopAt is not null && line.StartsWith(stopAt, StringComparison.Ordinal)) stop.Cancel(); });
        var options = new PretrainingOptions
        {
            Size = PretrainingSize.Tiny, Output = In(output), Steps = 4, Log = log, Glosses = Few, Cancellation = stop.Token,
            Checkpoints = checkpoints is null ? null : new(In(checkpoints), every: 1),
        };
        return (PretrainCommand.Run(with?.Invoke(options) ?? options), log.ToString());
    }

    byte[] Weights(string output) => File.ReadAllBytes(Path.Combine(In(output), "model.safetensors"));

    [Fact]
    public void StoppedItGoesOnWithTheSameCommandAndEndsWithTheSameBits()
    {
        var (code, said) = Pretrain("straight", null);
        Assert.True(code == 0, said);
        (code, said) = Pretrain("out", "run", stopAt: "step 2/4");
        Assert.Equal(1, code);
        Assert.EndsWith("stopped after step 2 of 4; the same command goes on from there", said.Trim());
        Assert.False(Directory.Exists(In("out")));

        (code, said) = Pretrain("out", "run");
        Assert.True(code == 0, said);
        Assert.Contains("going on after step 2 of 4", said);
        Assert.DoesNotContain("step 1/4", said);
        Assert.Equal(Weights("straight"), Weights("out"));
        Assert.Contains("4 of 4 steps were made", File.ReadAllText(Path.Combine(In("out"), "README.md")));
    }

    [Fact]
    public void KilledItGoesOnFromTheNewestCheckpointOrAnew()
    {
        Assert.Equal(0, Pretrain("out", "run").Code);
        var weights = Weights("out");
        Directory.Delete(In("run/step-4"), recursive: true);                    // as if it had been killed after the third step
        var (code, said) = Pretrain("out", "run");
        Assert.True(code == 0, said);
        Assert.Contains("going on after step 3 of 4", said);
        Assert.Equal(weights, Weights("out"));

        (code, said) = Pretrain("out", "run", options => options with { Seed = 2 });
        Assert.Equal(1, code);
        Assert.Contains("is of another run", said);
        Assert.Contains("begin anew with --anew", said);
        (code, said) = Pretrain("out", "run", options => options with { Seed = 2, Checkpoints = options.Checkpoints! with { StartAnew = true } });
        Assert.True(code == 0, said);
        Assert.NotEqual(weights, Weights("out"));
    }

    [Fact]
    public void StoppedWithoutCheckpointsItSavesWhatWasLearned()
    {
        var (code, said) = Pretrain("out", null, stopAt: "step 2/4");
        Assert.Equal(1, code);
        Assert.EndsWith($"stopped after step 2 of 4; {In("out")} holds what was learned", said.Trim());
        Assert.Contains("2 of 4 steps were made", File.ReadAllText(Path.Combine(In("out"), "README.md")));
    }

    [Fact]
    public void WrongOptionsAreOneSentence()
    {
        Assert.Equal((2, "--steps is 0; it must be at least 1"), Trimmed(Pretrain("out", null, options => options with { Steps = 0 })));
        Assert.Equal((2, "--checkpoint-every is 0; it must be at least 1"), Trimmed(Pretrain("out", null, options => options with { Checkpoints = new(In("run"), every: 0) })));
        foreach (string option in new[] { "--anew", "--checkpoint-every=5" })
            Assert.Contains("says how --checkpoints are left", Assert.Single(PretrainCommand.Create().Parse(option).Errors).Message);
        Assert.Empty(PretrainCommand.Create().Parse("--checkpoints out/run --checkpoint-every 5 --anew").Errors);

        static (int, string) Trimmed((int Code, string Said) result) => (result.Code, result.Said.Trim());
    }

    /// <summary>A log that is read while it is written.</summary>
    sealed class Listening(Action<string> heard) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            heard(value ?? "");
        }
    }
}
