// Formatters that a library brings without referencing any kernel: an attribute whose simple name is
// TypeFormatterSourceAttribute on the class or a base names a source class; its CreateTypeFormatters() gives objects with
// `string MimeType { get; }` and `bool Format(object, TextWriter)` (false: use the default).

using System.Collections.Concurrent;
using System.Reflection;

namespace Workbook.Formatting;

/// <summary>The formatters that a type brings by convention.</summary>
internal sealed class ConventionFormatters
{
    private const string AttributeName = "TypeFormatterSourceAttribute";
    private static readonly ConcurrentDictionary<Type, ConventionFormatters?> Known = new();

    private readonly (string MimeType, Func<object, TextWriter, bool> Write)[] _formatters;

    private ConventionFormatters(Type source, string[]? preferred)
    {
        var create = source.GetMethod("CreateTypeFormatters", Type.EmptyTypes)
            ?? throw new InvalidOperationException($"{source} has no CreateTypeFormatters()");
        var formatters = create.Invoke(Activator.CreateInstance(source), null) as IEnumerable<object>
            ?? throw new InvalidOperationException($"{source}.CreateTypeFormatters() returned no list");
        _formatters = [.. formatters.Select(formatter => (MimeTypeOf(formatter), WriterOf(formatter)))];
        PreferredMimeTypes = preferred is { Length: > 0 } ? preferred : [.. _formatters.Select(formatter => formatter.MimeType)];
    }

    /// <summary>What to show a value in when nothing else is asked for.</summary>
    public string[] PreferredMimeTypes { get; }

    /// <summary>The formatters of the type, null when it brings none.</summary>
    public static ConventionFormatters? For(Type type) => Known.GetOrAdd(type, Find);

    /// <summary>The value in this mime type, null when no formatter makes it.</summary>
    public string? Format(string mime, object value)
    {
        foreach (var (mimeType, write) in _formatters)
        {
            var text = new StringWriter();
            if (mimeType == mime && write(value, text))
                return text.ToString();
        }
        return null;
    }

    private static ConventionFormatters? Find(Type type)
    {
        for (var owner = type; owner is not null; owner = owner.BaseType)
        {
            var attribute = owner.GetCustomAttributes(inherit: false).FirstOrDefault(found => found.GetType().Name == AttributeName);
            if (attribute is null)
                continue;
            var source = Property(attribute, "FormatterSourceType") as Type
                ?? throw new InvalidOperationException($"{AttributeName} on {owner} names no FormatterSourceType");
            return new ConventionFormatters(source, Property(attribute, "PreferredMimeTypes") as string[]);
        }
        return null;
    }

    private static object? Property(object owner, string name) =>
        owner.GetType().GetProperty(name, BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)?.GetValue(owner);

    private static string MimeTypeOf(object formatter) => Property(formatter, "MimeType") as string
        ?? throw new InvalidOperationException($"{formatter.GetType()} has no MimeType");

    private static Func<object, TextWriter, bool> WriterOf(object formatter)
    {
        var method = formatter.GetType().GetMethod("Format", [typeof(object), typeof(TextWriter)])
            ?? throw new InvalidOperationException($"{formatter.GetType()} has no bool Format(object, TextWriter)");
        return (value, writer) =>
        {
            try
            {
                return (bool)method.Invoke(formatter, [value, writer])!;
            }
            catch (TargetInvocationException error) when (error.InnerException is not null)
            {
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(error.InnerException);
                throw;
            }
        };
    }
}
