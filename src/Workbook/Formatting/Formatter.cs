// From a value to its mime bundle. A string is text; a type that brings formatters by the TypeFormatterSource convention
// is shown by them; everything else is an HTML table and the same as text for terminals.

namespace Workbook.Formatting;

/// <summary>HTML text that <c>HTML(...)</c> and a formatter make.</summary>
public sealed record HtmlContent(string Text)
{
    public override string ToString() => Text;
}

/// <summary>Formats values for notebooks.</summary>
public static class Formatter
{
    /// <summary>The mime types a value is shown in; <paramref name="mimeTypes"/> limits them, empty for the value's own.</summary>
    public static MimeBundle Format(object? value, params ReadOnlySpan<string> mimeTypes)
    {
        var convention = value is null ? null : ConventionFormatters.For(value.GetType());
        string[] wanted = mimeTypes.Length > 0 ? mimeTypes.ToArray() : convention?.PreferredMimeTypes ?? DefaultTypes(value);
        var bundle = new MimeBundle();
        foreach (string mime in wanted)
        {
            string? content = convention?.Format(mime, value!) ?? Default(mime, value);
            if (content is not null)
                bundle[mime] = content;
        }
        if (mimeTypes.Length == 0 || bundle.Count == 0)
            bundle.TryAdd(MimeBundle.Plain, convention?.Format(MimeBundle.Plain, value!) ?? PlainText.Format(value));
        return bundle;
    }

    private static string[] DefaultTypes(object? value) => value is string ? [MimeBundle.Plain] : [MimeBundle.Html];

    /// <summary>Mime types that every value has, null for another one.</summary>
    private static string? Default(string mime, object? value) => mime switch
    {
        MimeBundle.Plain => PlainText.Format(value),
        MimeBundle.Html => HtmlFormatter.Format(value),
        "application/json" => System.Text.Json.JsonSerializer.Serialize(value),
        "text/csv" => Table.Of(value)?.ToCsv() ?? PlainText.Format(value),
        _ when value is string text => text,
        _ => null,
    };
}
