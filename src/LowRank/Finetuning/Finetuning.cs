// Fine-tuning a folder from Hugging Face on a file of examples: first a plan, which reads shape, tokenizer and data, counts steps and memory, and
// refuses what can't work before a weight is loaded; then the run, which goes on from its checkpoints.
using System.Globalization;
using System.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A fine-tuning run that can be made: settings, data, steps and memory are known.</summary>
public sealed class Finetuning
{
    /// <summary>The settings' name beside the result.</summary>
    public const string SettingsFile = "finetune.json";

    private const string CheckpointFolder = "checkpoints", MetricsFile = "metrics.csv";
    private const int UsualLength = 512;

    private readonly ModelConfig config;
    private readonly AdapterConfig? adapter;
    private readonly StorageFormat? storage;
    private readonly ScalarType type;
    private readonly Device device;
    private readonly TrainingOptimizer optimizer;
    private readonly ExampleBatches training;
    private readonly IReadOnlyList<Example> test;
    private readonly Tokenizer tokenizer;
    private readonly int length;

    /// <summary>Plans a run.</summary>
    /// <param name="settings">What is wanted.</param>
    /// <exception cref="ArgumentException">A setting makes no sense, alone or for the model; says which and what to do.</exception>
    /// <exception cref="FileNotFoundException">Model, tokenizer or data are not there.</exception>
    /// <exception cref="InvalidDataException">One of their files is broken or not supported; names file and place.</exception>
    public Finetuning(FinetuneSettings settings)
    {
        Settings = settings;
        foreach (var (name, value) in new[] { ("model", settings.Model), ("data", settings.Data), ("output", settings.Output) })
            if (value.Length == 0) throw new ArgumentException($"{name} is not given");
        Method = FinetuneMethod.Named(settings.Method);
        (config, device, type) = (ModelFolder.ConfigOf(settings.Model), DeviceOf(settings.Device), TypeOf(settings.Type));
        storage = StorageOf(settings.Quantize, Method);
        adapter = Method.AdapterOf(settings.Rank, settings.Alpha, settings.Dropout);
        if (settings.ModulesToSave is { } whole)
            adapter = adapter is null ? throw new ArgumentException($"{Method.Name} trains every module whole; leave modulesToSave out") : adapter with { ModulesToSave = whole };
        if (adapter is VeraConfig vera) adapter = vera with { Seed = settings.Seed };
        if (storage is not null && Method.ChangesWeights) throw new ArgumentException($"{Method.Name} changes the weights themselves, and codes are frozen: leave quantize out");
        length = settings.Length ?? (int)Math.Min(UsualLength, config.MaxPositions);
        if (length > config.MaxPositions) throw new ArgumentException($"length is {length}, and the model has {config.MaxPositions} positions");
        if (settings.Warmup is not (>= 0 and < 1)) throw new ArgumentException($"warmup is {settings.Warmup}; it is a share of the steps, from 0 to below 1");
        if (!(settings.Epochs > 0)) throw new ArgumentException($"epochs is {settings.Epochs}; it must be above 0");
        optimizer = settings.Adam8Bit ? new AdamW8Bit { PagedAbove = settings.PagedAboveMiB << 20 } : new FullAdamW { PagedAbove = settings.PagedAboveMiB << 20 };

        tokenizer = TokenizerOf(settings.Model, config);
        var (train, held) = Parts(settings);
        (training, test) = (Batches(train, settings.Rows), held);
        Examples = train.Count;
        Steps = settings.Steps ?? Math.Max(1, (long)Math.Ceiling(training.BatchesPerEpoch * settings.Epochs / settings.Accumulation));
        Ledger = MemoryLedger.OfTraining(config, adapter, settings.Batch, training.LongestRow, adapter is null ? null : (TargetPattern)settings.Targets, type,
            storage is null ? null : storage.BytesOf, optimizer, gradientCheckpointing: settings.GradientCheckpointing, longestText: training.LongestPacked);
    }

    /// <summary>What was asked for.</summary>
    public FinetuneSettings Settings { get; }

    /// <summary>The method that they name.</summary>
    public FinetuneMethod Method { get; }

    /// <summary>Examples to learn from.</summary>
    public int Examples { get; }

    /// <summary>Examples to evaluate on.</summary>
    public int TestExamples => test.Count;

    /// <summary>Optimizer steps.</summary>
    public long Steps { get; }

    /// <summary>What a step takes.</summary>
    public MemoryLedger Ledger { get; }

    /// <summary>Throws where a step does not fit into the free memory of the device; says what to change.</summary>
    /// <exception cref="InsufficientMemoryException">It does not fit.</exception>
    public void RequireMemory() => Ledger.Require(device);

    /// <summary>The plan in words, with the table of memory.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"""
        {config.GetType().Name.Replace("Config", "")}, {config.ParameterCount:N0} parameters; {Method.What}{(storage is null ? "" : $"; weights as {storage.GetType().Name}")}: {Ledger.Trained:N0} numbers train
        {Examples:N0} examples, {TestExamples:N0} more to evaluate on; {Steps:N0} steps of {Settings.Batch * Settings.Accumulation} rows of at most {training.LongestRow} tokens

        {Ledger}
        """);

    /// <summary>Trains and saves; goes on from the newest checkpoint in the output folder. Cancelling leaves a checkpoint.</summary>
    /// <param name="log">Where progress goes; null: nowhere.</param>
    /// <param name="cancel">Stops after a step.</param>
    /// <param name="anew">Begin at the first step whatever the folder holds.</param>
    /// <returns>The run; what it learned is in the output folder unless it was cancelled.</returns>
    /// <exception cref="TrainingDivergedException">The loss is no longer finite.</exception>
    /// <exception cref="InvalidOperationException">The folder's checkpoints are of another run; says what differs.</exception>
    public TrainingRun Run(TextWriter? log = null, CancellationToken cancel = default, bool anew = false)
    {
        Directory.CreateDirectory(Settings.Output);
        manual_seed(Settings.Seed);
        using var model = CausalLm.Load(Settings.Model, type, device, storage);
        if (adapter is null) model.TrainOnly("*");
        else model.Adapt(adapter, Settings.Targets);
        var evaluation = test.Count == 0 ? null : Batches(test, Rows.Single);
        double Loss() => Evaluation.Loss(model, evaluation!.InOrder());
        if (evaluation is not null) log?.WriteLine(Said("before", Loss()));
        var options = new TrainingOptions
        {
            Steps = Steps, LearningRate = Settings.LearningRate ?? Method.LearningRate, Schedule = Settings.Schedule, WarmupSteps = (long)(Steps * Settings.Warmup),
            WeightDecay = Settings.WeightDecay, MaxGradientNorm = Settings.MaxGradientNorm, Accumulation = Settings.Accumulation, Optimizer = optimizer,
            GradientCheckpointing = Settings.GradientCheckpointing, Policies = Method.PoliciesOf(Steps), Seed = Settings.Seed, Log = log, Cancellation = cancel,
            Evaluate = evaluation is null ? null : Loss, EvaluateEvery = Settings.EvaluateEvery,
            Checkpoints = new(Path.Combine(Settings.Output, CheckpointFolder), Settings.CheckpointEvery, Settings.Keep) { StartAnew = anew },
        };
        var run = Trainer.Fit(model, training.At, options);
        if (run.ResumedAfter > 0) log?.WriteLine($"went on after step {run.ResumedAfter:N0}");
        WriteMetrics(run);
        if (run.Cancelled) return run;
        if (run.Evaluations.LastOrDefault() is { Step: > 0 } last) log?.WriteLine(Said("after", last.Loss));
        if (log is not null) Show(model, log);
        Save(model, run, options);
        return run;
    }

    private void Save(CausalLm model, TrainingRun run, TrainingOptions options)
    {
        if (!Method.ChangesWeights) model.SaveAdapter(Settings.Output, new AdapterCard(Settings.Model, run) { Options = options, Description = $"Trained on {Path.GetFileName(Settings.Data)} with {Method.Name}." });
        else
        {
            if (adapter is not null) model.Merge(keepOriginal: false);
            model.Save(Settings.Output);
        }
        AtomicFile.Write(Path.Combine(Settings.Output, SettingsFile), Settings.ToJson());
    }

    private void WriteMetrics(TrainingRun run)
    {
        var lines = new StringBuilder("step,loss,learning rate,gradient norm,tokens a second,seconds,evaluation\n");
        foreach (var step in run.Steps)
            lines.Append(CultureInfo.InvariantCulture, $"{step.Step},{step.Loss},{step.LearningRate},{step.GradientNorm},{step.TokensPerSecond:0.#},{step.Seconds:0.###},{step.EvaluationLoss}\n");
        AtomicFile.Write(Path.Combine(Settings.Output, MetricsFile), lines.ToString());
    }

    /// <summary>What the model says now to a few of the test's prompts.</summary>
    private void Show(CausalLm model, TextWriter log)
    {
        foreach (var (asked, wanted, ids) in test.Select(Question).OfType<(string, string, int[])>().Take(3))
        {
            var room = (int)Math.Min(48, config.MaxPositions - ids.Length);
            if (room < 1) continue;
            var said = tokenizer.Decode(model.Generate(ids, GenerationOptions.Greedy with { MaxNewTokens = room }), skipSpecialTokens: true);
            log.WriteLine($"  {OneLine(asked)} → {OneLine(said)}   (the data: {OneLine(wanted)})");
        }
    }

    /// <summary>What an example asks, what it wants to hear, and the tokens to say it after; of a conversation its first answer. Null for a text.</summary>
    private (string Asked, string Wanted, int[] Ids)? Question(Example example)
    {
        if (!example.IsChat) return example.Prompt.Length == 0 ? null : (example.Prompt, example.Answer, [.. tokenizer.Opening, .. tokenizer.Encode(example.Prompt)]);
        var turns = example.Messages.TakeWhile(turn => turn.Role != ChatMessage.Assistant).ToList();
        if (turns.Count == 0) return null;
        var wanted = example.Messages[turns.Count];
        var calls = wanted.ToolCalls.Select(call => $"{call.Name}({call.Arguments})");
        return (turns[^1].Content, string.Join(" ", calls.Prepend(wanted.Content)), tokenizer.Chat(turns, addGenerationPrompt: true, tools: example.Tools));
    }

    private static string OneLine(string text) => text.Trim().ReplaceLineEndings(" ") is { Length: > 100 } one ? "…" + one[^99..] : text.Trim().ReplaceLineEndings(" ");

    private static string Said(string when, double loss) => string.Create(CultureInfo.InvariantCulture, $"{when}: {loss:0.000} nats a token on the test examples, perplexity {Math.Exp(loss):0.00}");

    private ExampleBatches Batches(IReadOnlyList<Example> examples, Rows rows) =>
        new(tokenizer, examples, Settings.Batch, length, rows, Settings.Seed, Settings.LearnPrompts, device);

    private static (IReadOnlyList<Example> Train, IReadOnlyList<Example> Test) Parts(FinetuneSettings settings)
    {
        var form = (settings.Prompt, settings.Answer) switch
        {
            (null, null) => null,
            (null, { } text) => ExampleForm.Text(text),
            ({ } prompt, { } answer) => ExampleForm.Of(prompt, answer),
            _ => throw new ArgumentException("prompt needs an answer beside it"),
        };
        Examples Open(string path) => settings.Chat ? LowRank.Examples.Load(path, form).AsChat(settings.System) : LowRank.Examples.Load(path, form);
        if (settings.System is not null && !settings.Chat) throw new ArgumentException("system is for conversations; set chat too");
        var all = Open(settings.Data);
        if (settings.TestData is { } other) return (all, Open(other));
        return settings.TestShare == 0 ? (all, []) : all.Split(settings.TestShare, settings.Seed) is var (train, test) && train.Count > 0 ? (train, test)
            : throw new ArgumentException($"{settings.Data} has {all.Count} examples: too few to hold {settings.TestShare} of them back; set testShare to 0 or give testData");
    }

    private static Tokenizer TokenizerOf(string folder, ModelConfig config)
    {
        var tokenizer = ModelFolder.TokenizerOf(folder) ?? throw new FileNotFoundException($"{folder} has no {ModelFolder.TokenizerFile}, which turns the examples into tokens");
        return tokenizer.VocabularySize <= config.VocabularySize ? tokenizer
            : throw new InvalidDataException($"the tokenizer of {folder} has {tokenizer.VocabularySize} tokens, and its model knows {config.VocabularySize}");
    }

    private static StorageFormat? StorageOf(string? name, FinetuneMethod method) => name?.ToLowerInvariant() switch
    {
        null => method.Storage,
        "none" => null,
        "nf4" => Nf4.WithDoubleQuantization,
        "nf3" => Nf3.WithDoubleQuantization,
        "fp4" => new Fp4(),
        "int4" => new GroupInt4 { GroupSize = 32 },
        "int8" => new Int8Rows(),
        _ => throw new ArgumentException($"quantize is \"{name}\"; it can be nf4, fp4, nf3, int8, int4 or none"),
    };

    private static ScalarType TypeOf(string name) => name.ToLowerInvariant() switch
    {
        "float32" => ScalarType.Float32,
        "bfloat16" => ScalarType.BFloat16,
        _ => throw new ArgumentException($"type is \"{name}\"; it can be float32 or bfloat16"),
    };

    private static Device DeviceOf(string name) => name.ToLowerInvariant() switch
    {
        "auto" => cuda.is_available() ? CUDA : CPU,
        "cpu" => CPU,
        "cuda" => cuda.is_available() ? CUDA : throw new ArgumentException("device is cuda, and libtorch sees no GPU"),
        _ => throw new ArgumentException($"device is \"{name}\"; it can be auto, cpu or cuda"),
    };
}
