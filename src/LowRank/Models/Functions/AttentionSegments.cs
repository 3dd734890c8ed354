// Attention of packed rows: each text is taken out of its row into one of its own, attention runs over these, and what comes back is put where the
// text was. Scores are computed within texts alone, Σ nᵢ² of them in place of (Σ nᵢ)².
//
// Texts of similar length form a group, [texts, longest, width], filled up on the right, where a causal token does not see it; each is at least 3/4
// as long as its group's longest. So attention itself, with its windows, prefixes and grouped queries, is the same as for whole rows, and its positions
// count from 0 because each text is a row. A soft prompt's places come before each text of their row: they see none of its tokens, so they are the
// same for all of them, and the first text's copy is the one that is put back.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

internal sealed class AttentionSegments
{
    private const double Shortest = 0.75;       // of a group's longest

    private readonly List<(long Texts, long Tokens)> groups = [];
    private readonly Tensor from;               // [padded] which of the rows' places each place of the groups shows; 0 where it is filling
    private readonly Tensor back;               // [rows · places] where each place of the rows is in the groups; 0 where it is in no text
    private readonly Tensor? unread;            // [padded, 1] what back never says: filling, and further copies of a soft prompt; null: nothing
    private readonly Tensor? outside;           // [rows · places, 1] what is in no text; null: nothing
    private readonly Tensor? copies, copied;    // [n] further copies of a soft prompt's places, and the places; null: none

    /// <inheritdoc cref="Segments.For"/>
    public AttentionSegments(IReadOnlyList<IReadOnlyList<int>> lengths, long tokens, long front, Device device)
    {
        var places = front + tokens;
        Longest = front + lengths.SelectMany(row => row).Max();
        var texts = lengths.SelectMany((row, r) => row.Select((length, i) => (Row: r, First: i == 0, Start: r * places + front + row.Take(i).Sum(), Length: front + length)))
            .OrderByDescending(text => text.Length).ToList();
        var (shown, where, position, further) = (new List<long>(), new long[lengths.Count * places], new long[lengths.Count * places], new List<long>());
        Array.Fill(where, -1);
        for (var next = 0; next < texts.Count;)
        {
            var longest = texts[next].Length;
            var group = texts.Skip(next).TakeWhile(text => text.Length >= Shortest * longest).ToList();
            foreach (var (row, first, start, length) in group)
                for (var i = 0L; i < longest; i++)
                {
                    var place = i < front ? row * places + i : start + i - front;
                    if (i < front && !first) further.Add(shown.Count);
                    else if (i < length) (where[place], position[place]) = (shown.Count, i);
                    shown.Add(i < length ? place : 0);
                }
            groups.Add((group.Count, longest));
            next += group.Count;
        }
        using var scope = NewDisposeScope();
        var read = new bool[shown.Count];
        foreach (var place in where.Where(place => place >= 0)) read[place] = true;
        from = Kept(tensor(shown.ToArray(), device: device));
        back = Kept(tensor(where.Select(place => Math.Max(place, 0)).ToArray(), device: device));
        if (further.Count > 0)
            (copies, copied) = (Kept(tensor(further.ToArray(), device: device)), Kept(tensor(further.Select(one => shown[(int)one]).ToArray(), device: device)));
        if (read.Contains(false)) unread = Kept(tensor(read.Select(r => !r).ToArray(), device: device).unsqueeze(1));
        if (where.Contains(-1)) outside = Kept(tensor(where.Select(place => place < 0).ToArray(), device: device).unsqueeze(1));
        Positions = Kept(tensor(position, [lengths.Count, places], device: device));

        // They live as long as the batch: a layer that is computed again asks for them in backward.
        static Tensor Kept(Tensor made) => made.DetachFromDisposeScope();
    }

    /// <summary>Places of the longest text, the soft prompt's counted.</summary>
    public long Longest { get; }

    /// <summary>Each place's position in its text, [rows, places] int64; 0 where there is none.</summary>
    public Tensor Positions { get; }

    /// <summary>Calls attention for each group.</summary>
    /// <param name="q">[rows, places, heads · d]</param>
    /// <param name="k">[rows, places, key heads · d]</param>
    /// <param name="v">[rows, places, key heads · d]</param>
    /// <param name="attend">Attention of q, k and v [texts, tokens, …], each text at positions from 0 on: [texts, tokens, heads · d].</param>
    /// <returns>[rows, places, heads · d], 0 where there is no text.</returns>
    public Tensor Mix(Tensor q, Tensor k, Tensor v, Func<Tensor, Tensor, Tensor, Tensor> attend)
    {
        using var scope = NewDisposeScope();
        var (queries, keys, values) = (Groups(q), Groups(k), Groups(v));
        var mixed = groups.Select((_, i) => attend(queries[i], keys[i], values[i]).flatten(0, 1)).ToArray();
        return Moved.apply(mixed.Length == 1 ? mixed[0] : cat(mixed), this, false).view(q.shape[0], q.shape[1], -1).MoveToOuterDisposeScope();
    }

    /// <summary>[rows, places, width] to each group's [texts, tokens, width].</summary>
    private Tensor[] Groups(Tensor x)
    {
        var all = Moved.apply(x.flatten(0, 1), this, true);                     // [padded, width]
        var parts = groups.Count == 1 ? [all] : all.split([.. groups.Select(g => g.Texts * g.Tokens)]);
        return [.. parts.Zip(groups, (part, g) => part.view(g.Texts, g.Tokens, -1))];
    }

    /// <summary>Rows [n, width] from the batch's order to the groups' or back, one the other's backward.</summary>
    private sealed class Moved : autograd.SingleTensorFunction<Moved>
    {
        public override string Name => nameof(AttentionSegments);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (x, segments, toGroups) = ((Tensor)vars[0], (AttentionSegments)vars[1], (bool)vars[2]);
            ctx.save_data(nameof(segments), segments);
            ctx.save_data(nameof(toGroups), toGroups);
            return toGroups ? x.index_select(0, segments.from) : Masked(x.index_select(0, segments.back), segments.outside);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            var (segments, toGroups) = ((AttentionSegments)ctx.get_data("segments"), (bool)ctx.get_data("toGroups"));
            using var scope = NewDisposeScope();
            var gradient = toGroups ? Masked(grad_output.index_select(0, segments.back), segments.outside) : Masked(grad_output.index_select(0, segments.from), segments.unread);
            if (toGroups && segments.copies is { } copies) gradient.index_add_(0, segments.copied!, grad_output.index_select(0, copies), 1);
            return [gradient.MoveToOuterDisposeScope(), null!, null!];
        }

        private static Tensor Masked(Tensor x, Tensor? nothing) => nothing is null ? x : x.masked_fill_(nothing, 0);
    }
}
