// WordNet's glosses as questions: a word and its domain are given, the definition is asked for.
namespace LowRank;

/// <summary>Definitions to be given for a word and its domain.</summary>
public static class DefinitionQuestions
{
    /// <summary>A question a gloss: <c>goulash, noun.food:</c>, to be answered with its definition. Take a part of the glosses
    /// (<c>glosses.Of(Split.Train)</c>) before this, not a part of the questions: one word can have two meanings in a domain.</summary>
    public static IEnumerable<Question> Of(IEnumerable<Gloss> glosses) => glosses.Select(gloss => new Question($"{gloss.Word}, {gloss.Domain}:", " " + gloss.Definition));
}
