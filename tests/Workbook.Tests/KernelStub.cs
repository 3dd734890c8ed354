// What NOTEBOOK-style C# kernels have in common, and nothing more: display, HTML, .Display() and DisplayedValue.Update. Lessons are compiled
// against it, so that a cell which only this repository's kernel would understand fails a test.

#pragma warning disable CA1050 // cells see these without a namespace's using

namespace KernelStub;

/// <summary>The functions that every C# notebook kernel gives its cells.</summary>
public static class Functions
{
    public static DisplayedValue display(object? value, params string[] mimeTypes) => throw new NotSupportedException($"{value} {mimeTypes.Length}");

    public static object HTML(string content) => throw new NotSupportedException(content);

    public static DisplayedValue Display<T>(this T value, params string[] mimeTypes) => throw new NotSupportedException($"{value} {mimeTypes.Length}");
}

/// <summary>A value on display.</summary>
public abstract class DisplayedValue
{
    public abstract void Update(object? value);
}
