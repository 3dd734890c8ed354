// Llama 3.1's stretch of the rotary frequencies (arXiv 2407.21783; the formula is the one of its reference code): with a wavelength
// λ = 2π/f, the original context L and the limits L/low and L/high,
//   f' = f           where λ < L/high       a turn is short: near places stay as they were
//   f' = f/factor    where λ > L/low        it takes longer than the context: stretched in full
//   f' = ((1 − s)/factor + s) f between, s = (L/λ − low)/(high − low).
namespace LowRank;

/// <summary>The rotary embedding's scaling of type "llama3".</summary>
/// <param name="Factor">How many times longer texts become.</param>
/// <param name="LowFrequencyFactor">Turns within the original context below which a frequency is stretched in full.</param>
/// <param name="HighFrequencyFactor">Turns above which it stays.</param>
/// <param name="OriginalMaxPositions">The context that the model was trained with first, in tokens.</param>
public sealed record Llama3Scaling(double Factor, double LowFrequencyFactor, double HighFrequencyFactor, long OriginalMaxPositions)
{
    /// <summary>Refuses numbers that make no sense.</summary>
    /// <exception cref="ArgumentException">A factor is not positive, or they are in the wrong order; names the field.</exception>
    internal void Validate()
    {
        if (!(Factor >= 1 && double.IsFinite(Factor))) throw new ArgumentException($"the rotary scaling's factor is {Factor}; it must be at least 1");
        if (!(LowFrequencyFactor > 0 && HighFrequencyFactor > LowFrequencyFactor && double.IsFinite(HighFrequencyFactor)))
            throw new ArgumentException($"the rotary scaling has low_freq_factor {LowFrequencyFactor} and high_freq_factor {HighFrequencyFactor}; both must be positive, the second larger");
        if (OriginalMaxPositions < 1) throw new ArgumentException($"the rotary scaling's original_max_position_embeddings is {OriginalMaxPositions}; it must be at least 1");
    }

    /// <summary>Stretches frequencies in place. In float32, as the reference does.</summary>
    internal void Apply(Span<float> frequencies)
    {
        var (factor, low, high, length) = ((float)Factor, (float)LowFrequencyFactor, (float)HighFrequencyFactor, (float)OriginalMaxPositions);
        foreach (ref var f in frequencies)
        {
            var wavelength = 2 * MathF.PI / f;
            if (wavelength < length / high) continue;
            if (wavelength > length / low)
            {
                f /= factor;
                continue;
            }
            var s = (length / wavelength - low) / (high - low);
            f = (1 - s) * f / factor + s * f;
        }
    }
}
