// The only linear layer: y = x Wᵀ + b with named adapters on it. Its forward is one hand-written autograd function
// (AdaptedProduct); merging is in AdaptedLinear.Merging.cs. Training policies (which ranks train, when to restart) watch steps;
// the layer does not know them.
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>
/// A linear layer: x [..., in] to [..., out]. Without an adapter it is a plain linear layer whose weight may train.
/// In a state dict it is <c>weight</c> and <c>bias</c>; the tensors of its adapters are parameters but not part of the base
/// model's state.
/// </summary>
public sealed partial class AdaptedLinear : nn.Module<Tensor, Tensor>
{
    // Named as in a state dict. Moving the module to another device or type replaces them.
    private readonly Parameter weight;                  // empty while W is stored in another form
    private readonly Parameter? bias;

    private readonly List<LinearAdapter> adapters = [];
    private FrozenWeight storage;

    /// <summary>Weight and bias start uniform in ±1/√in.</summary>
    public AdaptedLinear(long inFeatures, long outFeatures, bool hasBias = false, ScalarType? dtype = null, Device? device = null)
        : this(inFeatures, outFeatures, hasBias, isEmbedding: false, isEmpty: false, dtype, device)
    {
    }

    private AdaptedLinear(long inFeatures, long outFeatures, bool hasBias, bool isEmbedding, bool isEmpty, ScalarType? dtype, Device? device)
        : base(nameof(AdaptedLinear))
    {
        if (inFeatures < 1 || outFeatures < 1)
            throw new ArgumentException(
                $"a linear layer needs at least one input and one output; asked for {inFeatures} and {outFeatures}");
        IsEmbedding = isEmbedding;
        weight = new Parameter(isEmpty ? zeros(1, dtype, device).expand(outFeatures, inFeatures) : StartOfWeight(outFeatures, inFeatures, dtype, device));
        if (hasBias) bias = new Parameter(isEmpty ? zeros(outFeatures, dtype, device) : StartOfBias(outFeatures, inFeatures, dtype, device));
        storage = new DenseWeight(weight);
        RegisterComponents();
    }

    /// <summary>A layer whose weight has its shape and no memory (it is one number, expanded), until <see cref="Fill"/> or
    /// <see cref="Take"/> gives it one.</summary>
    internal static AdaptedLinear Empty(long inFeatures, long outFeatures, bool hasBias, ScalarType? dtype, Device? device) =>
        new(inFeatures, outFeatures, hasBias, isEmbedding: false, isEmpty: true, dtype, device);

    /// <summary>Puts numbers of the weight's shape, type and device in its place. They belong to the layer from then on.</summary>
    internal void Fill(Tensor numbers)
    {
        using var grad = no_grad();
        weight.set_(numbers);
    }

    /// <summary>Draws the numbers that a fresh layer starts with, and drops them.</summary>
    internal void DrawStart()
    {
        using var grad = no_grad();
        StartOfWeight(OutFeatures, InFeatures, weight.dtype, weight.device).Dispose();
        if (bias is not null) StartOfBias(OutFeatures, InFeatures, bias.dtype, bias.device).Dispose();
    }

    private Tensor StartOfWeight(long outFeatures, long inFeatures, ScalarType? dtype, Device? device)
    {
        var start = empty(outFeatures, inFeatures, dtype, device);
        return IsEmbedding ? start.normal_() : start.uniform_(-1 / Math.Sqrt(inFeatures), 1 / Math.Sqrt(inFeatures));
    }

    private static Tensor StartOfBias(long outFeatures, long inFeatures, ScalarType? dtype, Device? device) =>
        empty(outFeatures, dtype, device).uniform_(-1 / Math.Sqrt(inFeatures), 1 / Math.Sqrt(inFeatures));

    public long InFeatures => Weight.InFeatures;

    public long OutFeatures => Weight.OutFeatures;

    /// <summary>The bias [out], or null.</summary>
    public Parameter? Bias => bias;

    /// <summary>How W is stored.</summary>
    public FrozenWeight Weight
    {
        get
        {
            if (storage is DenseWeight && !ReferenceEquals(storage.Parameter, weight)) storage = new DenseWeight(weight);
            return storage;
        }
    }

    /// <summary>Stores W in another form, for good: it trains no more, and what the form loses of it is lost. Adapters stay.</summary>
    /// <param name="format">As <see cref="Nf4.WithDoubleQuantization"/>.</param>
    /// <param name="name">What errors call the weight.</param>
    /// <exception cref="InvalidOperationException">An adapter is merged, W is quantized already, or the layer is an embedding.</exception>
    /// <exception cref="ArgumentException">W has a NaN or infinity, or does not fit the format. Nothing is changed.</exception>
    public void Quantize(StorageFormat format, string? name = null)
    {
        CheckQuantize(name ?? "the layer");
        using var grad = no_grad();
        using var dense = weight.detach();
        Take(format.Encode(dense, name));
    }

    /// <summary>Puts a quantized weight of the layer's shape in place of the dense or quantized one, on the layer's device.</summary>
    internal void Take(QuantizedTensor quantized)
    {
        using var grad = no_grad();
        var moved = quantized.To(Weight.Device);
        if (!ReferenceEquals(moved, quantized)) quantized.Dispose();
        if (storage is QuantizedWeight before)
        {
            before.Replace(moved);
            return;
        }
        storage = new QuantizedWeight(moved);
        using var nothing = empty([0], weight.dtype, weight.device);
        weight.requires_grad = false;
        weight.set_(nothing);
    }

    /// <summary>Moves the layer: codes and scales too, to a device as they are, while another element type leaves them alone. What was computed
    /// from the weight before is forgotten.</summary>
    protected override void _toEpilog(ScalarType? dtype, Device? device, bool non_blocking)
    {
        var quantized = storage as QuantizedWeight;
        var moved = device is null ? null : quantized?.Stored.To(device);        // where that fails, nothing has moved yet
        base._toEpilog(dtype, device, non_blocking);
        if (moved is not null) quantized!.Take(moved);
        storage.Invalidate();
        foreach (var adapter in adapters) adapter.Norm.Forget();
    }

    /// <summary>Throws if <see cref="Quantize"/> can't be done whatever the numbers; changes nothing.</summary>
    internal void CheckQuantize(string name)
    {
        RefuseWhileMerged("quantize the weight");
        if (storage is QuantizedWeight { Stored.Format: var format })
            throw new InvalidOperationException($"{name} is stored as {format.GetType().Name} already; quantize the dense model");
        if (IsEmbedding) throw new InvalidOperationException($"{name} is an embedding, which is read by rows; leave it out");
    }

    /// <summary>All adapters, in the order in which they were added.</summary>
    public IReadOnlyList<LinearAdapter> Adapters => adapters;

    /// <summary>False while the adapters are switched off as a whole: the layer then is what it was without them.</summary>
    public bool AdaptersEnabled { get; private set; } = true;

    /// <summary>x [..., in] to [..., out].</summary>
    public override Tensor forward(Tensor x)
    {
        Check(x);
        if (Rows is not null) return MixedProduct.Run(x, this)[0];
        var plain = !HasWork && Weight.Parameter is not null && x.dtype == weight.dtype;
        if (plain && !FewRows.Fit(x, weight)) return nn.functional.linear(x, weight, bias);
        var recorded = is_grad_enabled() && (x.requires_grad || weight.requires_grad || bias?.requires_grad == true);
        return plain && !recorded ? FewRows.Linear(x, weight, bias) : AdaptedProduct.Run(x, this)[0];
    }

    /// <summary>
    /// The outputs of several layers that read the same x, as each one's forward would give them: the small products of their
    /// adapters are one product, and their gradients for x are summed in place.
    /// </summary>
    public static Tensor[] ForwardAll(Tensor x, params ReadOnlySpan<AdaptedLinear> layers)
    {
        var mixed = false;
        foreach (var layer in layers)
        {
            layer.Check(x);
            mixed |= layer.Rows is not null;
        }
        return mixed ? MixedProduct.Run(x, layers) : AdaptedProduct.Run(x, layers);
    }

    /// <summary>Adds an adapter and makes it the only active one.</summary>
    /// <param name="name">A name that no other adapter of this layer has.</param>
    /// <param name="update">ΔW, with this layer's shape.</param>
    /// <param name="decomposed">Split the sum into magnitude and direction (DoRA); the magnitude starts as ‖W‖ of each
    /// row.</param>
    /// <param name="dropout">Share of x dropped on the adapter's path in training.</param>
    /// <param name="trainable">Do its tensors require gradients while it is active?</param>
    public LinearAdapter AddAdapter(
        string name, Update update, bool decomposed = false, double dropout = 0, bool trainable = true)
    {
        CheckName(name);
        if (Find(name) is not null)
            throw new ArgumentException($"the layer already has an adapter \"{name}\"; remove it or choose another name");
        if (update.InFeatures != InFeatures || update.OutFeatures != OutFeatures)
            throw new ArgumentException(
                $"the update is [{update.OutFeatures}, {update.InFeatures}], the layer's weight [{OutFeatures}, {InFeatures}]");
        RefuseWhileMerged($"add the adapter \"{name}\"");
        CheckUpdate(name, update);
        if (decomposed) RefuseOffset(name, update);

        using var grad = no_grad();
        var magnitude = decomposed ? StartingNorm(update) : null;
        var adapter = new LinearAdapter(name, update, magnitude, dropout, trainable);
        register_module(name, adapter);
        adapter.train(training);
        adapters.Add(adapter);
        SetActive(name);
        return adapter;
    }

    /// <summary>‖W + ΔW‖ of each row [out], as the layer is with an adapter that has not been trained.</summary>
    private Tensor StartingNorm(Update update)
    {
        if (update.StartsAtZero) return Weight.RowNormSquared().sqrt();
        using var squared = update.RowNormSquared(Weight);
        return squared.sqrt();
    }

    /// <summary>Takes an adapter off; the layer is as if it had never had it.</summary>
    public void RemoveAdapter(string name)
    {
        var adapter = Required(name);
        RefuseWhileMixed($"remove the adapter \"{name}\"");
        if (merged.Contains(adapter))
            throw new InvalidOperationException($"the adapter \"{name}\" is merged into the weight; call Unmerge first");
        adapters.Remove(adapter);
        ClearModules();
        foreach (var other in adapters) register_module(other.AdapterName, other);
        adapter.Dispose();
    }

    /// <summary>Makes these adapters active and all others inactive. Several add up; at most one of them may be
    /// decomposed.</summary>
    public void SetActive(params ReadOnlySpan<string> names)
    {
        var chosen = CheckActive(names);
        foreach (var adapter in adapters) adapter.IsActive = chosen.Contains(adapter);
    }

    /// <summary>The adapters of these names, if all of them may be active at once.</summary>
    internal List<LinearAdapter> CheckActive(params ReadOnlySpan<string> names)
    {
        var chosen = new List<LinearAdapter>();
        foreach (var name in names) chosen.Add(Required(name));
        RefuseWhileMerged("switch adapters");
        var decomposed = chosen.Where(a => a.Magnitude is not null).Distinct().ToList();
        if (decomposed.Count > 1)
            throw new InvalidOperationException(
                $"the adapters \"{decomposed[0].AdapterName}\" and \"{decomposed[1].AdapterName}\" each split the " +
                "weight into magnitude and direction; both at once have no agreed meaning. Merge one of them first " +
                "(activate it, then Merge(keepOriginal: false)), then activate the other");
        return chosen;
    }

    /// <summary>Switches all adapters on or off; which of them are active stays.</summary>
    public void EnableAdapters(bool enabled = true)
    {
        if (!enabled) RefuseWhileMerged("switch the adapters off");
        AdaptersEnabled = enabled;
    }

    /// <summary>The adapter of that name, or null.</summary>
    public LinearAdapter? Find(string name) => adapters.Find(a => a.AdapterName == name);

    /// <summary>Which row of a batch uses which adapter, while that differs (<see cref="RowAdapters.UseAdapters"/>).</summary>
    internal BatchRows? Rows { get; set; }

    /// <summary>Does forward use this adapter, for all rows or for some?</summary>
    internal bool IsAtWork(LinearAdapter adapter) => AdaptersEnabled && merged.Count == 0 && adapter.IsActive;

    /// <summary>The adapters that forward adds to the product for all rows.</summary>
    internal IEnumerable<LinearAdapter> Working => HasWork ? adapters.Where(a => a.IsActive) : [];

    private bool HasWork => AdaptersEnabled && merged.Count == 0 && Rows is null && adapters.Exists(a => a.IsActive);

    /// <summary>Only the weight and the bias: what the base model's checkpoint holds.</summary>
    public override Dictionary<string, Tensor> state_dict(Dictionary<string, Tensor>? destination = null, string? prefix = null)
    {
        destination ??= [];
        foreach (var (name, parameter) in named_parameters(recurse: false).Where(p => storage is DenseWeight || p.name != nameof(weight)))
            destination.TryAdd(string.IsNullOrEmpty(prefix) ? name : $"{prefix}.{name}", parameter);
        return destination;
    }

    internal static void CheckName(string name)
    {
        if (string.IsNullOrWhiteSpace(name) || name.Contains('.') || name is nameof(weight) or nameof(bias))
            throw new ArgumentException($"\"{name}\" can't be an adapter's name: it must not be empty, contain a dot, or be " +
                "\"weight\" or \"bias\"");
    }

    private LinearAdapter Required(string name) => Find(name)
        ?? throw new ArgumentException($"no adapter \"{name}\"{NearestNames.Suggest(name, adapters.Select(a => a.AdapterName))}");

    private void Check(Tensor x)
    {
        if (x.dim() == 0 || x.shape[^1] != InFeatures)
            throw new ArgumentException($"the layer takes [..., {InFeatures}]; x is [{string.Join(", ", x.shape)}]");
    }

    private static void RefuseOffset(string name, Update update)
    {
        using var offset = update.Offset();
        if (offset is not null)
            throw new ArgumentException(
                $"the adapter \"{name}\" has a bias of its own, which has no place in a decomposed weight; " +
                "leave out the bias or the magnitude");
    }
}
