// What every cell can call without a using: display, HTML, .Display() and Kernel's questions. Imported statically into each session.

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

    /// <summary>Questions to whoever runs the notebook, by .NET Interactive's names.</summary>
    public static class Kernel
    {
        /// <summary>A line that the user types.</summary>
        /// <exception cref="InvalidOperationException">Nobody can type where this notebook runs.</exception>
        public static Task<string> GetInputAsync(string prompt = "") => AskAsync(prompt, hidden: false);

        /// <summary>A line that the user types and nobody sees.</summary>
        /// <exception cref="InvalidOperationException">Nobody can type where this notebook runs.</exception>
        public static async Task<PasswordString> GetPasswordAsync(string prompt = "") => new(await AskAsync(prompt, hidden: true));

        private static async Task<string> AskAsync(string prompt, bool hidden) => await Session.Current.ReadLineAsync(prompt, hidden)
            ?? throw new InvalidOperationException("the cell asks for input, and nobody can type where this notebook runs; write the value into the cell");
    }
}

/// <summary>A password, which its text form does not show.</summary>
public sealed class PasswordString
{
    private readonly string _text;

    internal PasswordString(string text) => _text = text;

    /// <summary>The password itself.</summary>
    public string GetClearTextPassword() => _text;

    /// <summary>As many stars as the password has characters.</summary>
    public override string ToString() => new('*', _text.Length);
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
