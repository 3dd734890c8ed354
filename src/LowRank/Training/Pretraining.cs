// Makes the repository's own models: tokenizer, training, evaluation, model card, in one call.
// What they learn from: the definitions of WordNet outside five held-out domains, nine of ten of them (see WordNet, Gloss.Split).
using System.Diagnostics;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Trains a small language model on dictionary definitions.</summary>
public static class Pretraining
{
    /// <summary>Trains, evaluates, and writes a Hugging Face folder with a model card.</summary>
    /// <returns>The run; the folder holds what was learned, and its card says how far it came, unless it was cancelled and goes on from
    /// <see cref="PretrainingOptions.Checkpoints"/>.</returns>
    /// <exception cref="FileNotFoundException">WordNet is not installed; says how.</exception>
    /// <exception cref="TrainingDivergedException">The loss is no longer finite; what was saved before is kept.</exception>
    /// <exception cref="InvalidOperationException">The checkpoints are of another run; says what differs.</exception>
    public static TrainingRun Run(PretrainingOptions options)
    {
        var glosses = options.Glosses ?? WordNet.Load();
        if (options.Threads > 0) set_num_threads(options.Threads);
        var log = options.Log ?? TextWriter.Null;
        List<Gloss> training = [.. glosses.HeldIn().Of(Split.Train).Shuffled()];
        log.WriteLine($"{training.Count:N0} definitions to learn from; training the tokenizer");
        // Both sizes share one vocabulary: it depends on the training texts alone.
        var tokenizer = Tokenizer.Train(training.Select(gloss => gloss.Text), PretrainingOptions.VocabularySize, [Tokenizer.EndOfText]);
        var corpus = TokenCorpus.From(tokenizer, training);
        var batches = TokenBatches.Windows(corpus, PretrainingOptions.BatchSize, PretrainingOptions.Context, options.Seed);
        var validation = TokenBatches.Texts(TokenCorpus.From(tokenizer, glosses.HeldIn().Of(Split.Validation).Shuffled().Take(500)), 25, PretrainingOptions.Context);

        using var model = new CausalLm(options.Shape(tokenizer), options.Seed) { Tokenizer = tokenizer };
        log.WriteLine($"{model.Config.ParameterCount:N0} parameters, {corpus.Tokens.Length:N0} tokens, {corpus.Characters:N0} characters, "
            + $"{options.Steps:N0} steps of {PretrainingOptions.BatchSize} × {PretrainingOptions.Context} tokens");
        var sinceSaved = Stopwatch.StartNew();
        var run = Trainer.Fit(model, batches.At, new()
        {
            Steps = options.Steps,
            LearningRate = options.LearningRate,
            FinalLearningRatePart = 0.05,
            WarmupSteps = Math.Min(200, options.Steps / 10),
            WeightDecay = 0.1,
            Beta2 = 0.95,
            Seed = options.Seed,
            Log = options.Log,
            Checkpoints = options.Checkpoints,
            Cancellation = options.Cancellation,
            Evaluate = () => Evaluation.Loss(model, validation.InOrder()),
            EvaluateEvery = Math.Max(1, options.Steps / 20),
            OnStep = _ =>
            {
                if (sinceSaved.Elapsed.TotalMinutes < options.CheckpointMinutes) return;
                model.Save(options.Output);
                sinceSaved.Restart();
            },
        });
        if (run.Cancelled && options.Checkpoints is not null) return run;
        model.Save(options.Output);
        log.WriteLine($"saved {options.Output}; measuring it");
        // Measured as stored: what a user loads has been rounded to the stored type.
        using var stored = CausalLm.Load(options.Output);
        ModelCard.Write(stored, options, run, corpus, training, glosses);
        log.WriteLine($"wrote {Path.Combine(options.Output, ModelCard.FileName)}");
        return run;
    }
}
