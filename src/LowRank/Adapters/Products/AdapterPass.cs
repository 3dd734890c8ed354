// One adapter of one layer in one call: its arguments, its input (x, or x with dropout), and its gradients.
using static TorchSharp.torch;

namespace LowRank;

internal sealed class AdapterPass
{
    private readonly AdaptedPass pass;
    private readonly int firstArgument;
    private readonly bool[] wanted;
    private readonly bool drops;
    private UpdateGradients? step;                      // during backward
    private Tensor? ownReads;
    private int savedMask = -1, savedReads = -1;

    // mayDrop: false where the caller has dropped elements of x already.
    public AdapterPass(LinearAdapter adapter, AdaptedPass pass, List<object> arguments, bool mayDrop = true)
    {
        this.pass = pass;
        Adapter = adapter;
        firstArgument = arguments.Count;
        var tensors = Update.Tensors;
        wanted = new bool[tensors.Count];
        for (var i = 0; i < wanted.Length; i++)
        {
            arguments.Add(tensors[i].Value);
            wanted[i] = tensors[i].Value.requires_grad;
        }
        MagnitudeArgument = arguments.Count;
        if (adapter.Magnitude is { } magnitude) arguments.Add(magnitude);
        drops = mayDrop && adapter.DropsNow;
        if (Update.Reader is { } reader)
        {
            ReaderRows = reader.shape[0];
            if (!drops) Column = pass.Shared.Add(this);
        }
    }

    public LinearAdapter Adapter { get; }

    public Update Update => Adapter.Update;

    public int MagnitudeArgument { get; }

    /// <summary>Rows of the reader, 0 without one.</summary>
    public long ReaderRows { get; }

    /// <summary>First column in the shared reads.</summary>
    public long Column { get; }

    /// <summary>Is ΔW in the matrix that the layer multiplies with, so that dx has come through that?</summary>
    public bool Folded { get; init; }

    /// <summary>Is x dropped in part on this adapter's path, in this call?</summary>
    public bool Drops => drops;

    public bool MagnitudeTrains => Adapter.Magnitude is { requires_grad: true };

    public bool Trains => Array.IndexOf(wanted, true) >= 0 || MagnitudeTrains;

    /// <summary>Does backward need x? Not where a frozen matrix has read it: then what it read, r wide, is enough (AsyLoRA).</summary>
    public bool ReadsInputInBackward => Update.ReaderTrains || (ReaderRows == 0 && Array.IndexOf(wanted, true) >= 0);

    /// <summary>The reader [r, in] in x's type, to be disposed.</summary>
    public Tensor Reader(ScalarType dtype)
    {
        using var constant = Update.Reader!.detach();
        return constant.to(dtype);
    }

    /// <summary>What the adapter reads, [n, in]: x, or x with elements dropped and the others scaled up. To be
    /// disposed.</summary>
    public Tensor Input(Tensor x)
    {
        if (!drops) return x.alias();
        var mask = empty(x.shape, ScalarType.Bool, x.device).bernoulli_(1 - Adapter.Dropout);
        savedMask = pass.Keep(mask, madeHere: true);
        return Masked(x, mask);
    }

    /// <summary>y [n, out] += ΔW input.</summary>
    public void AddTo(Tensor y, Tensor input)
    {
        KeepTensors();
        using var columns = ReaderRows == 0 || drops ? null : pass.Shared.Columns(this);
        if (ReaderRows > 0 && drops)
        {
            using var reader = Reader(input.dtype);
            using var transposed = reader.t();
            ownReads = input.mm(transposed);                                    // [n, in] x [in, r] -> [n, r]
            savedReads = pass.Keep(ownReads, madeHere: true);
        }
        Update.AddTo(y, input, columns ?? ownReads);
        ownReads = null;
    }

    /// <summary>Has autograd watch the update's tensors: backward refuses them if they changed since forward.</summary>
    public void KeepTensors()
    {
        foreach (var tensor in Update.Tensors) pass.Keep(tensor.Value, madeHere: false);
    }

    /// <summary>In backward: the same input again, to be disposed.</summary>
    public Tensor InputAgain(Tensor x, List<Tensor> saved) => drops ? Masked(x, saved[savedMask]) : x.alias();

    /// <summary>dx += what comes through the dropout from the gradient of the adapter's input.</summary>
    public void AddThroughDropout(Tensor dInput, Tensor dx, List<Tensor> saved)
    {
        using var masked = Masked(dInput, saved[savedMask]);
        dx.add_(masked);
    }

    /// <summary>
    /// factor ⊙ dy [n, out] is the gradient of ΔW input, dy itself without a factor; dInput [n, in] gets the adapter's part
    /// added unless the shared product brings it.
    /// </summary>
    public void Backward(Tensor dy, Tensor? factor, Tensor? input, Tensor? dInput, List<Tensor> saved, Tensor?[] gradients)
    {
        var reads = ReaderRows == 0 ? null : drops ? saved[savedReads].alias() : pass.Shared.Columns(this);
        var dReads = ReaderRows == 0 ? null
            : !drops ? pass.Shared.GradientColumns(this)
            : dInput is not null || Update.ReaderTrains ? empty_like(reads!) : null;
        step = new UpdateGradients(wanted, dy, factor) { X = input, Reads = reads, ReadsGradient = dReads, Dx = dInput };
        Update.Backward(step);
        if (drops && dReads is not null)
        {
            using var reader = Reader(dy.dtype);
            if (dInput is not null) dInput.addmm_(dReads, reader);    // [n, r] x [r, in] -> [n, in]
            if (Update.ReaderTrains)
            {
                using var transposed = dReads.t();
                ReaderBackward(transposed.mm(input!), gradients);               // [r, n] x [n, in] -> [r, in]
            }
        }
        Collect(gradients);
        step.Dispose();
        reads?.Dispose();
        dReads?.Dispose();
    }

    public void ReaderBackward(Tensor gradient, Tensor?[] gradients)
    {
        Update.ReaderBackward(gradient, step!);
        Collect(gradients);
    }

    private void Collect(Tensor?[] gradients)
    {
        for (var i = 0; i < wanted.Length; i++) gradients[firstArgument + i] = step![i];
    }

    private Tensor Masked(Tensor tensor, Tensor mask)
    {
        var masked = tensor.mul(mask);
        masked.mul_(1 / (1 - Adapter.Dropout));
        return masked;
    }
}
