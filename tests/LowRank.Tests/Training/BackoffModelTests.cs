namespace LowRank.Tests.Training;

public class BackoffModelTests
{
    private static readonly int[][] Documents =
    [
        [0, 1, 2, 3, 1, 2, 4, 0],
        [0, 1, 2, 3, 3, 0],
        [0, 4, 2, 3, 1, 0],
    ];

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(5)]
    public void Probabilities_sum_to_one_after_any_context(int order)
    {
        var model = new BackoffModel(order, 6);
        model.Train(Documents);
        foreach (int[] context in new int[][] { [0], [0, 1], [1, 2], [5], [0, 1, 2, 3], [3, 1, 2, 4], [5, 5, 5, 5, 5, 5, 5] })
            Assert.Equal(1, Enumerable.Range(0, 6).Sum(token => model.Probability(context, token)), 12);
    }

    [Fact]
    public void Bigrams_equal_the_formula_worked_by_hand()
    {
        // "0 1 1 2" and "0 1 2": bigrams 01 (2), 11 (1), 12 (2); n1 = 1, n2 = 2, D = 1/5.
        // Continuations: 1 after {0, 1} (2), 2 after {1} (1); n1 = 1, n2 = 1, D = 1/3, total 3, types 2. Uniform: 1/3.
        var model = new BackoffModel(2, 3);
        model.Train([[0, 1, 1, 2], [0, 1, 2]]);
        double p2 = (1 - 1.0 / 3 + 1.0 / 3 * 2 / 3) / 3;                    // lower order
        Assert.Equal((2 - 0.2 + 0.2 * 2 * p2) / 3, model.Probability([1], 2), 12);
        double p0 = 1.0 / 3 * 2 / 3 / 3;
        Assert.Equal(0.2 * 2 * p0 / 3, model.Probability([1], 0), 12);
    }

    [Fact]
    public void A_longer_context_predicts_a_repeating_text_better()
    {
        int[] text = [0, .. Enumerable.Range(0, 300).SelectMany(_ => new[] { 1, 2, 1, 3 })];
        double Loss(int order)
        {
            var model = new BackoffModel(order, 4);
            model.Train([text]);
            return model.Score([text]).Loss;
        }
        Assert.True(Loss(3) < 0.1, $"{Loss(3)}");
        Assert.True(Loss(1) > 0.9, $"{Loss(1)}");
    }
}
