// torch.Tensor: lifetime and identity. Metadata, data and gradients are in the files beside; operators in Tensors/.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>
    /// A tensor of libtorch. Disposing is optional: the handle frees itself when the object is collected, and a DisposeScope
    /// frees what was made inside it. A tensor can't be freed while a call uses it.
    /// </summary>
    public partial class Tensor : IDisposable
    {
        internal readonly TensorHandle handle;
        internal DisposeScope? scope;

        /// <summary>Takes over one reference and enters the thread's current DisposeScope.</summary>
        internal Tensor(nint owned)
        {
            handle = new TensorHandle(owned);
            DisposeScopeManager.Register(this);
        }

        internal static Tensor Own(nint owned) => owned == 0 ? null! : new Tensor(owned);

        /// <summary>libtorch's pointer; valid only while this object is alive.</summary>
        public IntPtr Handle
        {
            get
            {
                var pointer = handle.Acquire();
                handle.DangerousRelease();
                return pointer;
            }
        }

        public bool IsInvalid => handle.IsClosed || handle.IsInvalid;

        public static Tensor UnsafeCreateTensor(IntPtr handle) => Own(handle);

        /// <summary>Gives the reference away; this object is invalid from here on and the caller owns the pointer.</summary>
        public IntPtr DecoupleFromNativeHandle()
        {
            scope?.Forget(this);
            return handle.Take();
        }

        public void Dispose()
        {
            Dispose(true);
            GC.SuppressFinalize(this);
        }

        protected virtual void Dispose(bool disposing)
        {
            if (handle.IsClosed) return;
            DisposeScopeManager.CountDisposed(inScope: scope is not null);
            scope?.Forget(this);
            handle.Dispose();
        }

        /// <summary>Takes this tensor out of every DisposeScope: it lives until it is disposed or collected.</summary>
        public Tensor DetachFromDisposeScope()
        {
            scope?.Detach(this);
            return this;
        }

        /// <inheritdoc cref="DetachFromDisposeScope"/>
        [Obsolete("Use DetachFromDisposeScope")]
        public Tensor DetatchFromDisposeScope() => DetachFromDisposeScope();

        public Tensor MoveToOuterDisposeScope()
        {
            scope?.MoveToOuter(this);
            return this;
        }

        public Tensor MoveToOtherDisposeScope(DisposeScope? other)
        {
            if (scope is { } mine) mine.MoveToOther(other!, this);
            else other?.Attach(this);
            return this;
        }

        public Tensor MoveToOtherDisposeScope(Tensor other) => MoveToOtherDisposeScope(other.scope);

        /// <summary>Same tensor object of libtorch, not same values: see <c>equal</c> and <c>allclose</c> for those.</summary>
        public override bool Equals(object? obj) => obj is Tensor other && Equals(other);

        public bool Equals(Tensor target) => ReferenceEquals(this, target) || (!IsInvalid && !target.IsInvalid && Handle == target.Handle);

        public override int GetHashCode() => base.GetHashCode();
    }
}
