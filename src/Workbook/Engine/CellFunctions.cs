// What every cell can call without a using: display, HTML and .Display(). Imported statically into each session.

using Workbook.Formatting;

namespace Workbook.Engine;

/// <summary>The functions that a C# notebook's cells have.</summary>
public static class CellFunctions
{
    /// <summary>Shows a value below the cell, in its own formats or in the given mime types.</summary>
    public static DisplayedValue display(object? value, params string[] mimeTypes) => Session.Current.Show(value, mimeTypes);

    /// <summary>Text that is shown as HTML.</summary>
    public static HtmlContent HTML(string content) => new(content);

    /// <summary>Shows the value below the cell; the same as <see cref="display"/>.</summary>
    public static DisplayedValue Display<T>(this T value, params string[] mimeTypes) => Session.Current.Show(value, mimeTypes);
}

/// <summary>A value that was displayed and can change.</summary>
public sealed class DisplayedValue
{
    private readonly Session _session;
    private readonly string[] _mimeTypes;

    internal DisplayedValue(Session session, string id, string[] mimeTypes) => (_session, DisplayId, _mimeTypes) = (session, id, mimeTypes);

    /// <summary>The display id that front ends know it by.</summary>
    public string DisplayId { get; }

    /// <summary>Puts another value in its place.</summary>
    public void Update(object? value) => _session.Replace(DisplayId, value, _mimeTypes);
}
