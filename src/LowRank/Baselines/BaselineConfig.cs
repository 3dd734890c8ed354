// What every baseline's configuration has. A method adds a record with its few numbers, and the module that it makes.
using System.Text.Json.Nodes;

namespace LowRank;

/// <summary>The configuration of a baseline. Immutable: <c>config with { … }</c> makes another.</summary>
public abstract record BaselineConfig
{
    /// <summary>The numbers that it trains on a model of that shape, which need not exist.</summary>
    /// <exception cref="ArgumentException">A number makes no sense.</exception>
    public long CountTrainable(ModelConfig model)
    {
        Validate(model);
        return TensorsOf(model).Sum(t => t.Shape.Aggregate(1L, (product, n) => product * n));
    }

    /// <summary>What sentences call it: "soft prompt".</summary>
    internal abstract string Kind { get; }

    /// <summary>Why no weight can take it up, as the end of a sentence.</summary>
    internal abstract string WhyNotMerged { get; }

    /// <summary>The file's "peft_type".</summary>
    internal abstract string PeftType { get; }

    /// <summary>Throws if a number makes no sense for the model, before anything is touched.</summary>
    internal abstract void Validate(ModelConfig model);

    /// <summary>Name and shape of every tensor that its file holds.</summary>
    internal abstract IEnumerable<(string Name, long[] Shape)> TensorsOf(ModelConfig model);

    /// <summary>Its tensors at their start, in the type and on the device of the model. Nothing of the model is changed.</summary>
    internal abstract BaselineModule Create(CausalLm model);

    /// <summary>Adds its own fields to those of adapter_config.json that all baselines share.</summary>
    internal abstract void WriteFields(JsonObject fields, ModelConfig model);
}

/// <summary>What soft prompts and prefixes share: they lengthen what attention looks at by p places in front of the tokens.</summary>
public abstract record VirtualTokensConfig : BaselineConfig
{
    /// <summary>The one tensor of their files.</summary>
    internal const string FileTensor = "prompt_embeddings";

    private const string TokensField = "num_virtual_tokens";

    /// <summary>p.</summary>
    public long Tokens { get; init; } = 20;

    internal override void Validate(ModelConfig model)
    {
        if (Tokens < 1) throw new ArgumentException($"a {Kind} needs at least 1 token; it has {Tokens}");
        if (Tokens >= model.MaxPositions)
            throw new ArgumentException($"a {Kind} of {Tokens} tokens leaves no place for others: the model has {model.MaxPositions} positions");
    }

    private protected void WriteShape(JsonObject fields, ModelConfig model, long heads, long width)
    {
        fields["modules_to_save"] = null;
        fields["num_attention_heads"] = heads;
        fields["num_layers"] = model.Layers;
        fields["num_transformer_submodules"] = 1;
        fields[TokensField] = Tokens;
        fields["token_dim"] = width;
    }

    /// <summary>p of a file that was made for a model of this shape.</summary>
    private protected static long ReadTokens(PeftFields fields, ModelConfig model, long heads, long width)
    {
        fields.Refuse("modules_to_save", "[]");
        foreach (var (field, wanted) in new (string, long)[]
            { ("num_attention_heads", heads), ("num_layers", model.Layers), ("num_transformer_submodules", 1), ("token_dim", width) })
            if (fields.Get(field, wanted) is var found && found != wanted)
                throw fields.Bad($"\"{field}\" is {found}; for this model it must be {wanted}");
        return fields[TokensField] is null ? throw fields.Bad($"\"{TokensField}\" is missing") : fields.Get(TokensField, 0L);
    }
}
