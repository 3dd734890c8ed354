using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace LibTorch.Tests;

/// <summary>The module tree: registration, state, moves, hooks.</summary>
public class ModulesTests
{
    sealed class Block : Module<Tensor, Tensor>
    {
        readonly Linear up, down;
        readonly Parameter gain;
        readonly Tensor table;
        readonly Module<Tensor, Tensor>? absent = null;

        public Block(long width) : base(nameof(Block))
        {
            up = Linear(width, 2 * width);
            down = Linear(2 * width, width, hasBias: false);
            gain = Parameter(init.ones_(Allocate.Empty([width], null, null)));
            table = init.zeros_(Allocate.Empty([3], null, ScalarType.Int64));
            RegisterComponents();
        }

        public Linear Up => up;
        public bool HasAbsent => absent is not null;
        public override Tensor forward(Tensor x) => down.call(functional.silu(up.call(x)));
    }

    sealed class Net : Module<Tensor, Tensor>
    {
        readonly ModuleList<Block> layers = new(new Block(4), new Block(4));
        readonly Linear head;

        public Net() : base(nameof(Net))
        {
            head = Linear(4, 4, hasBias: false);
            head.weight = layers[0].Up.weight;   // shared; the shape is of no importance here
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => layers.Aggregate(x, (y, layer) => layer.call(y));
    }

    [Fact]
    public void Fields_are_registered_under_their_names_and_shared_parameters_once()
    {
        using var net = new Net();
        Assert.Equal(["layers.0.gain", "layers.0.up.weight", "layers.0.up.bias", "layers.0.down.weight",
            "layers.1.gain", "layers.1.up.weight", "layers.1.up.bias", "layers.1.down.weight"], net.named_parameters().Select(p => p.name));
        Assert.Equal(["layers.0.table", "layers.1.table"], net.named_buffers().Select(b => b.name));
        Assert.Equal(["layers", "head"], net.named_children().Select(c => c.name));
        Assert.Contains("layers.1.down", net.named_modules().Select(m => m.name));
        Assert.Contains("head.weight", net.state_dict().Keys);
        Assert.Equal(11, net.state_dict().Count);
        Assert.Same(net.get_parameter("head.weight"), net.get_parameter("layers.0.up.weight"));
        Assert.Null(net.get_parameter("layers.2.gain"));
        Assert.True(net.has_buffer("layers.0.table"));
        Assert.False(new Block(2).HasAbsent);
    }

    [Fact]
    public void State_dicts_are_checked_before_anything_is_copied()
    {
        using var net = new Block(2);
        using var other = new Block(2);
        var state = other.state_dict();
        net.load_state_dict(state);
        Assert.Equal(other.Up.weight.data<float>().ToArray(), net.Up.weight.data<float>().ToArray());

        var before = net.Up.weight.data<float>().ToArray();
        using var third = new Block(2);
        var wrong = third.state_dict();
        wrong.Remove("gain");
        wrong["extra"] = third.Up.weight;
        wrong["down.weight"] = third.Up.weight;
        var failure = Assert.Throws<InvalidOperationException>(() => net.load_state_dict(wrong));
        Assert.Contains("missing: gain", failure.Message);
        Assert.Contains("unexpected: extra", failure.Message);
        Assert.Contains("down.weight (here [2, 4], given [4, 2])", failure.Message);
        Assert.Equal(before, net.Up.weight.data<float>().ToArray());

        Assert.Throws<InvalidOperationException>(() => net.load_state_dict(wrong, strict: false));
        wrong["down.weight"] = third.state_dict()["down.weight"];
        var (missing, unexpected) = net.load_state_dict(wrong, strict: false);
        Assert.Equal(["gain"], missing);
        Assert.Equal(["extra"], unexpected);
    }

    [Fact]
    public void A_saved_module_loads_again()
    {
        using var net = new Block(3);
        using var stream = new MemoryStream();
        using (var writer = new BinaryWriter(stream, System.Text.Encoding.UTF8, leaveOpen: true)) net.save(writer);
        stream.Position = 0;
        using var copy = new Block(3);
        var used = new Dictionary<string, bool>();
        copy.load(stream, loadedParameters: used);
        Assert.All(net.state_dict(), entry => Assert.Equal(entry.Value.bytes.ToArray(), copy.state_dict()[entry.Key].bytes.ToArray()));
        Assert.Equal(net.state_dict().Keys, used.Keys);
    }

    [Fact]
    public void A_move_keeps_the_parameter_objects_and_integer_buffers()
    {
        using var net = new Block(2);
        var weight = net.Up.weight;
        var optimizer = optim.SGD(net.parameters(), 0.1);
        net.forward(Ones(1, 2)).sum().backward();
        Assert.Same(net, net.to(ScalarType.Float64));
        Assert.Same(weight, net.Up.weight);
        Assert.Equal(ScalarType.Float64, weight.dtype);
        Assert.Equal(ScalarType.Float64, weight.grad!.dtype);
        Assert.Equal(ScalarType.Int64, net.get_buffer("table")!.dtype);
        var before = weight.data<double>().ToArray();
        optimizer.step();
        Assert.NotEqual(before, weight.data<double>().ToArray());
        Assert.Throws<ArgumentException>(() => net.to(ScalarType.Int32));
    }

    [Fact]
    public void Training_mode_reaches_every_module()
    {
        using var net = new Net();
        net.eval();
        Assert.All(net.modules(), m => Assert.False(m.training));
        net.train();
        Assert.All(net.modules(), m => Assert.True(m.training));
        var visited = new List<Module>();
        net.apply(visited.Add);
        Assert.Same(net, visited[^1]);
        Assert.Equal(net.modules().Count() + 1, visited.Count);
    }

    [Fact]
    public void Gradients_are_forgotten_or_zeroed()
    {
        using var layer = Linear(2, 2);
        layer.call(Ones(1, 2)).sum().backward();
        layer.zero_grad(set_to_none: false);
        Assert.All(layer.weight.grad!.data<float>().ToArray(), g => Assert.Equal(0, g));
        layer.zero_grad();
        Assert.Null(layer.weight.grad);
    }

    [Fact]
    public void Hooks_see_and_replace_inputs_and_outputs()
    {
        using var layer = Identity();
        var calls = new List<string>();
        var before = layer.register_forward_pre_hook(_ => calls.Add("before"));
        layer.register_forward_hook(_ => calls.Add("after"));
        var replaceInput = layer.register_forward_pre_hook((_, x) => functional.relu(x));
        layer.register_forward_hook((_, x, y) => { calls.Add($"{x.data<float>()[0]}"); return functional.tanh(y); });
        Assert.Equal(0, layer.call(Filled(-2, 1)).data<float>()[0]);
        Assert.Equal(["before", "0", "after"], calls);
        before.remove();
        replaceInput.remove();
        Assert.Equal(MathF.Tanh(-2), layer.call(Filled(-2, 1)).data<float>()[0], 1e-6f);
        Assert.Equal(["before", "0", "after", "-2", "after"], calls);
    }

    [Fact]
    public void Containers_number_and_name_their_modules()
    {
        using var list = new ModuleList<Linear>(Linear(1, 1), Linear(2, 2));
        list.Insert(0, Linear(3, 3));
        Assert.Equal(["0.weight", "0.bias", "1.weight", "1.bias", "2.weight", "2.bias"], list.named_parameters().Select(p => p.name));
        Assert.Equal(3, list[0].in_features);
        list.RemoveAt(1);
        Assert.Equal(["0", "1"], list.named_children().Select(c => c.name));

        using var dict = new ModuleDict<Linear> { ("b", Linear(1, 1)), ("a", Linear(1, 1)) };
        Assert.Equal(["b", "a"], dict.named_children().Select(c => c.name));
        Assert.True(dict.Remove("b"));
        Assert.Equal(["a.weight", "a.bias"], dict.named_parameters().Select(p => p.name));
        Assert.Contains("there are a", Assert.Throws<KeyNotFoundException>(() => dict["c"]).Message);

        using var parameters = ParameterList(Parameter(Ones(1)), Parameter(Ones(2)), Parameter(Ones(3)));
        parameters.RemoveAt(0);
        Assert.Equal(["0", "1"], parameters.named_parameters().Select(p => p.name));
        Assert.Equal([3L], parameters[1].shape);

        using var sequence = Sequential(("first", Linear(2, 3)), ("then", ReLU())).append(Linear(3, 1));
        Assert.Equal(["first", "then", "2"], sequence.named_children().Select(c => c.name));
        Assert.Equal([5, 1], sequence.call(Ones(5, 2)).shape);
        Assert.Equal(2, sequence[1..].Count);
    }

    [Fact]
    public void Wrong_registrations_are_refused()
    {
        using var list = new ModuleList<Module>();
        Assert.Throws<ArgumentException>(() => list.register_module("a.b", Linear(1, 1)));
        list.register_module("a", Linear(1, 1));
        Assert.Throws<InvalidOperationException>(() => list.register_module("a", Linear(1, 1)));
        Assert.Throws<InvalidOperationException>(() => ReLU().register_parameter("w", Parameter(Ones(1))));
        Assert.Throws<ArgumentException>(() => Linear(Parameter(Ones(3))));
    }

    [Fact]
    public void Parameters_outlive_the_scope_they_are_made_in()
    {
        Block net;
        using (NewDisposeScope()) net = new Block(2);
        Assert.Equal(2, net.forward(Ones(1, 2)).shape[1]);
        Assert.Equal(3, net.get_buffer("table")!.numel());
        net.Dispose();
        Assert.True(net.Up.weight.IsInvalid);
    }

    static Tensor Ones(params long[] shape) => Filled(1, shape);

    static Tensor Filled(double value, params long[] shape) => init.constant_(Allocate.Empty(shape, null, null), value);
}
