// Which row of a batch uses which adapter: the rows sorted so that those of one adapter lie together.
using static TorchSharp.torch;

namespace LowRank;

/// <summary>One adapter, or none, for each row of a batch.</summary>
internal sealed class BatchRows : IDisposable
{
    private readonly string?[] names;
    private readonly Dictionary<string, (Tensor Order, Tensor Back)> places = [];       // by device

    public BatchRows(ReadOnlySpan<string?> names)
    {
        this.names = names.ToArray();
        var start = 0L;
        var groups = new List<(string? Name, long Start, long Count)>();
        foreach (var group in this.names.GroupBy(n => n))
        {
            groups.Add((group.Key, start, group.Count()));
            start += group.Count();
        }
        Groups = groups;
    }

    /// <summary>An adapter and its rows in the sorted batch. A name of null: none.</summary>
    public IReadOnlyList<(string? Name, long Start, long Count)> Groups { get; }

    /// <summary>Throws if the batch has another number of rows.</summary>
    public void Check(Tensor x)
    {
        if (x.dim() < 2 || x.shape[0] != names.Length)
            throw new ArgumentException($"UseAdapters named an adapter for each of {names.Length} rows; the batch is " +
                $"[{string.Join(", ", x.shape)}], rows first");
    }

    /// <summary>The rows in the order of the groups; itself if they lie so already.</summary>
    public Tensor Sorted(Tensor batch) => IsSorted ? batch : batch.index_select(0, Places(batch).Order);

    /// <summary>The rows of a sorted batch where they were.</summary>
    public Tensor Unsorted(Tensor sorted) => IsSorted ? sorted : sorted.index_select(0, Places(sorted).Back);

    public void Dispose()
    {
        foreach (var (order, back) in places.Values)
        {
            order.Dispose();
            back.Dispose();
        }
        places.Clear();
    }

    private bool IsSorted => !Order.Where((row, place) => row != place).Any();

    private int[] Order => field ??= [.. names.Index().GroupBy(n => n.Item, n => n.Index).SelectMany(g => g)];

    private (Tensor Order, Tensor Back) Places(Tensor like)
    {
        var device = like.device.ToString();
        if (places.TryGetValue(device, out var known)) return known;
        var back = new long[Order.Length];
        foreach (var (place, row) in Order.Index()) back[row] = place;
        Tensor There(long[] numbers)
        {
            using var here = tensor(numbers, ScalarType.Int64);
            return here.to(like.device, copy: true).DetachFromDisposeScope();
        }
        return places[device] = (There([.. Order.Select(row => (long)row)]), There(back));
    }
}
