// LoRA's and DoRA's fields of PEFT's adapter_config.json.
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LowRank;

public sealed partial record LoraConfig
{
    /// <summary>Fields that change the computation in ways not built here, with the value that means "not used".</summary>
    private static readonly (string Field, string Unused)[] Unsupported =
    [
        ("alora_invocation_tokens", "null"), ("arrow_config", "null"), ("layer_replication", "null"),
        ("target_parameters", "null"), ("trainable_token_indices", "null"), ("use_bdlora", "null"), ("use_qalora", "false"),
        ("monteclora_config", "null"), ("velora_config", "null"), ("kasa_config", "null"),
    ];

    /// <summary>PEFT's names of initialisations. Those that read W are computed again when a file is loaded.</summary>
    private static readonly (string Name, LoraInit Init)[] Inits =
        [("gaussian", LoraInit.Gaussian), ("orthogonal", LoraInit.Orthogonal), ("pissa", LoraInit.Pissa), ("olora", LoraInit.Olora)];

    /// <summary>Initialisations that change the base model's weights in ways that can't be computed again from them.</summary>
    private static readonly string[] ChangingBase = ["pissa_niter", "corda", "lora_ga"];

    internal static PeftMethod Peft { get; } = new("LORA", ReadFields);

    internal override string PeftType => Peft.Type;

    internal override void WriteFields(JsonObject fields)
    {
        base.WriteFields(fields);
        foreach (var nothing in (string[])["alora_invocation_tokens", "arrow_config", "corda_config", "eva_config", "kasa_config",
            "layer_replication", "lora_ga_config", "megatron_config", "monteclora_config", "target_parameters",
            "trainable_token_indices", "use_bdlora", "velora_config"]) fields[nothing] = null;
        fields.TryAdd("exclude_modules", null);
        fields["ensure_weight_tying"] = false;
        fields["fan_in_fan_out"] = false;
        // PEFT would begin LoftQ again on a base that has its codes: as its guide says, a file of it has "true" here.
        fields["init_lora_weights"] = Init is LoraInit.Kaiming or LoraInit.LoftQ ? true : Inits.First(i => i.Init == Init).Name;
        fields["loftq_config"] = Init == LoraInit.LoftQ ? LoftQ.Write() : new JsonObject();
        fields["lora_alpha"] = PeftFields.Number(Alpha);
        fields["lora_bias"] = Bias;
        fields["lora_dropout"] = PeftFields.Real(Dropout);
        fields["megatron_core"] = "megatron.core";
        fields["qalora_group_size"] = 16;
        fields["use_dora"] = Decomposed;
        fields["use_qalora"] = false;
        fields["use_rslora"] = RsLora;
    }

    private static LoraConfig ReadFields(PeftFields fields)
    {
        foreach (var (field, unused) in Unsupported) fields.Refuse(field, unused);
        var init = fields["init_lora_weights"];
        var loftQ = LoftQ.Read(fields);
        if (init?.GetValueKind() == JsonValueKind.String
            && Array.Exists(ChangingBase, p => init.GetValue<string>().StartsWith(p, StringComparison.Ordinal)))
            throw fields.Bad($"\"init_lora_weights\" is {init.ToJsonString()}, which changes the base model too; " +
                "convert the adapter to plain LoRA first");
        return new()
        {
            Rank = fields.Get("r", 8L),
            Alpha = fields.Get("lora_alpha", 8.0),
            RsLora = fields.Get("use_rslora", false),
            Decomposed = fields.Get("use_dora", false),
            Bias = fields.Get("lora_bias", false),
            Dropout = fields.Get("lora_dropout", 0.0),
            LoftQ = loftQ ?? new(),
            Init = loftQ is not null ? LoraInit.LoftQ : init?.GetValueKind() == JsonValueKind.String ? Inits.FirstOrDefault(i => i.Name == init.GetValue<string>()).Init : LoraInit.Kaiming,
            RankPattern = fields.Table<long>("rank_pattern"),
            AlphaPattern = fields.Table<double>("alpha_pattern"),
        };
    }
}
