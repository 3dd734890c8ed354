// Random number generators: libtorch's own, so that a seed draws the same numbers as in PyTorch.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public class Generator : IDisposable
    {
        nint pointer;

        Generator(nint pointer) => this.pointer = pointer;

        internal static Generator Own(nint pointer, Device device) => new(pointer, device);

        Generator(nint pointer, Device device) => (this.pointer, this.device) = (pointer, device);

        /// <summary>A generator of its own; the state starts from <paramref name="seed"/>.</summary>
        public unsafe Generator(ulong seed = 0, Device? device = null)
        {
            var where = device ?? CPU;
            nint made;
            Native.Check(Native.wt_generator_new((int)where.type, where.type == DeviceType.CUDA ? Math.Max(where.index, 0) : -1, seed, &made));
            pointer = made;
            this.device = where;
        }

        /// <summary>What operators draw from when no generator is named, on the CPU.</summary>
        public static unsafe Generator Default
        {
            get
            {
                nint made;
                Native.Check(Native.wt_generator_default((int)DeviceType.CPU, -1, &made));
                return new Generator(made);
            }
        }

        public IntPtr Handle => pointer != 0 ? pointer : throw new ObjectDisposedException(nameof(Generator));

        public Device device { get; } = CPU;

        public Generator manual_seed(long seed)
        {
            Native.Check(Native.wt_generator_manual_seed(Handle, (ulong)seed));
            return this;
        }

        /// <summary>Draws a new seed from the system and returns it.</summary>
        public unsafe long seed()
        {
            ulong value;
            Native.Check(Native.wt_generator_reseed(Handle, &value));
            return (long)value;
        }

        public unsafe long initial_seed()
        {
            ulong value;
            Native.Check(Native.wt_generator_initial_seed(Handle, &value));
            return (long)value;
        }

        /// <summary>The whole state as a byte tensor.</summary>
        public unsafe Tensor get_state()
        {
            nint state;
            Native.Check(Native.wt_generator_state(Handle, &state));
            return Tensor.Own(state);
        }

        public void set_state(Tensor value)
        {
            var state = value.handle.Acquire();
            try { Native.Check(Native.wt_generator_set_state(Handle, state)); }
            finally { value.handle.DangerousRelease(); }
        }

        public void Dispose()
        {
            Dispose(true);
            GC.SuppressFinalize(this);
        }

        protected virtual void Dispose(bool disposing)
        {
            var taken = Interlocked.Exchange(ref pointer, 0);
            if (taken != 0) Native.wt_generator_release(taken);
        }

        ~Generator() => Dispose(false);
    }

    /// <summary>Seeds every device's default generator.</summary>
    public static Generator manual_seed(long seed) => random.manual_seed(seed);

    public static long seed() => random.seed();

    public static long initial_seed() => random.initial_seed();

    public static Tensor get_rng_state() => random.get_rng_state();

    public static void set_rng_state(Tensor new_state) => random.set_rng_state(new_state);

    public static partial class random
    {
        public static Generator manual_seed(long seed)
        {
            Native.Check(Native.wt_manual_seed((ulong)seed));
            return Generator.Default;
        }

        public static long seed()
        {
            using var generator = Generator.Default;
            return generator.seed();
        }

        public static long initial_seed()
        {
            using var generator = Generator.Default;
            return generator.initial_seed();
        }

        public static Tensor get_rng_state()
        {
            using var generator = Generator.Default;
            return generator.get_state();
        }

        public static void set_rng_state(Tensor new_state)
        {
            using var generator = Generator.Default;
            generator.set_state(new_state);
        }
    }
}
