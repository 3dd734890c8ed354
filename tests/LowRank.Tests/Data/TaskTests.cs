using System.Text.RegularExpressions;
using static TorchSharp.torch;

namespace LowRank.Tests.Data;

/// <summary>Tasks with exact scores: questions to SQL, definitions for words, classes of texts.</summary>
public sealed class TaskTests
{
    private static readonly Tokenizer Bytes = Tokenizer.Train([], 257);

    [Fact]
    public void EveryQueryIsAskedForOnceInItsOwnWords()
    {
        var all = SqlQuestions.All();
        Assert.InRange(all.Count, 3000, 6000);
        Assert.Equal(all.Count, all.Select(pair => pair.Query.Sql).Distinct().Count());
        Assert.Equal(all.Count, all.Select(pair => pair.Question.Prompt).Distinct().Count());
        Assert.Equal(all.Select(pair => pair.Question), SqlQuestions.Make());
        Assert.Empty(SqlQuestions.Make().Of(Split.Test).Intersect(SqlQuestions.Make().Of(Split.Train)));
        Assert.InRange(SqlQuestions.Make().Of(Split.Test).Count() / (double)all.Count, 0.08, 0.12);
    }

    [Fact]
    public void AQuestionSaysEverythingThatItsQueryAsksFor()
    {
        foreach (var (query, question) in SqlQuestions.All())
        {
            var words = Regex.Split(question.Prompt, "[^a-z0-9]+").ToHashSet();
            Assert.Contains(query.Table, words);
            Assert.True(query.Column == "*" || words.Contains(query.Column), question.Prompt);
            if (query.Filter is { } filter) Assert.True(words.Contains(filter.Column) && words.Contains(filter.Value), question.Prompt);
            if (query.Order is { } order) Assert.True(words.Contains(order.Column), question.Prompt);
            if (query.Limit is > 1 and { } limit) Assert.Contains($"{limit}", words);
            Assert.Equal(" " + query.Sql, question.Answer);
            Assert.EndsWith(":", question.Prompt);
        }
    }

    [Fact]
    public void TheTextIsSqlOfTheQuery()
    {
        Assert.Equal("select name from employees where city = 'rome' order by age desc limit 3",
            new SqlQuery("employees", "name", null, ("city", '=', "rome"), ("age", true), 3).Sql);
        Assert.Equal("select count(*) from books", new SqlQuery("books", "*", "count").Sql);
        var form = new Regex(@"^select (\w+|(avg|max|min|sum|count)\((\w+|\*)\)) from \w+( where \w+ ([<>] \d+|= '\w+'))?( order by \w+( desc)?)?( limit \d+)?$");
        Assert.All(SqlQuestions.All(), pair => Assert.Matches(form, pair.Query.Sql));
    }

    [Fact]
    public void ADefinitionIsAskedForByWordAndDomain()
    {
        var gloss = new Gloss("n1", ["goulash", "gulyas"], PartOfSpeech.Noun, "noun.food", "a rich meat stew", []);
        Assert.Equal(new Question("goulash, noun.food:", " a rich meat stew"), DefinitionQuestions.Of([gloss]).Single());
        Assert.Equal(("a rich meat stew", WordNet.Domains.ToList().IndexOf("noun.food")), ClassBatches.Domains([gloss]).Single());
    }

    [Fact]
    public void ClassesComeWithTheirTextsFilledUp()
    {
        var (a, b, c) = (Bytes.Id("a"), Bytes.Id("b"), Bytes.Id("c"));
        var batches = new ClassBatches(Bytes, [("abc", 2), ("a", 0), ("", 1)], 2, maximumTokens: 2);
        var all = batches.InOrder().ToList();
        Assert.Equal([(long)a, b, a, 0], all[0].Ids.data<long>().ToArray());
        Assert.Equal([2L, 0], all[0].Labels!.data<long>().ToArray());
        Assert.Equal([0L], all[1].Ids.data<long>().ToArray());
        var classes = Enumerable.Range(0, 3).SelectMany(step => batches.At(step).Labels!.data<long>().ToArray()).ToList();
        Assert.Equal([0L, 1, 2], classes[..3].Order());      // two epochs of three
        Assert.Equal([0L, 1, 2], classes[3..].Order());
        Assert.Contains("counted from 0", Assert.Throws<ArgumentException>(() => new ClassBatches(Bytes, [("a", -1)], 2, 2)).Message);
        Assert.Throws<ArgumentException>(() => new ClassBatches(Bytes, [], 2, 2));
    }
}
