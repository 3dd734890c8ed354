// A value as text: what a terminal, a test and a mail show.

using System.Globalization;
using System.Runtime.CompilerServices;

namespace Workbook.Formatting;

/// <summary>The text/plain form of any value.</summary>
internal static class PlainText
{
    private const int MaxItems = 100;
    private const int MaxDepth = 3;

    /// <summary>The value as it stands alone: tables and property lists over several lines.</summary>
    public static string Format(object? value)
    {
        if (value is null || value is HtmlContent || Shape.IsScalar(value))
            return Scalar(value);
        if (Table.Of(value) is { } table)
            return table.ToText();
        if (Shape.Items(value) is not null || value is ITuple)
            return Inline(value);
        var members = Shape.Members(value.GetType());
        int width = members.Max(member => member.Name.Length);
        return TypeName(value.GetType()) + "\n" + string.Join("\n", members.Select(member => $"  {member.Name.PadRight(width)}  {Inline(Shape.Read(member, value))}"));
    }

    /// <summary>The value on one line, inside a table or a list.</summary>
    public static string Inline(object? value) => Inline(value, 0);

    private static string Inline(object? value, int depth)
    {
        if (value is null || value is HtmlContent || Shape.IsScalar(value))
            return Scalar(value);
        if (depth >= MaxDepth)
            return TypeName(value.GetType());
        if (value is ITuple tuple)
            return "(" + string.Join(", ", Enumerable.Range(0, tuple.Length).Select(i => Inline(tuple[i], depth + 1))) + ")";
        if (Shape.Items(value) is { } items)
        {
            var shown = items.Take(MaxItems + 1).Select(item => Inline(item, depth + 1)).ToList();
            if (shown.Count > MaxItems)
                shown[MaxItems] = "…";
            return "[" + string.Join(", ", shown) + "]";
        }
        var members = Shape.Members(value.GetType()).Select(member => $"{member.Name} = {Inline(Shape.Read(member, value), depth + 1)}");
        return "{ " + string.Join(", ", members) + " }";
    }

    private static string Scalar(object? value) => value switch
    {
        null => "null",
        Exception error => error.ToString(),
        Type type => TypeName(type),
        IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "null",
    };

    /// <summary>A type's name as C# writes it.</summary>
    public static string TypeName(Type type)
    {
        if (type.IsArray)
            return TypeName(type.GetElementType()!) + "[]";
        if (!type.IsGenericType)
            return type.Name;
        string name = type.Name.Split('`')[0];
        return name.StartsWith("<>", StringComparison.Ordinal) ? "(anonymous)" : $"{name}<{string.Join(", ", type.GetGenericArguments().Select(TypeName))}>";
    }
}
