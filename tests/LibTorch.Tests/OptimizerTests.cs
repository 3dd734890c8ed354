using System.Text.Json.Nodes;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace LibTorch.Tests;

/// <summary>Optimizers against PyTorch's own steps, against steps written out here, and saved and resumed.</summary>
public class OptimizerTests
{
    static void CompareWithGolden(string method, Func<Parameter[], JsonNode, optim.Optimizer> make)
    {
        foreach (var entry in GoldenTensors.Fixtures(method)) CompareWithGolden(entry, make);
    }

    /// <summary>Two factors of a low-rank layer, trained for some steps by PyTorch: values after each step and the losses before it.</summary>
    static void CompareWithGolden(JsonNode entry, Func<Parameter[], JsonNode, optim.Optimizer> make)
    {
        var tensors = GoldenTensors.Read(entry["file"]!.GetValue<string>());
        var scaling = entry["hyper"]!["scaling"]!.GetValue<double>();
        Parameter a = Parameter(tensors["start.lora_A"]), b = Parameter(tensors["start.lora_B"]);
        using var optimizer = make([a, b], entry["hyper"]!);
        for (var step = 0; step < entry["losses"]!.AsArray().Count; step++)
        {
            using var scope = NewDisposeScope();
            optimizer.zero_grad();
            var frozen = functional.linear(tensors["x"], tensors["base.weight"], tensors["base.bias"]);
            var update = functional.linear(functional.linear(tensors["x"], a), b) * scaling;   // [.., in] -> [.., r] -> [.., out]
            var loss = functional.mse_loss(frozen + update, tensors["target"]);
            loss.backward();
            optimizer.step();
            Assert.Equal(entry["losses"]![step]!.GetValue<double>(), loss.item<float>(), 1e-5);
            Close(tensors[$"step{step}.lora_A"], a, 1e-5);
            Close(tensors[$"step{step}.lora_B"], b, 1e-5);
        }
    }

    [Fact]
    public void AdamW_equals_PyTorch() => CompareWithGolden("adamw", (parameters, hyper) => optim.AdamW(parameters, hyper["lr"]!.GetValue<double>(),
        hyper["betas"]![0]!.GetValue<double>(), hyper["betas"]![1]!.GetValue<double>(), hyper["eps"]!.GetValue<double>(), hyper["weight_decay"]!.GetValue<double>()));

    [Fact]
    public void SGD_with_momentum_equals_PyTorch() => CompareWithGolden("sgd_momentum", (parameters, hyper) => optim.SGD(parameters,
        hyper["lr"]!.GetValue<double>(), hyper["momentum"]!.GetValue<double>(), weight_decay: hyper["weight_decay"]!.GetValue<double>()));

    public static TheoryData<bool, bool, bool, ScalarType> AdamCases
    {
        get
        {
            var cases = new TheoryData<bool, bool, bool, ScalarType>();
            foreach (var type in new[] { ScalarType.Float32, ScalarType.Float64 })
                for (var bits = 0; bits < 8; bits++) cases.Add((bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, type);
            return cases;
        }
    }

    /// <summary>Both papers' algorithms by hand, for the one-pass kernel (float32, with a length that fills no whole vector) and the operators (float64).</summary>
    [Theory]
    [MemberData(nameof(AdamCases))]
    public void Adam_steps_as_its_papers_say(bool decoupled, bool amsgrad, bool maximize, ScalarType type)
    {
        const int Count = 37;
        const double Rate = 0.1, Beta1 = 0.8, Beta2 = 0.95, Epsilon = 1e-3, Decay = 0.2;
        var random = new Random(5);
        double[] Draw() => [.. Enumerable.Range(0, Count).Select(_ => random.NextDouble() * 2 - 1)];
        var weight = Draw();
        double[] m = new double[Count], v = new double[Count], largest = new double[Count];
        var parameter = Parameter(tensor(weight, type));
        using optim.Optimizer optimizer = decoupled
            ? optim.AdamW([parameter], Rate, Beta1, Beta2, Epsilon, Decay, amsgrad, maximize)
            : optim.Adam([parameter], Rate, Beta1, Beta2, Epsilon, Decay, amsgrad, maximize);
        for (var t = 1; t <= 3; t++)
        {
            var gradient = Draw();
            parameter.grad = tensor(gradient, type);
            optimizer.step();
            for (var i = 0; i < Count; i++)
            {
                var g = (maximize ? -gradient[i] : gradient[i]) + (decoupled ? 0 : Decay * weight[i]);
                if (decoupled) weight[i] -= Rate * Decay * weight[i];
                m[i] = Beta1 * m[i] + (1 - Beta1) * g;
                v[i] = Beta2 * v[i] + (1 - Beta2) * g * g;
                largest[i] = Math.Max(largest[i], v[i]);
                var second = (amsgrad ? largest[i] : v[i]) / (1 - Math.Pow(Beta2, t));
                weight[i] -= Rate * (m[i] / (1 - Math.Pow(Beta1, t))) / (Math.Sqrt(second) + Epsilon);
            }
            Close(tensor(weight, float64), parameter, type == ScalarType.Float64 ? 1e-12 : 2e-6);
        }
    }

    [Theory]
    [InlineData(0, 0, false)]
    [InlineData(0.9, 0.3, false)]
    [InlineData(0.9, 0, true)]
    public void SGD_steps_as_its_formula_says(double momentum, double dampening, bool nesterov)
    {
        var parameter = Parameter(tensor(new[] { 1.0, -2.0 }));
        using var optimizer = optim.SGD([parameter], 0.1, momentum, dampening, weight_decay: 0.5, nesterov: nesterov);
        double[] weight = [1, -2], buffer = [0, 0];
        for (var t = 0; t < 3; t++)
        {
            parameter.grad = tensor(new[] { 0.3, t });
            optimizer.step();
            for (var i = 0; i < 2; i++)
            {
                var g = (i == 0 ? 0.3 : t) + 0.5 * weight[i];
                buffer[i] = t == 0 ? g : momentum * buffer[i] + (1 - dampening) * g;
                weight[i] -= 0.1 * (momentum == 0 ? g : nesterov ? g + momentum * buffer[i] : buffer[i]);
            }
            Close(tensor(weight), parameter, 1e-12);
        }
    }

    [Fact]
    public void Large_parameters_are_stepped_by_several_threads_to_the_same_values()
    {
        var start = randn(300_001);
        var gradient = randn(300_001);
        Parameter whole = Parameter(start.clone()), half = Parameter(start.to(float64));
        using var fast = optim.AdamW([whole], 0.1, weight_decay: 0.1);
        using var slow = optim.AdamW([half], 0.1, weight_decay: 0.1);
        for (var t = 0; t < 2; t++)
        {
            whole.grad = gradient;
            half.grad = gradient.to(float64);
            fast.step();
            slow.step();
        }
        Close(half, whole, 2e-6);
    }

    [Fact]
    public void Parameters_without_a_gradient_stay_and_do_not_count_steps()
    {
        Parameter moved = Parameter(ones(2)), still = Parameter(ones(2));
        using var optimizer = optim.AdamW([moved, still], 0.1, weight_decay: 0.1);
        moved.grad = ones(2);
        optimizer.step();
        Assert.Equal([1f, 1f], still.data<float>().ToArray());
        Assert.NotEqual([1f, 1f], moved.data<float>().ToArray());
        Assert.Equal([1L, 0L], optimizer.state_dict().State.Select(s => ((AdamW.State)s).step));
        optimizer.zero_grad();
        Assert.Null(moved.grad);
    }

    [Fact]
    public void Stale_graphs_notice_a_step()
    {
        var parameter = Parameter(ones(3));
        using var optimizer = optim.AdamW([parameter], 0.1);
        var y = (parameter * parameter).sum();
        parameter.grad = ones(3);
        optimizer.step();
        Assert.Contains("modified by an inplace operation", Assert.ThrowsAny<Exception>(() => y.backward()).Message);
    }

    [Fact]
    public void Groups_have_options_of_their_own()
    {
        Parameter a = Parameter(ones(1)), b = Parameter(ones(1));
        using var optimizer = optim.AdamW([new AdamW.ParamGroup([a], new AdamW.Options { LearningRate = 0.5 }), new AdamW.ParamGroup([b], new AdamW.Options())], 0.01);
        Assert.Equal([0.5, 0.01], optimizer.ParamGroups.Select(g => g.LearningRate));
        Assert.Equal([0.5, 0.01], optimizer.ParamGroups.Select(g => g.InitialLearningRate));
        a.grad = ones(1);
        b.grad = ones(1);
        optimizer.step();   // the first step moves by the learning rate, whatever the gradient's size
        Assert.Equal(0.5f, a.data<float>()[0], 1e-5f);
        Assert.Equal(0.99f, b.data<float>()[0], 1e-5f);
        Assert.Contains("in the optimizer already", Assert.Throws<ArgumentException>(() => optimizer.add_param_group(new AdamW.ParamGroup([a]))).Message);
        optimizer.Betas = (0.5, 0.6);
        Assert.Equal((0.5, 0.6), ((optim.IBetas)optimizer.ParamGroups.Last()).Betas);
    }

    [Fact]
    public void The_closure_computes_the_loss_with_gradients()
    {
        var parameter = Parameter(ones(1));
        using var optimizer = optim.SGD([parameter], 0.25);
        using (no_grad())
        {
            var loss = optimizer.step(() =>
            {
                var value = (parameter * parameter).sum();
                value.backward();
                return value;
            });
            Assert.Equal(1, loss!.item<float>());
        }
        Assert.Equal(0.5f, parameter.data<float>()[0]);
    }

    public static TheoryData<string> Kinds => ["Adam", "AdamW", "SGD"];

    static OptimizerHelper Make(string kind, Parameter parameter, double rate) => kind switch
    {
        "Adam" => optim.Adam([parameter], rate, amsgrad: true),
        "AdamW" => optim.AdamW([parameter], rate, weight_decay: 0.1),
        _ => optim.SGD([parameter], rate, momentum: 0.9),
    };

    /// <summary>Stop after two steps, resume in a new optimizer, and go on as if nothing had happened.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_saved_state_resumes_exactly(string kind)
    {
        using var scope = NewDisposeScope();
        var gradients = Enumerable.Range(0, 4).Select(_ => randn(5)).ToArray();
        var parameter = Parameter(randn(5));
        using var optimizer = Make(kind, parameter, 0.1);
        void Step(Parameter p, OptimizerHelper o, Tensor gradient)
        {
            p.grad = gradient;
            o.step();
        }
        Step(parameter, optimizer, gradients[0]);
        Step(parameter, optimizer, gradients[1]);

        Parameter direct = Parameter(parameter.detach().clone()), streamed = Parameter(parameter.detach().clone());
        using OptimizerHelper first = Make(kind, direct, 0.7), second = Make(kind, streamed, 0.7);
        first.load_state_dict(optimizer.state_dict());
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        optimizer.save_state_dict(writer);
        stream.Position = 0;
        using var reader = new BinaryReader(stream);
        second.load_state_dict(reader);
        Assert.Equal(stream.Length, stream.Position);
        Assert.True(first.state_dict().State[0].ApproximatelyEquals(optimizer.state_dict().State[0]));
        Assert.False(first.state_dict().State[0].ApproximatelyEquals(Make(kind, Parameter(ones(5)), 1).state_dict().State[0]));

        foreach (var gradient in gradients[2..])
        {
            Step(parameter, optimizer, gradient);
            Step(direct, first, gradient);
            Step(streamed, second, gradient);
        }
        Assert.Equal(parameter.data<float>().ToArray(), direct.data<float>().ToArray());
        Assert.Equal(parameter.data<float>().ToArray(), streamed.data<float>().ToArray());
    }

    [Fact]
    public void State_that_does_not_fit_is_refused()
    {
        using var adam = optim.AdamW([Parameter(ones(2))]);
        using var sgd = optim.SGD([Parameter(ones(2))], 0.1);
        using var two = optim.AdamW([Parameter(ones(2)), Parameter(ones(2))]);
        using var other = optim.AdamW([Parameter(ones(3))]);
        Assert.Contains("SGD", Assert.Throws<ArgumentException>(() => adam.load_state_dict(sgd.state_dict())).Message);
        Assert.Contains("2 parameters", Assert.Throws<ArgumentException>(() => adam.load_state_dict(two.state_dict())).Message);
        Assert.Contains("[3]", Assert.Throws<ArgumentException>(() => adam.load_state_dict(other.state_dict())).Message);
        Assert.Throws<ArgumentException>(() => optim.AdamW([Parameter(ones(2))], lr: -1));
        Assert.Throws<ArgumentException>(() => optim.AdamW([Parameter(ones(2))], beta1: 1));
        Assert.Throws<ArgumentException>(() => optim.SGD([Parameter(ones(2))], 0.1, nesterov: true));
    }

    [Fact]
    public void Clipping_scales_all_gradients_by_one_factor()
    {
        Parameter a = Parameter(zeros(2)), b = Parameter(zeros(1)), none = Parameter(zeros(1));
        void Set()
        {
            a.grad = tensor(new[] { 3f, 0f });
            b.grad = tensor(new[] { -4f });
        }
        Set();
        Assert.Equal(5, utils.clip_grad_norm_([a, b, none], 10), 1e-6);
        Assert.Equal([3f, 0f], a.grad!.data<float>().ToArray());
        Assert.Equal(5, utils.clip_grad_norm_([a, b, none], 1), 1e-6);
        Assert.Equal(0.6f, a.grad!.data<float>()[0], 1e-5f);
        Assert.Equal(-0.8f, b.grad!.data<float>()[0], 1e-5f);
        Set();
        Assert.Equal(4, utils.clip_grad_norm_([a, b], 2, double.PositiveInfinity), 1e-6);
        Assert.Equal(1.5f, a.grad!.data<float>()[0], 1e-5f);
        Set();
        utils.clip_grad_value_([a, b, none], 2.5);
        Assert.Equal([2.5f, 0f], a.grad!.data<float>().ToArray());
        Assert.Equal([-2.5f], b.grad!.data<float>().ToArray());
        b.grad = tensor(new[] { float.NaN });
        Assert.True(double.IsNaN(utils.clip_grad_norm_([a, b], 1)));
        Assert.Equal(0, utils.clip_grad_norm_([none], 1));
    }

    [Fact]
    public void Parameters_go_to_a_vector_and_back()
    {
        Parameter a = Parameter(tensor(new[,] { { 1f, 2f }, { 3f, 4f } })), b = Parameter(tensor(new[] { 5f }));
        using var vector = utils.parameters_to_vector([a, b]);
        Assert.Equal([1f, 2f, 3f, 4f, 5f], vector.data<float>().ToArray());
        utils.vector_to_parameters(vector.detach() * 2, [a, b]);
        Assert.Equal([2f, 4f, 6f, 8f], a.data<float>().ToArray());
        Assert.Equal([10f], b.data<float>().ToArray());
        Assert.Contains("5 elements", Assert.Throws<ArgumentException>(() => utils.vector_to_parameters(zeros(4), [a, b])).Message);
    }

    static void Close(Tensor expected, Tensor actual, double tolerance)
    {
        using var scope = NewDisposeScope();
        Tensor wide = expected.detach().to(float64), difference = (actual.detach().to(float64) - wide).abs();
        var (worst, largest) = (difference.max().item<double>(), wide.abs().max().item<double>());
        Assert.True(worst <= tolerance * largest, $"differs by {worst:g3} where the largest value is {largest:g3}");
    }
}
