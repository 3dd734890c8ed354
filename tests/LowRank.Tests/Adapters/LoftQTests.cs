// LoftQ: PEFT's numbers, what it gains over plain quantization, files, and what it refuses.
using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Adapters;

public sealed class LoftQTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();

    public LoftQTests() => manual_seed(17);

    public void Dispose()
    {
        folder.Dispose();
        scope.Dispose();
    }

    private static readonly Nf4 Plain = new() { DoubleQuantization = false };

    private static string BaseFolder => Path.GetFullPath("../data/base", Golden.TestsFolder);

    private static string TinyFolder => Path.GetFullPath("../data/tiny", Golden.TestsFolder);

    public static TheoryData<string> Fixtures => Golden.Where(f => f.Method.StartsWith("LoftQ", StringComparison.Ordinal));

    private static AdaptedLinear Layer(Tensor weight)
    {
        var layer = new AdaptedLinear(weight.shape[1], weight.shape[0]);
        layer.load_state_dict(new() { ["weight"] = weight });
        return layer;
    }

    private static LowRankUpdate UpdateOf(AdaptedLinear layer) => (LowRankUpdate)layer.Adapters[0].Update;

    private static Tensor Product(AdaptedLinear layer) => UpdateOf(layer).B.detach().mm(UpdateOf(layer).A.detach());

    /// <summary>Within what PEFT's SVD in float32 leaves: at scale 1, and at another one where PEFT's way is asked for, A, B and Q are PEFT's.</summary>
    [Theory, MemberData(nameof(Fixtures))]
    public void EqualsPeft(string id)
    {
        var fixture = Golden.Fixture(id);
        var (t, rank, iterations) = (fixture.Load(), fixture.Hyper("r", 0L), fixture.Hyper("num_iter", 0));
        foreach (var alpha in new[] { rank, 4 * rank })
        {
            var layer = Layer(t["base.weight"]);
            var config = Adapter.Lora(rank, alpha).WithLoftQ(Plain, iterations);
            layer.Adapt(alpha == rank ? config : config with { LoftQ = config.LoftQ with { DividesByScale = false } });
            Golden.Close(t["dequantized.weight"], layer.Weight.Dequantize(), 1e-6, "Q");
            Golden.Close(t["BA"], Product(layer), 2e-5, "BA");
            Assert.Equal(Plain, ((QuantizedWeight)layer.Weight).Stored.Format);
        }
    }

    /// <summary>Whatever the scale, s·BA is what Q lost; PEFT's BA at s = 4 makes the start worse than Q alone.</summary>
    [Fact]
    public void TheScaleIsDividedOutUnlessPeftsNumbersAreAskedFor()
    {
        var weight = randn(40, 24);
        (double Q, double Both) Errors(LoraConfig config)
        {
            var layer = Layer(weight);
            layer.Adapt(config);
            var difference = weight - layer.Weight.Dequantize();
            return (difference.norm().item<float>(), (difference - layer.Delta(Adapter.DefaultName)).norm().item<float>());
        }
        var one = Errors(Adapter.Lora(4, 4).WithLoftQ());
        var four = Errors(Adapter.Lora(4, 16).WithLoftQ());
        var root = Errors(Adapter.Lora(4, 16, rsLora: true).WithLoftQ());
        var config = Adapter.Lora(4, 16).WithLoftQ();
        var peft = Errors(config with { LoftQ = config.LoftQ with { DividesByScale = false } });
        Assert.Equal(one.Both, four.Both, 4);
        Assert.Equal(one.Both, root.Both, 4);
        Assert.True(one.Both < 0.9 * one.Q, $"{one}");
        Assert.True(peft.Both > peft.Q, $"{peft}");
    }

    private const string Some = @"model\.layers\.[03]\.(self_attn\.(q|o)|mlp\.down)_proj";

    public static TheoryData<string> Formats => new("nf4", "nf3", "int8", "fp4", "int4");

    private static StorageFormat FormatOf(string name) => name switch
    {
        "nf4" => Nf4.WithDoubleQuantization, "nf3" => Nf3.WithDoubleQuantization, "int8" => new Int8Rows(), "fp4" => new Fp4(), _ => new GroupInt4(),
    };

    /// <summary>On a trained model's matrices: nearer to W than QLoRA's start, which is Q alone, in every layer; and more rounds are no worse.</summary>
    [Theory, MemberData(nameof(Formats))]
    public void BeginsNearerToTheTrainedWeightsThanQLora(string name)
    {
        using var model = CausalLm.Load(BaseFolder);
        var before = model.LinearLayers().ToDictionary(l => l.Path, l => l.Layer.Weight.Dequantize().clone());
        using var plain = CausalLm.Load(BaseFolder);
        plain.Quantize(FormatOf(name), Some);
        double Whole(CausalLm of, Func<AdaptedLinear, Tensor> weight) => Math.Sqrt(of.LayersOf("default").Sum(l =>
            (weight(l.Layer) - before[l.Path]).square().sum().item<float>()));
        var errors = new List<double>();
        foreach (var iterations in new[] { 1, 3 })
        {
            using var quantized = CausalLm.Load(BaseFolder);
            quantized.Adapt(Adapter.Lora(8, 16).WithLoftQ(FormatOf(name), iterations), Some);
            foreach (var (path, layer, _) in quantized.LayersOf("default"))
            {
                var qlora = (plain.LinearLayers().Single(l => l.Path == path).Layer.Weight.Dequantize() - before[path]).norm().item<float>();
                var loftq = (layer.AdaptedWeight() - before[path]).norm().item<float>();
                Assert.True(loftq < 0.97 * qlora, $"{path}, {name}, {iterations}: {loftq} beside {qlora}");
            }
            errors.Add(Whole(quantized, layer => layer.AdaptedWeight()));
        }
        Assert.True(errors[1] < 1.001 * errors[0], $"{string.Join(' ', errors)}");
    }

    [Fact]
    public void AMagnitudeIsTheStartsAndLeavesItsOutput()
    {
        var weight = randn(40, 24);
        var (plain, decomposed) = (Layer(weight), Layer(weight));
        plain.Adapt(Adapter.Lora(4).WithLoftQ(iterations: 2));
        decomposed.Adapt(Adapter.Lora(4).WithLoftQ(iterations: 2).WithMagnitude());
        var x = randn(7, 24);
        Golden.Close(plain.forward(x), decomposed.forward(x), 1e-5, "DoRA with LoftQ's start");
        Golden.Close(linalg.vector_norm(plain.AdaptedWeight(), 2, [1]), decomposed.Adapters[0].Magnitude!, 1e-6, "m");
    }

    [Fact]
    public void AModelThatIsQuantizedAlreadyNeedsItsOriginals()
    {
        using var model = CausalLm.Load(TinyFolder);
        model.Quantize(Nf4.WithDoubleQuantization);
        Assert.Contains("load the dense model and leave the quantizing to LoftQ, or name the folder",
            Assert.Throws<InvalidOperationException>(() => model.Adapt(Adapter.Lora(4).WithLoftQ(), "q_proj")).Message);
        Assert.Contains("Name the format that the model has", Assert.Throws<ArgumentException>(
            () => model.Adapt(Adapter.Lora(4).WithLoftQ(Nf3.WithDoubleQuantization, originals: TinyFolder), "q_proj")).Message);
        Assert.Contains("no tensor \"model.layers.0.self_attn.q_proj.weight\"", Assert.Throws<KeyNotFoundException>(
            () => model.Adapt(Adapter.Lora(4).WithLoftQ(originals: Golden.PathOf("init/pissa.safetensors")), "q_proj")).Message);
        Assert.Throws<FileNotFoundException>(() => model.Adapt(Adapter.Lora(4).WithLoftQ(originals: folder.File("nowhere")), "q_proj"));
        Assert.Empty(model.AdapterNames());

        model.Adapt(Adapter.Lora(4).WithLoftQ(iterations: 2, originals: TinyFolder), "q_proj");
        using var dense = CausalLm.Load(TinyFolder);
        dense.Adapt(Adapter.Lora(4).WithLoftQ(iterations: 2), "q_proj");
        foreach (var (a, b) in model.LayersOf("default").Zip(dense.LayersOf("default")))
            Assert.True(a.Layer.AdaptedWeight().eq(b.Layer.AdaptedWeight()).all().item<bool>(), a.Path);

        // Its codes are no longer those of the file's weights: a second start from them would be another base model's.
        Assert.Contains("is not what the model's codes were made from", Assert.Throws<ArgumentException>(
            () => model.Adapt(Adapter.Lora(4).WithLoftQ(originals: TinyFolder), "q_proj", "second")).Message);
    }

    /// <summary>The file names LoftQ as PEFT does; it loads onto the dense model, which takes the same codes, and onto the saved quantized one.</summary>
    [Theory, MemberData(nameof(Formats))]
    public void SavedAndLoaded(string name)
    {
        using var grad = no_grad();
        using var model = CausalLm.Load(TinyFolder);
        var config = Adapter.Dora(2, 6).WithLoftQ(FormatOf(name), iterations: 2);
        model.Adapt(config, "q_proj|down_proj");
        foreach (var (_, _, adapter) in model.LayersOf("default"))
            foreach (var (_, tensor) in adapter.Tensors) tensor.add_(randn_like(tensor).mul_(0.01));
        model.SaveAdapter(folder.File("adapter"));
        model.Save(folder.File("model"));
        var fields = JsonNode.Parse(File.ReadAllText(Path.Combine(folder.File("adapter"), "adapter_config.json")))!;
        Assert.True(fields["init_lora_weights"]!.GetValue<bool>());
        Assert.Equal(2, fields["loftq_config"]!["loftq_iter"]!.GetValue<int>());
        Assert.Equal(name == "nf3" ? 3 : name == "int8" ? 8 : 4, fields["loftq_config"]!["loftq_bits"]!.GetValue<int>());
        var ids = arange(0, 12, 1, ScalarType.Int64).view(2, 6).add(100);
        var expected = model.forward(ids);
        foreach (var from in new[] { TinyFolder, folder.File("model") })
        {
            using var other = CausalLm.Load(from);
            other.LoadAdapter(folder.File("adapter"));
            Assert.True(expected.eq(other.forward(ids)).all().item<bool>(), from);
            Assert.Equal(config.LoftQ, ((LoraConfig)other.LayersOf("default")[0].Adapter.Config!).LoftQ);
        }
        using var another = CausalLm.Load(TinyFolder);
        another.Quantize(new Int8Dynamic());
        Assert.Contains("is stored as Int8Dynamic", Assert.Throws<ArgumentException>(() => another.LoadAdapter(folder.File("adapter"))).Message);
        Assert.Empty(another.AdapterNames());
    }

    [Theory]
    [InlineData("\"loftq\"", "{\"loftq_bits\": 4, \"loftq_iter\": 3}", null), InlineData("\"loftq\"", "{}", "there is no \\\"loftq_config\\\"")]
    [InlineData("\"loftq\"", "{\"loftq_bits\": 2}", "PEFT's 4 bits are known"), InlineData("\"loftq\"", "{\"loftq_bits\": \"four\"}", "loftq_config")]
    [InlineData("true", "{\"loftq_bits\": 4, \"lowrank_storage\": {\"type\": \"nf5\"}}", "nf4, fp4, nf3")]
    public void PeftsOwnFileIsReadOrRefused(string init, string loftQ, string? refused)
    {
        using var model = CausalLm.Load(TinyFolder);
        model.Adapt(Adapter.Lora(2), "q_proj");
        model.SaveAdapter(folder.File("adapter"));
        var path = Path.Combine(folder.File("adapter"), "adapter_config.json");
        var fields = JsonNode.Parse(File.ReadAllText(path))!;
        (fields["init_lora_weights"], fields["loftq_config"]) = (JsonNode.Parse(init), JsonNode.Parse(loftQ));
        File.WriteAllText(path, fields.ToJsonString());
        using var other = CausalLm.Load(TinyFolder);
        if (refused is not null)
        {
            Assert.Contains(refused.Replace("\\", ""), Assert.Throws<InvalidDataException>(() => other.LoadAdapter(folder.File("adapter"))).Message);
            return;
        }
        other.LoadAdapter(folder.File("adapter"));
        Assert.Equal(new LoftQ { Format = Plain, Iterations = 3, DividesByScale = false }, ((LoraConfig)other.LayersOf("default")[0].Adapter.Config!).LoftQ);
        Assert.Equal(Plain, ((QuantizedWeight)other.LayersOf("default")[0].Layer.Weight).Stored.Format);
    }

    /// <summary>As PEFT's guide has it saved: the base model beside it holds what LoftQ made, and A and B are plain LoRA's.</summary>
    [Fact]
    public void AFileThatSaysOtherwiseIsPlainLora()
    {
        using var model = CausalLm.Load(TinyFolder);
        model.Adapt(Adapter.Lora(2), "q_proj");
        model.SaveAdapter(folder.File("adapter"));
        var path = Path.Combine(folder.File("adapter"), "adapter_config.json");
        var fields = JsonNode.Parse(File.ReadAllText(path))!;
        fields["loftq_config"] = JsonNode.Parse("{\"loftq_bits\": 4}");
        File.WriteAllText(path, fields.ToJsonString());
        using var other = CausalLm.Load(TinyFolder);
        other.LoadAdapter(folder.File("adapter"));
        Assert.Equal(LoraInit.Kaiming, ((LoraConfig)other.LayersOf("default")[0].Adapter.Config!).Init);
        Assert.All(other.LinearLayers(), l => Assert.IsType<DenseWeight>(l.Layer.Weight));
    }

    [Fact]
    public void WhatMakesNoSenseIsRefusedAndChangesNothing()
    {
        using var model = CausalLm.Load(TinyFolder);
        string Refused<T>(Action action) where T : Exception => Assert.Throws<T>(action).Message;
        Assert.Contains("at least one iteration", Refused<ArgumentException>(() => model.Adapt(Adapter.Lora(2).WithLoftQ(iterations: 0), "q_proj")));
        Assert.Contains("must be positive", Refused<ArgumentException>(() => model.Adapt(Adapter.Lora(2, -1).WithLoftQ(), "q_proj")));
        Assert.Contains("which has fewer", Refused<ArgumentException>(() => model.Adapt(Adapter.Lora(5000).WithLoftQ(), "q_proj")));
        Assert.Contains("is an embedding", Refused<ArgumentException>(() => model.Adapt(Adapter.Lora(2).WithLoftQ(), "embed_tokens|q_proj")));
        Assert.Contains("asked for 7", Refused<ArgumentException>(() => model.Adapt(Adapter.Lora(2).WithLoftQ(new Nf4 { BlockSize = 7 }), "q_proj")));
        using (no_grad()) model.LinearLayers().Last(l => l.Path.EndsWith("q_proj", StringComparison.Ordinal)).Layer.get_parameter("weight")!.select(0, 1).fill_(double.NaN);
        Assert.Contains("q_proj.weight\" has NaN", Refused<ArgumentException>(() => model.Adapt(Adapter.Lora(2).WithLoftQ(), "q_proj")));
        Assert.Empty(model.AdapterNames());
        Assert.All(model.LinearLayers(), l => Assert.True(l.Layer.Weight is DenseWeight && l.Layer.get_parameter("weight")!.requires_grad));
        var layer = new AdaptedLinear(8, 8);
        layer.Adapt(Adapter.Lora(2).WithLoftQ());
        Assert.Contains("can't begin anew", Refused<ArgumentException>(() => layer.Absorb(Adapter.DefaultName)));
    }
}
