using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The gradients of all trained parameters, looked at together.</summary>
internal static class Gradients
{
    /// <summary>Each gradient's norm, [parameters] float32; a parameter without a gradient has 0.</summary>
    private static Tensor Norms(IReadOnlyList<(string Name, Parameter Parameter)> parameters) =>
        stack(parameters.Select(p => p.Parameter.grad is { } grad
            ? grad.norm().to(ScalarType.Float32)
            : zeros([], ScalarType.Float32, p.Parameter.device)).ToArray());

    /// <summary>Scales gradients down in place so that their joint norm is at most <paramref name="maximum"/>.</summary>
    /// <returns>The norm before, and the first parameter whose gradient is not finite (then nothing was scaled).</returns>
    public static (double Norm, string? NotFinite) Clip(IReadOnlyList<(string Name, Parameter Parameter)> parameters, double maximum)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var norms = Norms(parameters);
        var norm = (double)norms.norm().item<float>();
        if (!double.IsFinite(norm))
        {
            var bad = norms.isfinite().cpu().data<bool>().ToArray();
            // Every single norm may be finite where their squares' sum is not: then the largest is to blame.
            var index = Array.IndexOf(bad, false);
            return (norm, parameters[index >= 0 ? index : (int)norms.argmax().item<long>()].Name);
        }
        if (norm > maximum)
            foreach (var (name, parameter) in parameters)
                parameter.grad?.mul_(maximum / (norm + 1e-6));
        return (norm, null);
    }
}
