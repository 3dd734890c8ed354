// A text's class from a language model: the head reads the final state of the text's last token and gives one number a class (Hugging
// Face's LlamaForSequenceClassification and its relatives). The last token is the rightmost one that is not padding: causal attention has shown it all
// others.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>
/// A classifier of texts, of any family: its decoder as in <see cref="CausalLm"/>, and the head <c>score</c>, [classes, hidden] without a
/// bias. Adapters go on its linear layers and leave the head, which trains whole beside them: each adapter has a head of its own
/// (<see cref="AdapterConfig.ModulesToSave"/>).
/// </summary>
public sealed class SequenceClassifier : nn.Module<Tensor, Tensor>
{
    /// <summary>The head's name in state dicts and targets.</summary>
    internal const string HeadName = "score";

    private readonly LlamaModel? model;         // named as in a state dict: one of them
    private readonly Gpt2Model? transformer;
    private readonly AdaptedLinear score;

    /// <summary>A classifier with a copy of a language model's weights and a fresh head, normal with
    /// <see cref="ModelConfig.InitializerRange"/>. Adapters are not taken over: what they learned is, where they are merged.</summary>
    /// <param name="source">The language model; it is not changed.</param>
    /// <param name="labels">A name for each class.</param>
    /// <param name="seed">Of the head.</param>
    /// <param name="paddingToken">The id that fills short rows up; the model's own if not given.</param>
    /// <exception cref="ArgumentException">No label, or one twice.</exception>
    public SequenceClassifier(CausalLm source, IReadOnlyList<string> labels, long seed = 0, int? paddingToken = null)
        : this(source.Config with { Labels = [.. labels], PaddingToken = paddingToken ?? source.Config.PaddingToken },
            new ModelBuild(source.parameters().First().dtype, source.parameters().First().device))
    {
        if (source.QuantizedParameters() > 0)
            throw new ArgumentException("the language model's weights are quantized; make the classifier of the dense model, then quantize it");
        using var _ = no_grad();
        using var own = WholeModules.Of(source).Aside();
        var weights = source.state_dict();
        foreach (var (name, parameter) in state_dict())
            if (weights.TryGetValue(name, out var weight)) parameter.copy_(weight);
        using var generator = new Generator((ulong)seed, score.Weight.Device);
        score.Weight.Parameter!.normal_(0, Config.InitializerRange, generator);
        Tokenizer = source.Tokenizer;
    }

    private SequenceClassifier(ModelConfig config, ModelBuild build) : base(nameof(SequenceClassifier))
    {
        config.Validate();
        Config = config;
        var decoder = build.Decoder(config, tied: false);
        (model, transformer) = (decoder as LlamaModel, decoder as Gpt2Model);
        score = build.Linear(config.HiddenSize, config.Labels!.Count, false);
        RegisterComponents();
    }

    private Decoder Body => (Decoder?)model ?? transformer!;

    /// <summary>Loads a classifier from a folder in Hugging Face's layout.</summary>
    /// <inheritdoc cref="CausalLm.Load"/>
    public static SequenceClassifier Load(string folder, ScalarType? dtype = null, Device? device = null, StorageFormat? quantize = null, TargetPattern? targets = null)
    {
        if (targets is not null && quantize is null) throw new ArgumentException("targets say which layers to quantize; say as what (quantize)");
        var config = ModelFolder.ConfigOf(folder);
        if (config.Labels is null)
            throw new InvalidDataException($"{Path.Combine(folder, ConfigFile.Name)} is not a classifier's; load a CausalLm and make a SequenceClassifier of it");
        using var weights = ModelFolder.Open(folder, config);
        var classifier = new SequenceClassifier(config, new ModelBuild(dtype, device, IsEmpty: true));
        try
        {
            ModelFolder.Read(classifier, config, weights, quantize, targets);
            classifier.Tokenizer = ModelFolder.TokenizerOf(folder);
            return classifier;
        }
        catch
        {
            classifier.Dispose();
            throw;
        }
    }

    /// <summary>Saves the classifier without its adapters, so that this library and transformers load it.</summary>
    public void Save(string folder) => ModelFolder.Save(this, Config, Tokenizer, folder);

    /// <summary>The model's shape and its labels.</summary>
    public ModelConfig Config { get; }

    /// <summary>Names of the classes in the order of the outputs.</summary>
    public IReadOnlyList<string> Labels => Config.Labels!;

    /// <summary>The head, [classes, hidden].</summary>
    public AdaptedLinear Head => score;

    /// <summary>Turns text into ids; null for a folder without tokenizer.json.</summary>
    public Tokenizer? Tokenizer { get; set; }

    /// <summary>Logits of each row's class.</summary>
    /// <param name="ids">[batch, tokens] int64; rows shorter than the longest are filled up on the right with
    /// <see cref="ModelConfig.PaddingToken"/>.</param>
    /// <returns>[batch, classes]</returns>
    /// <exception cref="ArgumentException">Several rows, and the model has no padding token.</exception>
    public override Tensor forward(Tensor ids)
    {
        using var scope = NewDisposeScope();
        var places = LastPlaces(CausalLm.Checked(ids));
        var hidden = Body.forward(ids).flatten(0, 1);                          // [batch · tokens, hidden]
        var last = hidden.index_select(0, places);                              // [batch, hidden]
        return score.forward(last).MoveToOuterDisposeScope();                   // [batch, hidden] x [hidden, classes] -> [batch, classes]
    }

    /// <summary>Mean cross entropy of the classes, in nats.</summary>
    /// <param name="ids">[batch, tokens] int64</param>
    /// <param name="classes">[batch] int64, each below the number of labels; -100 is left out.</param>
    /// <returns>A scalar; NaN when no class is left, as the mean of nothing is.</returns>
    public Tensor Loss(Tensor ids, Tensor classes)
    {
        if (!classes.shape.SequenceEqual([ids.shape[0]]) || classes.dtype != ScalarType.Int64)
            throw new ArgumentException($"classes are {classes.dtype} [{string.Join(", ", classes.shape)}]; they must be Int64 [{ids.shape[0]}], one a row");
        using var logits = forward(ids);
        return NextTokenLoss.OfLogits(logits, classes);
    }

    /// <summary>The loss of a batch whose labels are classes: <c>Trainer.Fit(classifier, classifier.Loss, data)</c>.</summary>
    /// <param name="batch"><see cref="Batch.Labels"/> are [batch].</param>
    public Tensor Loss(Batch batch) => Loss(batch.Ids, Classes(batch));

    /// <summary>Each row's likeliest class, with dropout off and without gradients.</summary>
    /// <param name="ids">[batch, tokens] int64</param>
    /// <returns>[batch] int64, indices of <see cref="Labels"/></returns>
    public Tensor Predict(Tensor ids)
    {
        using var _ = no_grad();
        var before = training;
        eval();
        try
        {
            using var logits = forward(ids);
            return logits.argmax(1);
        }
        finally
        {
            train(before);
        }
    }

    /// <summary>The share of rows whose class is predicted; -100 is left out.</summary>
    /// <param name="batches">Their labels are classes, [batch].</param>
    /// <exception cref="ArgumentException">No row has a class.</exception>
    public double Accuracy(IEnumerable<Batch> batches)
    {
        long right = 0, all = 0;
        foreach (var batch in batches)
        {
            using var scope = NewDisposeScope();
            var classes = Classes(batch);
            all += classes.ne(NextTokenLoss.Ignored).sum().item<long>();
            right += Predict(batch.Ids).eq(classes).sum().item<long>();
        }
        return all > 0 ? (double)right / all : throw new ArgumentException("no row has a class to be right about");
    }

    /// <summary>Does the head train?</summary>
    internal void TrainHead(bool trains) => score.Weight.Parameter!.requires_grad = trains;

    /// <summary>Where each row's last token lies in the flattened states, [batch] int64; a row of padding alone counts from its
    /// first.</summary>
    private Tensor LastPlaces(Tensor ids)
    {
        var (batch, tokens) = (ids.shape[0], ids.shape[1]);
        if (batch > 1 && Config.PaddingToken is null)
            throw new ArgumentException($"the model has no padding token, so the ends of {batch} rows are unknown; " +
                "give the classifier a paddingToken, or one row at a time");
        var places = arange(0, tokens, 1, ScalarType.Int64, ids.device);
        var row = arange(0, batch, 1, ScalarType.Int64, ids.device).mul(tokens);
        if (Config.PaddingToken is not { } padding) return row.add(tokens - 1);
        var last = ids.ne(padding).to(ScalarType.Int64).mul(places).argmax(1);  // [batch]
        return row.add(last);
    }

    private static Tensor Classes(Batch batch) => batch.Segments is not null
        ? throw new ArgumentException("rows hold several texts, and a classifier says one class a row, of its last token; give it a text a row")
        : batch.Labels ?? throw new ArgumentException("the batch has no labels; a classifier learns from a class for each row");
}
