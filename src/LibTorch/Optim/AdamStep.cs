// The step that Adam (arXiv 1412.6980, algorithm 1) and AdamW (1711.05101, algorithm 2) share. Three ways to the same numbers: one pass
// in C# over float32 on the CPU (AdamKernel.cs), else libtorch's _foreach_ operators, a handful of calls for all parameters of a group.
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LibTorch;

/// <summary>A group's settings; <paramref name="Decoupled"/>: AdamW's decay of the weight instead of one added to the gradient.</summary>
internal readonly record struct AdamSettings(double LearningRate, double Beta1, double Beta2, double Epsilon, double WeightDecay, bool Amsgrad, bool Maximize, bool Decoupled);

/// <summary>A parameter's moments: m and v of the papers, and v's maximum for AMSGrad.</summary>
internal interface IAdamMoments
{
    long Step { get; set; }
    Tensor First { get; }
    Tensor Second { get; }
    Tensor? LargestSecond { get; }
}

internal static class AdamStep
{
    static readonly Operator
        Add = new("_foreach_add", "List"), AddInto = new("_foreach_add_", "List"), Scale = new("_foreach_mul_", "Scalar"), Negate = new("_foreach_neg"),
        AddProduct = new("_foreach_addcmul_", "Scalar"), AddQuotient = new("_foreach_addcdiv_", "Scalar"), Root = new("_foreach_sqrt"),
        Shift = new("_foreach_add_", "Scalar"), Maximum = new("maximum", "out");

    /// <summary>Steps the parameters that have a gradient. Call it under no_grad.</summary>
    public static void Run(IEnumerable<Parameter> parameters, Func<Parameter, IAdamMoments> momentsOf, AdamSettings settings)
    {
        using var scope = NewDisposeScope();
        var byStep = new Dictionary<long, (List<Tensor> Values, List<Tensor> Gradients, List<IAdamMoments> Moments)>();
        var changed = new List<Tensor>();
        foreach (var parameter in parameters)
        {
            if (parameter.grad is not { } gradient) continue;
            if (gradient.is_sparse) throw new NotSupportedException("Adam does not take sparse gradients; make the embedding with sparse: false");
            var moments = momentsOf(parameter);
            moments.Step++;
            if (AdamKernel.Applies(parameter, gradient, moments, settings))
            {
                AdamKernel.Run(parameter, gradient, moments, settings);
                changed.Add(parameter);
                continue;
            }
            if (!byStep.TryGetValue(moments.Step, out var lists)) byStep.Add(moments.Step, lists = ([], [], []));
            lists.Values.Add(parameter);
            lists.Gradients.Add(gradient);
            lists.Moments.Add(moments);
        }
        AdamKernel.CountVersions(changed);
        foreach (var (step, (values, gradients, moments)) in byStep) Foreach(step, [.. values], [.. gradients], moments, settings);
    }

    static void Foreach(long step, Tensor[] values, Tensor[] gradients, List<IAdamMoments> moments, AdamSettings s)
    {
        Tensor[] first = [.. moments.Select(m => m.First)], second = [.. moments.Select(m => m.Second)];
        if (s.Maximize) gradients = Negate.CallList(gradients);
        if (s.WeightDecay != 0 && s.Decoupled) Scale.CallVoid(values, 1 - s.LearningRate * s.WeightDecay);
        else if (s.WeightDecay != 0) gradients = Add.CallList(gradients, values, s.WeightDecay);

        Scale.CallVoid(first, s.Beta1);                                  // m = β1 m + (1 − β1) g
        AddInto.CallVoid(first, gradients, 1 - s.Beta1);
        Scale.CallVoid(second, s.Beta2);                                 // v = β2 v + (1 − β2) g²
        AddProduct.CallVoid(second, gradients, gradients, 1 - s.Beta2);
        if (s.Amsgrad)
        {
            Tensor[] largest = [.. moments.Select(m => m.LargestSecond!)];
            for (var i = 0; i < second.Length; i++) Maximum.CallVoid(largest[i], second[i], largest[i]);
            second = largest;
        }
        var divisor = Root.CallList(second);                           // √v̂ + ε, v̂ = v / (1 − β2^t)
        Scale.CallVoid(divisor, 1 / Math.Sqrt(1 - Math.Pow(s.Beta2, step)));
        Shift.CallVoid(divisor, s.Epsilon);
        AddQuotient.CallVoid(values, first, divisor, -s.LearningRate / (1 - Math.Pow(s.Beta1, step)));
    }
}
