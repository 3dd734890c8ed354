// Reads WordNet 3's database files (Miller 1995; format in wndb(5WN)). A line of data.noun:
//   02084071 05 n 03 dog 0 domestic_dog 0 Canis_familiaris 0 023 @ 02083346 n 0000 … | a member of the genus Canis …; "the dog barked all night"
//   offset, lexicographer file, type, number of words (hexadecimal), each word with its sense number, pointers, the gloss.

using System.Globalization;

namespace LowRank;

/// <summary>The glosses of WordNet, from Debian's package wordnet-base or a folder that the environment variable WORDNET names.</summary>
public static class WordNet
{
    private const string DebianFolder = "/usr/share/wordnet";

    /// <summary>The lexicographer files, by number: lexnames(5WN).</summary>
    public static IReadOnlyList<string> Domains { get; } =
    [
        "adj.all", "adj.pert", "adv.all", "noun.Tops", "noun.act", "noun.animal", "noun.artifact", "noun.attribute", "noun.body",
        "noun.cognition", "noun.communication", "noun.event", "noun.feeling", "noun.food", "noun.group", "noun.location", "noun.motive",
        "noun.object", "noun.person", "noun.phenomenon", "noun.plant", "noun.possession", "noun.process", "noun.quantity", "noun.relation",
        "noun.shape", "noun.state", "noun.substance", "noun.time", "verb.body", "verb.change", "verb.cognition", "verb.communication",
        "verb.competition", "verb.consumption", "verb.contact", "verb.creation", "verb.emotion", "verb.motion", "verb.perception",
        "verb.possession", "verb.social", "verb.stative", "verb.weather", "adj.ppl",
    ];

    /// <summary>Domains that the base model never sees, kept to adapt to: two large ones with a vocabulary of their own (animals
    /// 7,509 glosses, food 2,573), one of abstract nouns (feelings, 428), one of verbs (motion, 1,408) and one of mixed style
    /// (substances, 2,983). 14,901 glosses in all, one of eight.</summary>
    public static IReadOnlyList<string> HeldOutDomains { get; } = ["noun.animal", "noun.food", "noun.feeling", "noun.substance", "verb.motion"];

    /// <summary>All glosses, nouns first, in the database's order.</summary>
    /// <param name="folder">Where data.noun, data.verb, data.adj and data.adv lie; WORDNET or Debian's folder if left out.</param>
    /// <exception cref="FileNotFoundException">A file is missing; says how to install it.</exception>
    /// <exception cref="InvalidDataException">A line cannot be read; names file and line.</exception>
    public static IReadOnlyList<Gloss> Load(string? folder = null)
    {
        folder ??= Environment.GetEnvironmentVariable("WORDNET") is { Length: > 0 } named ? named : DebianFolder;
        var glosses = new List<Gloss>(120_000);
        foreach (var (name, partOfSpeech) in new[] { ("noun", PartOfSpeech.Noun), ("verb", PartOfSpeech.Verb), ("adj", PartOfSpeech.Adjective), ("adv", PartOfSpeech.Adverb) })
        {
            var path = Path.Combine(folder, $"data.{name}");
            if (!File.Exists(path)) throw new FileNotFoundException($"{path} is missing: install WordNet with `apt-get install wordnet-base`, or set WORDNET to the folder that holds it", path);
            foreach (var (index, line) in File.ReadLines(path).Index())
            {
                if (line.StartsWith("  ", StringComparison.Ordinal)) continue; // the licence, at the top
                glosses.Add(Parse(line, partOfSpeech, name[0]) ?? throw new InvalidDataException($"{path}, line {index + 1}: not a line of WordNet's database: {line[..Math.Min(60, line.Length)]}"));
            }
        }
        return glosses;
    }

    /// <summary>The glosses of one domain. Throws <see cref="ArgumentException"/> that names the nearest domains.</summary>
    public static IEnumerable<Gloss> InDomain(this IEnumerable<Gloss> glosses, string domain) => Domains.Contains(domain)
        ? glosses.Where(gloss => gloss.Domain == domain)
        : throw new ArgumentException($"no domain \"{domain}\"{NearestNames.Suggest(domain, Domains)}", nameof(domain));

    /// <summary>The glosses outside <see cref="HeldOutDomains"/>: what a base model may see.</summary>
    public static IEnumerable<Gloss> HeldIn(this IEnumerable<Gloss> glosses) => glosses.Where(gloss => !HeldOutDomains.Contains(gloss.Domain));

    /// <summary>The glosses of <see cref="HeldOutDomains"/>.</summary>
    public static IEnumerable<Gloss> HeldOut(this IEnumerable<Gloss> glosses) => glosses.Where(gloss => HeldOutDomains.Contains(gloss.Domain));

    /// <summary>The glosses of one part.</summary>
    public static IEnumerable<Gloss> Of(this IEnumerable<Gloss> glosses, Split split) => glosses.Where(gloss => gloss.Split == split);

    /// <summary>The same glosses in an order that depends on nothing but their ids. The database keeps relatives side by side,
    /// which would let a model, or gzip, read one gloss off the one before it.</summary>
    public static IEnumerable<Gloss> Shuffled(this IEnumerable<Gloss> glosses) => glosses.OrderBy(gloss => StableHash.Mix(StableHash.Of(gloss.Id)));

    private static Gloss? Parse(string line, PartOfSpeech partOfSpeech, char letter)
    {
        var bar = line.IndexOf(" | ", StringComparison.Ordinal);
        if (bar < 0) return null;
        var fields = line[..bar].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length < 6 || !int.TryParse(fields[1], out var file) || file < 0 || file >= Domains.Count) return null;
        if (!int.TryParse(fields[3], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var count) || count < 1 || fields.Length < 4 + 2 * count) return null;

        var words = Enumerable.Range(0, count).Select(i => Word(fields[4 + 2 * i])).ToList();
        var (definition, examples) = SplitGloss(line[(bar + 3)..].Trim());
        var id = (partOfSpeech == PartOfSpeech.Adverb ? 'r' : letter) + fields[0];
        return new(id, words, partOfSpeech, Domains[file], definition, examples);
    }

    /// <summary>"galore(ip)" is galore, where it may stand: after its noun.</summary>
    private static string Word(string field)
    {
        var marker = field.EndsWith(')') ? field.LastIndexOf('(') : -1;
        return (marker > 0 ? field[..marker] : field).Replace('_', ' ');
    }

    /// <summary>Parts are separated by semicolons outside quotation marks; those that begin with a quotation mark are examples.</summary>
    private static (string Definition, List<string> Examples) SplitGloss(string gloss)
    {
        var (parts, start, quoted) = (new List<string>(), 0, false);
        for (var i = 0; i <= gloss.Length; i++)
        {
            if (i < gloss.Length && gloss[i] == '"') quoted = !quoted;
            if (i < gloss.Length && (quoted || gloss[i] != ';')) continue;
            parts.Add(gloss[start..i].Trim());
            start = i + 1;
        }
        var definition = string.Join("; ", parts.Where(part => part.Length > 0 && part[0] != '"'));
        var examples = parts.Where(part => part.Length > 0 && part[0] == '"').Select(part => part.Trim('"').Trim()).ToList();
        return (definition, examples);
    }
}
