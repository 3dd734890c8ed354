// Adam's step in one pass over memory: value, gradient and two moments are read once and three of them written once, where the operators
// one after the other touch them about twenty times. Vectors as wide as the machine's, libtorch's own threads.
using System.Numerics;
using System.Runtime.CompilerServices;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LibTorch;

internal static unsafe class AdamKernel
{
    /// <summary>Elements that are worth another thread.</summary>
    const long Grain = 32768;

    static readonly Operator Narrow = new("narrow"), Zero = new("_foreach_zero_");

    /// <summary>Dense float32 on the CPU, all in row-major order, of at least one dimension (see <see cref="CountVersions"/>).</summary>
    public static bool Applies(Tensor value, Tensor gradient, IAdamMoments moments, AdamSettings settings) =>
        !settings.Amsgrad && value.dim() > 0 && Plain(value) && Plain(gradient) && Plain(moments.First) && Plain(moments.Second);

    static bool Plain(Tensor t) => t.dtype == ScalarType.Float32 && t.device_type == DeviceType.CPU && t.is_contiguous();

    public static void Run(Tensor value, Tensor gradient, IAdamMoments moments, AdamSettings s)
    {
        var (w, g, m, v) = (value.DataPointer(), gradient.DataPointer(), moments.First.DataPointer(), moments.Second.DataPointer());
        var rates = new Rates(s, moments.Step);
        var count = value.NumberOfElements;
        if (count <= Grain) Slice((float*)w, (float*)g, (float*)m, (float*)v, count, rates);
        else
            Runtime.ParallelFor(count, Grain, (begin, end) =>
                Slice((float*)w + begin, (float*)g + begin, (float*)m + begin, (float*)v + begin, end - begin, rates));
        GC.KeepAlive(value);
        GC.KeepAlive(gradient);
        GC.KeepAlive(moments);
    }

    /// <summary>What a step multiplies by; computed in double, applied in float, as libtorch does.</summary>
    readonly struct Rates(AdamSettings s, long step)
    {
        public readonly float Sign = s.Maximize ? -1 : 1;
        public readonly float Keep = s.Decoupled ? (float)(1 - s.LearningRate * s.WeightDecay) : 1;
        public readonly float Decay = s.Decoupled ? 0 : (float)s.WeightDecay;
        public readonly float Mix1 = (float)(1 - s.Beta1), Beta2 = (float)s.Beta2, Mix2 = (float)(1 - s.Beta2);
        public readonly float Correction2 = (float)(1 / Math.Sqrt(1 - Math.Pow(s.Beta2, step)));
        public readonly float Epsilon = (float)s.Epsilon;
        public readonly float Rate = (float)(s.LearningRate / (1 - Math.Pow(s.Beta1, step)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Slice(float* w, float* g, float* m, float* v, long count, in Rates r)
    {
        long i = 0;
        for (var last = count - Vector<float>.Count; i <= last; i += Vector<float>.Count)
        {
            var weight = Vector.Load(w + i) * r.Keep;
            var gradient = Vector.Load(g + i) * r.Sign + weight * r.Decay;
            var first = Vector.Load(m + i);
            first += (gradient - first) * r.Mix1;
            var second = Vector.Load(v + i) * r.Beta2 + gradient * gradient * r.Mix2;
            var divisor = Vector.SquareRoot(second) * r.Correction2 + new Vector<float>(r.Epsilon);
            Vector.Store(first, m + i);
            Vector.Store(second, v + i);
            Vector.Store(weight - first / divisor * r.Rate, w + i);
        }
        for (; i < count; i++)
        {
            var weight = w[i] * r.Keep;
            var gradient = g[i] * r.Sign + weight * r.Decay;
            m[i] += (gradient - m[i]) * r.Mix1;
            v[i] = v[i] * r.Beta2 + gradient * gradient * r.Mix2;
            w[i] = weight - m[i] / (MathF.Sqrt(v[i]) * r.Correction2 + r.Epsilon) * r.Rate;
        }
    }

    /// <summary>
    /// Tells libtorch that the values changed behind its back (their version counts up, so that a graph which saved an old value refuses
    /// backward): a view shares its base's version, and zeroing an empty one costs nothing.
    /// </summary>
    public static void CountVersions(List<Tensor> changed)
    {
        if (changed.Count == 0) return;
        var views = new Tensor[changed.Count];
        for (var i = 0; i < views.Length; i++) views[i] = Narrow.Call(changed[i], 0, 0, 0);
        Zero.CallVoid(views);
    }
}
