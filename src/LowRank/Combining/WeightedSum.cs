// Several tensors of one shape into one, element by element: cut, elect a sign, add. What TIES (arXiv 2306.01708) and DARE
// (arXiv 2311.03099) do, as PEFT's merge_utils do it: the sign is elected before the weights are applied, an element of 0 has no
// sign and so no vote in the mean, and of a tie + wins.
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank;

internal sealed class WeightedSum(Combination how)
{
    private uint stream;                                // of the generator: every tensor that is cut gets its own

    /// <summary>The combined tensor, of the inputs' shape; the caller disposes it.</summary>
    public Tensor Of(IReadOnlyList<Tensor> tensors, IReadOnlyList<double> weights)
    {
        using var scope = NewDisposeScope();
        var cut = tensors.Select(Trimmed).ToList();
        var elected = Elected(cut);
        var sum = zeros_like(tensors[0]);
        var voters = elected is null ? null : zeros_like(tensors[0]);
        foreach (var (tensor, weight) in cut.Zip(weights))
        {
            if (elected is null)
            {
                sum.add_(tensor, weight);
                continue;
            }
            var agrees = tensor.sign().eq(elected).to(tensor.dtype);
            sum.add_(tensor.mul(agrees), weight);
            voters!.add_(agrees);
        }
        if (voters is not null) sum.div_(voters.clamp_(min: 1));
        return sum.MoveToOuterDisposeScope();
    }

    /// <summary>±1 for each element, or null where none is elected.</summary>
    private Tensor? Elected(List<Tensor> tensors)
    {
        if (how.Election == SignElection.None) return null;
        var votes = zeros_like(tensors[0]);
        foreach (var tensor in tensors) votes.add_(how.Election == SignElection.Total ? tensor : tensor.sign());
        return votes.ge(0).to(votes.dtype).mul_(2).sub_(1);
    }

    private Tensor Trimmed(Tensor tensor) => how.Trimming switch
    {
        Trimming.Magnitude => Largest(tensor),
        Trimming.Random => Dropped(tensor),
        _ => tensor,
    };

    /// <summary>The ⌊density · elements⌋ largest by magnitude, but at least one, among zeros.</summary>
    private Tensor Largest(Tensor tensor)
    {
        var flat = tensor.reshape(-1);
        var count = Math.Max(1, (int)(how.Density * flat.shape[0]));
        var (_, places) = flat.abs().topk(count, sorted: false);
        return zeros_like(flat).index_copy_(0, places, flat.index_select(0, places)).view(tensor.shape);
    }

    /// <summary>Every element stays with the probability of the density, divided by it.</summary>
    private Tensor Dropped(Tensor tensor)
    {
        var numbers = Philox.Uniform(tensor.numel(), how.Seed, stream++, 0, 1);
        var stays = torch.tensor(numbers).to(tensor.device).lt(how.Density).view(tensor.shape);
        return tensor.mul(stays).div_(how.Density);
    }
}
