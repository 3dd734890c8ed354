using static TorchSharp.torch;

namespace LowRank;

/// <summary>
/// Between the layout that products with weights leave, [batch, tokens, heads · d], and the one that attention's products need,
/// [batch · heads, tokens, d]; with the rotary turn on the way.
/// </summary>
internal static class HeadLayout
{
    /// <summary>[batch, tokens, heads · d] -> [batch, heads, tokens, d], turned by the positions' angles and scaled.</summary>
    public static Tensor Split(Tensor x, (Tensor Cos, Tensor Sin)? angles, long d, double scale)
    {
        if (CpuRows.Fit(x) && (angles is not { } a || CpuRows.Fit(a.Cos, a.Sin)))
            return RotaryKernel.ToHeads(x, angles, d, (float)scale);
        var heads = x.view(x.shape[0], x.shape[1], -1, d).transpose(1, 2);
        return angles is var (cos, sin) ? Rotary.Turn(heads, cos.mul(scale), sin.mul(scale)) : heads.mul(scale).contiguous();
    }

    /// <summary>[batch · heads, tokens, d] in any grouping -> [batch, tokens, heads · d], turned back and scaled: <see cref="Split"/>'s backward.</summary>
    public static Tensor Join(Tensor x, (Tensor Cos, Tensor Sin)? angles, long batch, long tokens, long d, double scale)
    {
        if (CpuRows.Fit(x) && (angles is not { } a || CpuRows.Fit(a.Cos, a.Sin)))
            return RotaryKernel.FromHeads(x, angles, batch, tokens, d, (float)scale);
        var places = x.view(batch, -1, tokens, d).transpose(1, 2);                     // [batch, tokens, heads, d]
        var turned = angles is var (cos, sin)
            ? Rotary.Turn(places, cos.unsqueeze(1).mul(scale), sin.unsqueeze(1).mul(scale), inverse: true)
            : places.mul(scale).contiguous();
        return turned.view(batch, tokens, -1);
    }
}
