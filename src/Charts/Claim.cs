// A claim of a paper, tested by a cell: what is said, where, what came out here. A lesson's claims are assertions (a verdict that the
// measurement does not bear out stops the notebook), and together they are the ledger on the first page of the exported site.

using System.Collections.Immutable;
using System.Net;
using System.Text.Json;

namespace Charts;

/// <summary>What became of a paper's claim.</summary>
public enum Verdict
{
    /// <summary>It came out here too.</summary>
    Reproduced,

    /// <summary>It did not come out at this size.</summary>
    NotHere,

    /// <summary>What was claimed of a method has another cause, or leads to no answer: another learning rate, a scale, chance.</summary>
    Confounded,

    /// <summary>This run was too short to say.</summary>
    Undecided,
}

/// <summary>A paper's claim and what a cell measured. Shown in a notebook with <c>display</c>.</summary>
/// <param name="Text">The claim, as one sentence: "DoRA beats LoRA at the same rank".</param>
/// <param name="Paper">Whose, and where: "Liu et al. 2024, Table 1".</param>
/// <param name="Verdict">What became of it.</param>
/// <param name="Measured">The numbers that decide.</param>
/// <param name="Seeds">Of the runs behind them; empty where nothing is drawn.</param>
[TypeFormatterSource(typeof(ClaimFormatters), PreferredMimeTypes = [Claim.MimeType, Mime.Html, Mime.Plain])]
public sealed record Claim(string Text, string Paper, Verdict Verdict, string Measured, ImmutableArray<int> Seeds)
{
    /// <summary>The type under which a notebook keeps a claim as data: an object with text, paper, verdict, measured and seeds.</summary>
    public const string MimeType = "application/vnd.workbook.claim+json";

    static readonly JsonSerializerOptions Readable = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The claim came out: <paramref name="holds"/> is the measurement that shows it.</summary>
    /// <param name="text">The claim.</param>
    /// <param name="paper">Whose, and where.</param>
    /// <param name="holds">Does the measurement bear the verdict out?</param>
    /// <param name="measured">The numbers.</param>
    /// <param name="seeds">Of the runs; none where nothing is drawn.</param>
    /// <param name="decided">False in a run that is too short to say: then nothing is asserted, and the verdict says so.</param>
    /// <exception cref="ClaimFailedException">It does not hold in a run that decides.</exception>
    public static Claim Reproduced(string text, string paper, bool holds, string measured, int[]? seeds = null, bool decided = true) =>
        Judge(text, paper, Verdict.Reproduced, holds, measured, seeds, decided);

    /// <summary>The claim did not come out at this size: <paramref name="holds"/> is the measurement that speaks against it.</summary>
    /// <inheritdoc cref="Reproduced"/>
    public static Claim NotHere(string text, string paper, bool holds, string measured, int[]? seeds = null, bool decided = true) =>
        Judge(text, paper, Verdict.NotHere, holds, measured, seeds, decided);

    /// <summary>Something else explains what is claimed: <paramref name="holds"/> is the measurement that shows what.</summary>
    /// <inheritdoc cref="Reproduced"/>
    public static Claim Confounded(string text, string paper, bool holds, string measured, int[]? seeds = null, bool decided = true) =>
        Judge(text, paper, Verdict.Confounded, holds, measured, seeds, decided);

    /// <summary>The verdict in words.</summary>
    public string Words => Verdict switch
    {
        Verdict.Reproduced => "reproduced",
        Verdict.NotHere => "not at this size",
        Verdict.Confounded => "confounded",
        _ => "not decided in this short run",
    };

    /// <summary>The claim as data.</summary>
    public string ToJson() => JsonSerializer.Serialize(new { text = Text, paper = Paper, verdict = Verdict.ToString(), measured = Measured, seeds = Seeds }, Readable);

    /// <summary>Reads what <see cref="ToJson"/> wrote; null when it is something else.</summary>
    public static Claim? FromJson(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            return Enum.TryParse<Verdict>(root.GetProperty("verdict").GetString(), out var verdict)
                ? new(root.GetProperty("text").GetString()!, root.GetProperty("paper").GetString()!, verdict, root.GetProperty("measured").GetString()!,
                    [.. root.GetProperty("seeds").EnumerateArray().Select(seed => seed.GetInt32())])
                : null;
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    /// <summary>The claim for a page.</summary>
    public string ToHtml() => $"""
        <div class="wb-claim" style="border-left:4px solid {Colour};padding:2px 12px;margin:8px 0">
        <div>{WebUtility.HtmlEncode(Text)} <span style="opacity:.7">({WebUtility.HtmlEncode(Paper)})</span></div>
        <div><strong style="color:{Colour}">{Mark} {Words}</strong>: {WebUtility.HtmlEncode(Measured + SeedWords)}</div>
        </div>
        """;

    /// <summary>The claim for a terminal.</summary>
    public override string ToString() => $"{Text} ({Paper})\n  {Mark} {Words}: {Measured}{SeedWords}";

    /// <summary>A sign that tells the verdicts apart without colours.</summary>
    public string Mark => Verdict switch { Verdict.Reproduced => "✓", Verdict.NotHere => "✗", Verdict.Confounded => "≈", _ => "…" };

    /// <summary>A colour that can be read on white and on black.</summary>
    public string Colour => Verdict switch { Verdict.Reproduced => "#2e8b57", Verdict.NotHere => "#d1495b", Verdict.Confounded => "#b8860b", _ => "#7a8490" };

    string SeedWords => Seeds.Length switch { 0 => "", 1 => $" (seed {Seeds[0]})", _ => $" (seeds {string.Join(", ", Seeds)})" };

    static Claim Judge(string text, string paper, Verdict verdict, bool holds, string measured, int[]? seeds, bool decided)
    {
        var claim = new Claim(text, paper, decided ? verdict : Verdict.Undecided, measured, [.. seeds ?? []]);
        return holds || !decided ? claim : throw new ClaimFailedException($"\"{text}\" ({paper}) was to be {(claim with { Verdict = verdict }).Words}; measured: {measured}");
    }
}
