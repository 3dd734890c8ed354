namespace LowRank.Tests.Data;

public sealed class WordNetTests : IDisposable
{
    private const string Licence = "  1 This software and database is being provided to you\n";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private IReadOnlyList<Gloss> Load(string noun = "", string verb = "", string adjective = "", string adverb = "")
    {
        folder.File("data.noun", Licence + noun);
        folder.File("data.verb", verb);
        folder.File("data.adj", adjective);
        folder.File("data.adv", adverb);
        return WordNet.Load(folder.Path);
    }

    [Fact]
    public void A_noun_with_its_words_definition_and_examples()
    {
        var gloss = Assert.Single(Load("02084071 05 n 03 dog 0 domestic_dog 0 Canis_familiaris 0 001 @ 02083346 n 0000 | a member of the genus Canis; occurs in many breeds; \"the dog barked; all night\"; \"good dog\"  \n"));
        Assert.Equal(["dog", "domestic dog", "Canis familiaris"], gloss.Words);
        Assert.Equal((PartOfSpeech.Noun, "noun.animal", "n02084071"), (gloss.PartOfSpeech, gloss.Domain, gloss.Id));
        Assert.Equal("a member of the genus Canis; occurs in many breeds", gloss.Definition);
        Assert.Equal(["the dog barked; all night", "good dog"], gloss.Examples);
        Assert.Equal("dog (noun): a member of the genus Canis; occurs in many breeds", gloss.Text);
    }

    [Fact]
    public void Verbs_have_frames_adjectives_markers_and_counts_are_hexadecimal()
    {
        var words = string.Join(' ', Enumerable.Range(0, 16).Select(i => $"w{i} 0"));
        var glosses = Load("00000001 14 n 10 " + words + " 000 | sixteen words\n",
            "00001740 29 v 01 breathe 0 001 @ 00001741 v 0000 02 + 02 00 + 08 00 | draw air into the lungs\n",
            "00013887 00 s 02 abounding 0 galore(ip) 0 000 | existing in abundance\n",
            "00001740 02 r 01 a_cappella 0 000 | without musical accompaniment; \"they performed a cappella\"\n");
        Assert.Equal(16, glosses[0].Words.Count);
        Assert.Equal([PartOfSpeech.Noun, PartOfSpeech.Verb, PartOfSpeech.Adjective, PartOfSpeech.Adverb], glosses.Select(gloss => gloss.PartOfSpeech));
        Assert.Equal(["noun.group", "verb.body", "adj.all", "adv.all"], glosses.Select(gloss => gloss.Domain));
        Assert.Equal(["abounding", "galore"], glosses[2].Words);
        Assert.Equal(["n00000001", "v00001740", "a00013887", "r00001740"], glosses.Select(gloss => gloss.Id));
    }

    [Theory]
    [InlineData("00000001 14 n 01 word 0 000 no gloss")]
    [InlineData("00000001 45 n 01 word 0 000 | unknown file")]
    [InlineData("00000001 xx n 01 word 0 000 | no file")]
    [InlineData("00000001 14 n 09 word 0 000 | fewer words than it says")]
    [InlineData("00000001 14 n 00 000 001 | no word")]
    [InlineData("| ")]
    [InlineData("")]
    public void A_line_that_cannot_be_read_is_named(string line)
    {
        var error = Assert.Throws<InvalidDataException>(() => Load(line + "\n"));
        Assert.Contains(folder.File("data.noun") + ", line 2", error.Message);
    }

    [Fact]
    public void A_missing_file_says_what_to_install() =>
        Assert.Contains("apt-get install wordnet-base", Assert.Throws<FileNotFoundException>(() => WordNet.Load(folder.Path)).Message);

    [Fact]
    public void An_unknown_domain_is_answered_with_the_nearest() =>
        Assert.Contains("nearest: noun.animal", Assert.Throws<ArgumentException>(() => Load().InDomain("noun.animals")).Message);

    [Fact]
    public void The_installed_database_has_its_known_size_and_splits()
    {
        var glosses = WordNet.Load();
        Assert.Equal(117_659, glosses.Count); // WordNet 3.0's number of synsets
        Assert.Equal(117_659, glosses.Select(gloss => gloss.Id).Distinct().Count());
        Assert.Equal(WordNet.Domains.Count, glosses.Select(gloss => gloss.Domain).Distinct().Count());
        Assert.Equal(7_509, glosses.InDomain("noun.animal").Count());
        Assert.DoesNotContain(glosses, gloss => gloss.Definition.Length == 0 || gloss.Word.Contains('_'));

        Assert.Equal(14_901, glosses.HeldOut().Count());
        Assert.Equal(117_659, glosses.HeldOut().Count() + glosses.HeldIn().Count());
        foreach (var (split, share) in new[] { (Split.Train, 0.9), (Split.Validation, 0.05), (Split.Test, 0.05) })
            Assert.Equal(share, (double)glosses.Of(split).Count() / glosses.Count, tolerance: 0.002);
        // Pinned: a changed hash would let a model be tested on what it was trained on.
        Assert.Equal([5_101, 734], new[] { glosses.HeldIn(), glosses.HeldOut() }.Select(part => part.Of(Split.Test).Count()));
        Assert.Equal(glosses.Select(gloss => gloss.Id).Order(), glosses.Reverse().Shuffled().Select(gloss => gloss.Id).Order());
        Assert.Equal(glosses.Shuffled().Take(50), glosses.Reverse().Shuffled().Take(50));
    }
}
