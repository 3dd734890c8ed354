// Prompt tuning (arXiv 2104.08691, section 2): the model reads [P; X], p trained vectors P in front of the embedded tokens X. The
// vectors take the positions 0 … p − 1, tokens those from p on. Logits and loss are those of the tokens, as without a prompt, so that
// losses compare (PEFT's also asks the last vector for the first token). Files are PEFT's PROMPT_TUNING, one tensor [p, hidden]; how the vectors
// started is no part of a file ("RANDOM" stands there, since PEFT asks for a tokenizer's path beside "TEXT").
using System.Text.Json.Nodes;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>How a soft prompt starts.</summary>
public enum SoftPromptInit
{
    /// <summary>As the embeddings of random tokens of the vocabulary, which is better than noise on small models (the paper's
    /// figure 3b).</summary>
    Vocabulary,

    /// <summary>Normal, with the mean square of the embedding's numbers.</summary>
    Normal,
}

/// <summary>The configuration of a soft prompt (arXiv 2104.08691).</summary>
public sealed record SoftPromptConfig : VirtualTokensConfig
{
    private const string Type = "PROMPT_TUNING";

    /// <summary>How it starts, if not as a text.</summary>
    public SoftPromptInit Init { get; init; }

    /// <summary>It starts as the embeddings of this text's tokens, cut off at p or begun again until they are p; null: by
    /// <see cref="Init"/>.</summary>
    public string? Text { get; init; }

    internal static BaselineMethod Peft { get; } = new(Type, (fields, model) => new SoftPromptConfig
    {
        Tokens = ReadTokens(fields, model, model.Heads, model.HiddenSize),
    });

    internal override string Kind => "soft prompt";

    internal override string WhyNotMerged => "it is further tokens, not a change of weights";

    internal override string PeftType => Type;

    internal override IEnumerable<(string Name, long[] Shape)> TensorsOf(ModelConfig model) => [(FileTensor, [Tokens, model.HiddenSize])];

    internal override BaselineModule Create(CausalLm model)
    {
        using var scope = NewDisposeScope();
        using var grad = no_grad();
        var table = model.Embedded(model.Embedding.Dequantize());               // as the first layer sees it
        var start = Text is null && Init == SoftPromptInit.Normal
            ? randn(Tokens, table.shape[1], model.TrainedType, table.device).mul_(table.to(model.TrainedType).square().mean().sqrt())
            : table.index_select(0, Ids(model).to(table.device));               // [p] of [vocabulary, hidden] -> [p, hidden]
        return new SoftPrompt(this, start.to(model.TrainedType).clone().DetachFromDisposeScope());
    }

    internal override void WriteFields(JsonObject fields, ModelConfig model)
    {
        WriteShape(fields, model, model.Heads, model.HiddenSize);
        fields["prompt_tuning_init"] = "RANDOM";
        foreach (var nothing in (string[])["prompt_tuning_init_text", "tokenizer_kwargs", "tokenizer_name_or_path"]) fields[nothing] = null;
    }

    /// <summary>[p] int64</summary>
    private Tensor Ids(CausalLm model)
    {
        if (Text is null) return randint(0, model.Config.VocabularySize, [Tokens], ScalarType.Int64);
        var tokenizer = model.Tokenizer
            ?? throw new InvalidOperationException("a soft prompt can't start as a text: the model has no tokenizer, as its folder holds no tokenizer.json");
        var ids = tokenizer.Encode(Text);
        if (ids.Length == 0) throw new ArgumentException("a soft prompt can't start as a text without tokens; give it one, or leave it out");
        return tensor(Enumerable.Range(0, (int)Tokens).Select(i => (long)ids[i % ids.Length]).ToArray());
    }
}

/// <summary>A soft prompt on a model.</summary>
public sealed class SoftPrompt : BaselineModule
{
    private readonly Parameter prompt_embeddings;

    internal SoftPrompt(SoftPromptConfig config, Tensor start) : base(config)
    {
        prompt_embeddings = new Parameter(start);
        RegisterComponents();
    }

    /// <summary>[p, hidden]</summary>
    public Parameter Vectors => prompt_embeddings;

    /// <summary>[batch, tokens, hidden] to [batch, p + tokens, hidden].</summary>
    internal Tensor Before(Tensor hidden)
    {
        using var scope = NewDisposeScope();
        var prompt = prompt_embeddings.to(hidden.dtype).unsqueeze(0).expand(hidden.shape[0], -1, -1);
        return cat([prompt, hidden], 1).MoveToOuterDisposeScope();
    }

    /// <summary>[batch, p + tokens, hidden] to its last places, [batch, tokens, hidden].</summary>
    internal Tensor Without(Tensor hidden) => hidden.narrow(1, VirtualTokens, hidden.shape[1] - VirtualTokens);

    internal override IEnumerable<(string Name, Tensor Value)> ToFile() => [(VirtualTokensConfig.FileTensor, prompt_embeddings)];

    internal override void FromFile(IReadOnlyDictionary<string, Tensor> tensors) => prompt_embeddings.copy_(tensors[VirtualTokensConfig.FileTensor]);
}
