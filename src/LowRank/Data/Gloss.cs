namespace LowRank;

/// <summary>WordNet's four parts of speech (adjective satellites are adjectives).</summary>
public enum PartOfSpeech { Noun, Verb, Adjective, Adverb }

/// <summary>What a text is for: to learn from, to choose by, to report on.</summary>
public enum Split { Train, Validation, Test }

/// <summary>One of WordNet's definitions.</summary>
/// <param name="Id">Part of speech and place in the database, such as <c>n02084071</c>: unique and stable.</param>
/// <param name="Words">The words that have this meaning, the most usual first, with spaces for WordNet's underscores.</param>
/// <param name="PartOfSpeech">Noun, verb, adjective or adverb.</param>
/// <param name="Domain">The lexicographer's file, one of <see cref="WordNet.Domains"/>.</param>
/// <param name="Definition">The gloss without its examples.</param>
/// <param name="Examples">Quoted sentences after the definition, without their quotation marks.</param>
public sealed record Gloss(string Id, IReadOnlyList<string> Words, PartOfSpeech PartOfSpeech, string Domain, string Definition, IReadOnlyList<string> Examples)
{
    /// <summary>The first word.</summary>
    public string Word => Words[0];

    /// <summary>What a language model is asked with: <c>aardvark (noun):</c>. The part of speech tells senses apart and is one
    /// token; the domain is left out, because a held-out domain's name would be a word that the model has never seen, and
    /// because a model that is told the domain need not learn it.</summary>
    public string Prompt => $"{Word} ({PartOfSpeech.ToString().ToLowerInvariant()}):";

    /// <summary>What a language model learns: <c>aardvark (noun): nocturnal burrowing mammal of the grasslands of Africa …</c>.</summary>
    public string Text => $"{Prompt} {Definition}";

    /// <summary>Nine of ten glosses are for training, one of twenty for validation and for testing each: decided by the hash of
    /// <see cref="Id"/>, so a gloss is in the same part in every program and on every machine.</summary>
    public Split Split => (StableHash.Of(Id) % 20) switch { 0 => Split.Test, 1 => Split.Validation, _ => Split.Train };
}
