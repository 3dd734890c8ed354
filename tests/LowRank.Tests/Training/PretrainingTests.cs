using TorchSharp;

namespace LowRank.Tests.Training;

public class PretrainingTests
{
    [Fact]
    public void A_few_steps_on_a_few_definitions_make_a_folder_that_loads_with_its_card()
    {
        using var folder = new TemporaryFolder();
        using var log = new StringWriter();
        var glosses = WordNet.Load().Where((_, index) => index % 100 == 0).ToList();
        var options = new PretrainingOptions { Size = PretrainingSize.Tiny, Output = folder.Path, Steps = 3, Log = log, Glosses = glosses, Checkpoints = new(folder.File("run"), every: 2) };
        var run = Pretraining.Run(options);

        Assert.Equal((3, false), (run.Steps.Count, run.Cancelled));
        using var model = CausalLm.Load(folder.Path);
        Assert.Equal(Tokenizer.EndOfText, model.Tokenizer!.Token(model.Config.EndToken!.Value));
        Assert.Equal(run.Evaluations.Last().Loss, Math.Log(model.Config.VocabularySize), 0.5);
        var card = File.ReadAllText(Path.Combine(folder.Path, "README.md"));
        Assert.Contains("./workbook pretrain --size tiny --steps 3 --seed 1 --output data/tiny", card);
        Assert.Contains($"| held out | {glosses.HeldOut().Of(Split.Test).Count()} |", card);
        Assert.Contains("\n10. **", card);
        Assert.Contains("5-gram of bytes", card);

        Assert.Equal(["step-2", "step-3"], Directory.GetDirectories(folder.File("run")).Select(Path.GetFileName).Order());
        Directory.Delete(folder.File("run/step-3"), recursive: true);           // as if it had been killed after the second step
        var weights = File.ReadAllBytes(folder.File("model.safetensors"));
        Assert.Equal(2, Pretraining.Run(options).ResumedAfter);
        Assert.Equal(weights, File.ReadAllBytes(folder.File("model.safetensors")));
    }

    [Theory]
    [InlineData(PretrainingSize.Tiny, 500_000, 999_999), InlineData(PretrainingSize.Base, 2_000_000, 6_000_000)]
    public void Sizes_are_what_they_are_called(PretrainingSize size, long least, long most)
    {
        var shape = new PretrainingOptions { Size = size, Output = "" }.Shape(Tokenizer.Train(["a b"], 300, [Tokenizer.EndOfText]));
        Assert.InRange((shape with { VocabularySize = PretrainingOptions.VocabularySize }).ParameterCount, least, most);
    }
}
