// The rotary position embedding's angles (RoPE, arXiv 2104.09864, eq. 34, in the halves convention of Hugging Face's Llama:
// component i turns together with component i + d/2, by position · θ^(−2i/d)), perhaps stretched.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>
/// Cosines and sines of every position, [positions, head / 2] each. Angles are taken in float32 whatever the model's type, as the
/// reference does, so float64 models agree with it beyond float32's accuracy.
/// </summary>
internal sealed class RotaryTable(long headSize, double theta, Llama3Scaling? scaling = null)
{
    private Tensor? cos, sin;

    /// <summary>The first <paramref name="tokens"/> rows from <paramref name="start"/> on, as views of a table that grows when asked for more.</summary>
    public (Tensor Cos, Tensor Sin) Rows(long start, long tokens, ScalarType dtype, Device device)
    {
        if (cos is null || cos.shape[0] < start + tokens || cos.dtype != dtype || cos.device_type != device.type || cos.device_index != device.index)
            Build(Math.Max(start + tokens, 128), dtype, device);
        return (cos!.narrow(0, start, tokens), sin!.narrow(0, start, tokens));
    }

    /// <summary>The rows of positions below <paramref name="end"/>, [rows, tokens] to [rows, tokens, head / 2] each.</summary>
    public (Tensor Cos, Tensor Sin) At(Tensor positions, long end, ScalarType dtype, Device device)
    {
        var (all, allSin) = Rows(0, end, dtype, device);
        var places = positions.flatten();
        Tensor Of(Tensor table) => table.index_select(0, places).view(positions.shape[0], positions.shape[1], -1);
        return (Of(all), Of(allSin));
    }

    private void Build(long positions, ScalarType dtype, Device device)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        cos?.Dispose();
        sin?.Dispose();
        using var frequencies = Frequencies(device);                                           // [head / 2]
        using var places = arange(0, positions, 1, ScalarType.Float32, device).unsqueeze(1);   // [positions, 1]
        using var angles = places.mul(frequencies);                                            // [positions, head / 2]
        // Made here, alive as long as the model: no caller's scope may take them.
        cos = angles.cos().to(dtype).DetachFromDisposeScope();
        sin = angles.sin().to(dtype).DetachFromDisposeScope();
    }

    private Tensor Frequencies(Device device)
    {
        using var exponents = arange(0, headSize, 2, ScalarType.Float32, device).div((float)headSize);
        var frequencies = tensor((float)theta, device).pow(exponents).reciprocal();
        if (scaling is null) return frequencies;
        var numbers = frequencies.cpu().data<float>().ToArray();
        scaling.Apply(numbers);
        return tensor(numbers, device: device);
    }
}
