// What kind of thing a value is when it is shown: a scalar, a sequence or an object with members.

using System.Collections;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Workbook.Formatting;

/// <summary>A public property or field that is shown.</summary>
internal sealed record Member(string Name, Func<object, object?> Get);

/// <summary>Sorts values into scalars, sequences and objects.</summary>
internal static class Shape
{
    /// <summary>Shown as one piece of text: numbers, text, enums, dates, types, delegates and whatever prints itself.</summary>
    public static bool IsScalar(object value) => value switch
    {
        string or Type or Delegate or Exception or IFormattable or bool or char or Uri or Version => true,
        ITuple => false,
        IEnumerable => false,
        _ => value.GetType().IsPrimitive || Members(value.GetType()).Length == 0 || PrintsItself(value.GetType()),
    };

    /// <summary>Whether the class has a ToString of its own; records and anonymous types have the compiler's.</summary>
    private static bool PrintsItself(Type type)
    {
        var method = type.GetMethod(nameof(ToString), Type.EmptyTypes);
        return method is not null && method.DeclaringType != typeof(object) && method.DeclaringType != typeof(ValueType)
            && !method.IsDefined(typeof(CompilerGeneratedAttribute)) && !type.IsDefined(typeof(CompilerGeneratedAttribute));
    }

    /// <summary>The items of a sequence, null when the value is not one.</summary>
    public static IEnumerable<object?>? Items(object? value) => value is IEnumerable sequence and not string ? sequence.Cast<object?>() : null;

    /// <summary>Public properties and fields in the order of their declaration, bases first.</summary>
    public static Member[] Members(Type type)
    {
        const BindingFlags flags = BindingFlags.Public | BindingFlags.Instance;
        var properties = type.GetProperties(flags)
            .Where(property => property.CanRead && property.GetMethod!.IsPublic && property.GetIndexParameters().Length == 0
                && !property.PropertyType.IsByRefLike && !property.PropertyType.IsPointer && !property.PropertyType.IsByRef)
            .Select(property => new Member(property.Name, property.GetValue));
        var fields = type.GetFields(flags).Where(field => !field.FieldType.IsPointer).Select(field => new Member(field.Name, field.GetValue));
        return [.. properties.Concat(fields).DistinctBy(member => member.Name)];
    }

    /// <summary>A member's value; a getter that throws shows what it threw.</summary>
    public static object? Read(Member member, object owner)
    {
        try
        {
            return member.Get(owner);
        }
        catch (TargetInvocationException error)
        {
            return $"{error.InnerException!.GetType().Name}: {error.InnerException.Message}";
        }
    }
}
