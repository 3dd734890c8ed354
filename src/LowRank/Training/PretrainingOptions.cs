namespace LowRank;

/// <summary>The models that this repository trains itself.</summary>
public enum PretrainingSize
{
    /// <summary>Under a million parameters, for sweeps.</summary>
    Tiny,

    /// <summary>2.4 million parameters.</summary>
    Base,
}

/// <summary>How <see cref="Pretraining.Run(PretrainingOptions)"/> makes a model.</summary>
public sealed record PretrainingOptions
{
    /// <summary>Which model.</summary>
    public PretrainingSize Size { get; init; } = PretrainingSize.Base;

    /// <summary>The folder that it is written to.</summary>
    public required string Output { get; init; }

    /// <summary>Optimizer steps, of <see cref="BatchSize"/> windows of <see cref="Context"/> tokens.</summary>
    public long Steps { get; init; } = 5000;

    /// <summary>Of the weights and of the batches' order: the same seed, steps and threads make the same model.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>libtorch's threads; 0 leaves them as they are.</summary>
    public int Threads { get; init; }

    /// <summary>Where progress is written.</summary>
    public TextWriter? Log { get; init; } = Console.Out;

    /// <summary>Minutes after which what was learned is written to <see cref="Output"/>, a complete model folder.</summary>
    public double CheckpointMinutes { get; init; } = 3;

    /// <summary>Checkpoints from which a run that was interrupted goes on, as <see cref="TrainingOptions.Checkpoints"/>; null: none.</summary>
    public TrainingCheckpoints? Checkpoints { get; init; }

    /// <summary>What it learns from and is measured on; all of <see cref="WordNet"/> if not given.</summary>
    public IReadOnlyList<Gloss>? Glosses { get; init; }

    /// <summary>Stops early. With <see cref="Checkpoints"/> the last of them has what was learned, and a call that goes on saves and measures it;
    /// without, both are done at once.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>Windows in a batch.</summary>
    public const int BatchSize = 16;

    /// <summary>Tokens in a window, and the model's longest sequence.</summary>
    public const int Context = 128;

    /// <summary>Tokens in the vocabulary.</summary>
    public const int VocabularySize = 4096;

    /// <summary>The highest learning rate.</summary>
    public double LearningRate => Size == PretrainingSize.Base ? 3e-3 : 4e-3;

    /// <summary>The model's shape; the tokenizer's separator begins and ends every text and fills short rows up.</summary>
    public LlamaConfig Shape(Tokenizer tokenizer)
    {
        var separator = tokenizer.Id(Tokenizer.EndOfText);
        var (hidden, intermediate, layers, heads, keyHeads) = Size == PretrainingSize.Base ? (192, 512, 4, 6, 3) : (96, 256, 4, 4, 2);
        return new()
        {
            VocabularySize = tokenizer.VocabularySize,
            HiddenSize = hidden,
            IntermediateSize = intermediate,
            Layers = layers,
            Heads = heads,
            KeyValueHeads = keyHeads,
            HeadSize = hidden / heads,
            MaxPositions = Context,
            TiedEmbeddings = true,
            BeginToken = separator,
            EndToken = separator,
            PaddingToken = separator,
            StoredType = TorchSharp.torch.ScalarType.BFloat16,
        };
    }
}
