using System.Text.RegularExpressions;
using TorchSharp;

namespace LowRank.Tests.Models;

/// <summary>data/base and data/tiny hold to what their cards say.</summary>
public class CommittedModelsTests
{
    private static string Folder(string name) => Path.GetFullPath($"../data/{name}", Golden.TestsFolder);

    [Theory]
    [InlineData("base", 2_000_000, 6_000_000), InlineData("tiny", 500_000, 999_999)]
    public void They_are_of_their_size_and_predict_as_well_as_their_card_says(string name, long least, long most)
    {
        using var model = CausalLm.Load(Folder(name));
        Assert.InRange(model.Config.ParameterCount, least, most);
        Assert.True(new DirectoryInfo(Folder(name)).EnumerateFiles().Sum(f => f.Length) <= 12_000_000);

        // A part of the card's test definitions, so the number is near the card's, not it.
        var card = File.ReadAllText(Path.Combine(Folder(name), "README.md"));
        var said = double.Parse(Regex.Match(card, @"\| held in \|[^*]*\*\*([\d.]+)\*\*").Groups[1].Value);
        var corpus = TokenCorpus.From(model.Tokenizer!, WordNet.Load().HeldIn().Of(Split.Test).Shuffled().Take(400));
        var bits = Evaluation.Score(model, TokenBatches.Texts(corpus, 16, maximumTokens: int.MaxValue).InOrder()).BitsPerCharacter(corpus.Characters);
        Assert.InRange(bits, said - 0.1, said + 0.1);
    }

    [Theory]
    [InlineData("base"), InlineData("tiny")]
    public void The_first_sample_of_the_card_is_drawn_again(string name)
    {
        using var model = CausalLm.Load(Folder(name));
        var card = File.ReadAllText(Path.Combine(Folder(name), "README.md"));
        var first = Regex.Match(card, @"^1\. \*\*(.*)\*\*(.*)$", RegexOptions.Multiline);
        Assert.Equal(first.Groups[2].Value, model.Generate(first.Groups[1].Value, new() { Temperature = 0.7, TopK = 40, Seed = 0 }).TrimEnd());
    }
}
