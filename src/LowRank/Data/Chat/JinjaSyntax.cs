// What a template is made of: statements and expressions.

namespace LowRank;

/// <summary>A template's problem, with its file and line, or what its own raise_exception says.</summary>
public sealed class ChatTemplateException(string message) : Exception(message);

internal abstract record JinjaNode(int Line);

internal abstract record JinjaStatement(int Line) : JinjaNode(Line);

internal sealed record JinjaText(string Value, int Line) : JinjaStatement(Line);
internal sealed record JinjaOutput(JinjaExpression Value, int Line) : JinjaStatement(Line);
internal sealed record JinjaIf(IReadOnlyList<(JinjaExpression? Condition, IReadOnlyList<JinjaStatement> Body)> Branches, int Line) : JinjaStatement(Line);
internal sealed record JinjaFor(IReadOnlyList<string> Targets, JinjaExpression Items, JinjaExpression? Filter, IReadOnlyList<JinjaStatement> Body, IReadOnlyList<JinjaStatement> Otherwise, int Line) : JinjaStatement(Line);

/// <summary>Either names, or one attribute of a namespace; a value, or a body whose text it is.</summary>
internal sealed record JinjaSet(IReadOnlyList<string> Targets, string? Attribute, JinjaExpression? Value, IReadOnlyList<JinjaStatement>? Body, int Line) : JinjaStatement(Line);
internal sealed record JinjaMacro(string Name, IReadOnlyList<(string Name, JinjaExpression? Default)> Parameters, IReadOnlyList<JinjaStatement> Body, int Line) : JinjaStatement(Line);

/// <summary>transformers' tag around what the assistant says.</summary>
internal sealed record JinjaGeneration(IReadOnlyList<JinjaStatement> Body, int Line) : JinjaStatement(Line);
internal sealed record JinjaLoopControl(bool Breaks, int Line) : JinjaStatement(Line);

/// <summary>An expression and what it is made of.</summary>
internal abstract record JinjaExpression : JinjaNode
{
    protected JinjaExpression(int line, params IEnumerable<JinjaExpression?> parts) : base(line) => Height += parts.Max(part => part?.Height) ?? 0;

    /// <summary>How many expressions lie within each other here: carrying it out takes stack for as many.</summary>
    public int Height { get; } = 1;
}

internal sealed record JinjaConstant(object? Value, int Line) : JinjaExpression(Line);
internal sealed record JinjaName(string Name, int Line) : JinjaExpression(Line);
internal sealed record JinjaList(IReadOnlyList<JinjaExpression> Items, int Line) : JinjaExpression(Line, Items);
internal sealed record JinjaDictionary(IReadOnlyList<(JinjaExpression Key, JinjaExpression Value)> Members, int Line) : JinjaExpression(Line, Members.SelectMany(member => new[] { member.Key, member.Value }));
internal sealed record JinjaMember(JinjaExpression Of, JinjaExpression Key, int Line) : JinjaExpression(Line, Of, Key);
internal sealed record JinjaSlice(JinjaExpression Of, JinjaExpression? Start, JinjaExpression? Stop, JinjaExpression? Step, int Line) : JinjaExpression(Line, Of, Start, Stop, Step);
internal sealed record JinjaCall(JinjaExpression Function, JinjaArguments Arguments, int Line) : JinjaExpression(Line, [Function, .. Arguments.All]);
internal sealed record JinjaFilter(JinjaExpression Of, string Name, JinjaArguments Arguments, int Line) : JinjaExpression(Line, [Of, .. Arguments.All]);
internal sealed record JinjaTest(JinjaExpression Of, string Name, JinjaArguments Arguments, bool Negated, int Line) : JinjaExpression(Line, [Of, .. Arguments.All]);
internal sealed record JinjaUnary(string Operator, JinjaExpression Of, int Line) : JinjaExpression(Line, Of);
internal sealed record JinjaBinary(string Operator, JinjaExpression Left, JinjaExpression Right, int Line) : JinjaExpression(Line, Left, Right);
internal sealed record JinjaConditional(JinjaExpression Condition, JinjaExpression Then, JinjaExpression? Otherwise, int Line) : JinjaExpression(Line, Condition, Then, Otherwise);

internal sealed record JinjaArguments(IReadOnlyList<JinjaExpression> Positional, IReadOnlyList<(string Name, JinjaExpression Value)> Named)
{
    public static JinjaArguments None { get; } = new([], []);

    public IEnumerable<JinjaExpression> All => Positional.Concat(Named.Select(pair => pair.Value));
}
