// Carries a template out. Whatever goes wrong is reported with the template's name and the line; loops and output have limits, so no template
// runs or grows without end.

using System.Runtime.CompilerServices;
using System.Text;

namespace LowRank;

internal sealed class JinjaInterpreter(string template, IReadOnlyDictionary<string, object?> variables)
{
    private const int MostSteps = 2_000_000, DeepestCalls = 100;

    private readonly List<(int Start, int End)> generated = [];
    private readonly StringBuilder whole = new();
    private StringBuilder output = new();
    private Scope scope = new(null);
    private int steps, calls;

    /// <summary>Names of a loop, a macro or the template.</summary>
    private sealed class Scope(Scope? outer)
    {
        public Scope? Outer { get; } = outer;
        public Dictionary<string, object?> Names { get; } = new(StringComparer.Ordinal);
    }

    private sealed class LoopEnd(bool breaks) : Exception
    {
        public bool Breaks { get; } = breaks;
    }

    /// <summary>The text, and which of its chars stand in generation blocks.</summary>
    public (string Text, IReadOnlyList<(int Start, int End)> Generated) Render(IReadOnlyList<JinjaStatement> body)
    {
        output = whole;
        try
        {
            Run(body);
            return (whole.ToString(), generated);
        }
        catch (OutOfMemoryException error) { throw new ChatTemplateException($"{template}: it takes more memory than there is: {error.Message}"); }
        catch (LoopEnd) { throw new ChatTemplateException($"{template}: a break or continue outside a loop"); }
    }

    private ChatTemplateException Error(JinjaNode node, string message) => JinjaLexer.Error(template, node.Line, message);

    private void Run(IReadOnlyList<JinjaStatement> body)
    {
        foreach (var statement in body)
        {
            Step(statement);
            switch (statement)
            {
                case JinjaText text: output.Append(text.Value); break;
                case JinjaOutput shown: output.Append(JinjaValue.Show(Value(shown.Value))); break;
                case JinjaIf chosen:
                    foreach (var (condition, branch) in chosen.Branches)
                        if (condition is null || JinjaValue.IsTrue(Value(condition)))
                        {
                            Run(branch);
                            break;
                        }
                    break;
                case JinjaFor loop: Loop(loop); break;
                case JinjaSet set: Set(set); break;
                case JinjaMacro macro: scope.Names[macro.Name] = Function(macro, scope); break;
                case JinjaGeneration generation:
                    var start = output.Length;
                    Run(generation.Body);
                    if (!ReferenceEquals(output, whole)) throw Error(generation, "a generation block within a macro or a set block is not supported");
                    generated.Add((start, output.Length));
                    break;
                case JinjaLoopControl control: throw new LoopEnd(control.Breaks);
            }
            if (output.Length > JinjaOperators.LongestText) throw Error(statement, $"the text grows beyond {JinjaOperators.LongestText:N0} characters");
        }
    }

    private void Step(JinjaNode node)
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack()) throw Error(node, "nested too deeply");
        if (++steps > MostSteps) throw Error(node, $"the template does not end within {MostSteps:N0} steps");
    }

    private void Loop(JinjaFor loop)
    {
        var items = Try(loop, () => JinjaValue.Items(Value(loop.Items)));
        var outer = scope;
        try
        {
            if (loop.Filter is not null)
                items = [.. items.Where(item =>
                {
                    scope = new(outer);
                    Assign(loop, loop.Targets, item);
                    return JinjaValue.IsTrue(Value(loop.Filter));
                })];
            for (var i = 0; i < items.Count; i++)
            {
                Step(loop);
                scope = new(outer);
                Assign(loop, loop.Targets, items[i]);
                scope.Names["loop"] = JinjaValue.Map([("index", i + 1L), ("index0", (long)i), ("revindex", (long)items.Count - i), ("revindex0", (long)items.Count - i - 1), ("first", i == 0),
                    ("last", i == items.Count - 1), ("length", (long)items.Count), ("previtem", i > 0 ? items[i - 1] : new JinjaUndefined("loop.previtem")),
                    ("nextitem", i + 1 < items.Count ? items[i + 1] : new JinjaUndefined("loop.nextitem"))]);
                try { Run(loop.Body); }
                catch (LoopEnd end)
                {
                    if (end.Breaks) break;
                }
            }
        }
        finally { scope = outer; }
        if (items.Count == 0) Run(loop.Otherwise);
    }

    private void Set(JinjaSet set)
    {
        var value = set.Body is not null ? Captured(() => Run(set.Body)) : Value(set.Value!);
        if (set.Attribute is null) Assign(set, set.Targets, value);
        else if (Look(set.Targets[0]) is JinjaMap { IsNamespace: true } space) space[set.Attribute] = value;
        else throw Error(set, $"{set.Targets[0]} is no namespace, so its {set.Attribute} can't be set");
    }

    private void Assign(JinjaNode node, IReadOnlyList<string> targets, object? value)
    {
        if (targets.Count == 1)
        {
            scope.Names[targets[0]] = value;
            return;
        }
        var parts = Try(node, () => JinjaValue.Items(value));
        if (parts.Count != targets.Count) throw Error(node, $"{parts.Count} values for {targets.Count} names");
        for (var i = 0; i < parts.Count; i++) scope.Names[targets[i]] = parts[i];
    }

    private string Captured(Action run)
    {
        var outer = output;
        output = new();
        try
        {
            run();
            return output.ToString();
        }
        finally { output = outer; }
    }

    private JinjaFunction Function(JinjaMacro macro, Scope defined) => (positional, named) =>
    {
        if (positional.Count > macro.Parameters.Count) throw new FormatException($"{macro.Name} takes {macro.Parameters.Count} arguments, not {positional.Count}");
        if (named.Keys.FirstOrDefault(name => macro.Parameters.All(parameter => parameter.Name != name)) is { } strange) throw new FormatException($"{macro.Name} has no parameter {strange}");
        if (++calls > DeepestCalls) throw new FormatException($"macros call each other more than {DeepestCalls} deep");
        var outer = scope;
        scope = new(defined);
        try
        {
            foreach (var (index, (name, otherwise)) in macro.Parameters.Index())
                scope.Names[name] = index < positional.Count ? positional[index] : named.TryGetValue(name, out var given) ? given
                    : otherwise is not null ? Value(otherwise) : new JinjaUndefined(name);
            return Captured(() => Run(macro.Body));
        }
        finally
        {
            scope = outer;
            calls--;
        }
    };

    private object? Look(string name)
    {
        for (var current = scope; current is not null; current = current.Outer)
            if (current.Names.TryGetValue(name, out var value)) return value;
        return variables.TryGetValue(name, out var known) ? known : new JinjaUndefined(name);
    }

    /// <summary>Each kind has a method of its own, so that no level of a deep tree takes stack for all kinds.</summary>
    private object? Value(JinjaExpression expression)
    {
        Step(expression);
        return expression switch
        {
            JinjaConstant constant => constant.Value,
            JinjaName name => Look(name.Name),
            JinjaList list => list.Items.Select(Value).ToList(),
            JinjaDictionary map => Map(map),
            JinjaConditional chosen => Conditional(chosen),
            JinjaBinary binary => Binary(binary),
            JinjaUnary unary => Unary(unary),
            JinjaMember member => Member(member),
            JinjaSlice slice => Slice(slice),
            JinjaCall call => Call(call),
            JinjaFilter filter => Filter(filter),
            JinjaTest test => Test(test),
            _ => throw Error(expression, $"{expression.GetType().Name} is not supported"),
        };
    }

    private JinjaMap Map(JinjaDictionary map) => JinjaValue.Map(map.Members.Select(member => (Try(member.Key, () => JinjaValue.Text(Value(member.Key))), Value(member.Value))));

    private object? Conditional(JinjaConditional chosen) => JinjaValue.IsTrue(Value(chosen.Condition)) ? Value(chosen.Then)
        : chosen.Otherwise is null ? new JinjaUndefined("an if without else") : Value(chosen.Otherwise);

    private object? Binary(JinjaBinary binary)
    {
        var left = Value(binary.Left);
        if (binary.Operator is "and" or "or") return JinjaValue.IsTrue(left) == (binary.Operator == "and") ? Value(binary.Right) : left;
        var right = Value(binary.Right);
        return Try(binary, () => JinjaOperators.Binary(binary.Operator, left, right));
    }

    private object? Unary(JinjaUnary unary)
    {
        var of = Value(unary.Of);
        return Try(unary, () => JinjaOperators.Unary(unary.Operator, of));
    }

    private object? Member(JinjaMember member)
    {
        var (of, key) = (Value(member.Of), Value(member.Key));
        return Try(member, () => JinjaOperators.Member(of, key));
    }

    private object? Slice(JinjaSlice slice)
    {
        var (of, start, stop, step) = (Value(slice.Of), Optional(slice.Start), Optional(slice.Stop), Optional(slice.Step));
        return Try(slice, () => JinjaOperators.Slice(of, Place(start), Place(stop), Place(step)));
    }

    private object? Filter(JinjaFilter filter)
    {
        var of = Value(filter.Of);
        var (positional, named) = Given(filter.Arguments);
        return Try(filter, () => JinjaFilters.Apply(filter.Name, of, positional, named, Test));
    }

    private bool Test(JinjaTest test)
    {
        var of = Value(test.Of);
        var (positional, _) = Given(test.Arguments);
        return Try(test, () => JinjaFilters.Test(test.Name, of, positional) != test.Negated);
    }

    private static bool Test(string name, object? value, IReadOnlyList<object?> arguments) => JinjaFilters.Test(name, value, arguments);

    private object? Optional(JinjaExpression? expression) => expression is null ? null : Value(expression);

    private static long? Place(object? value) => value is null ? null : JinjaValue.Whole(value);

    private (IReadOnlyList<object?> Positional, IReadOnlyDictionary<string, object?> Named) Given(JinjaArguments arguments) =>
        ([.. arguments.Positional.Select(Value)], arguments.Named.Count == 0 ? JinjaFilters.NoNames : arguments.Named.ToDictionary(pair => pair.Name, pair => Value(pair.Value)));

    private object? Call(JinjaCall call)
    {
        var (positional, named) = Given(call.Arguments);
        if (call.Function is JinjaMember { Key: JinjaConstant { Value: string method } } member)
        {
            var of = Value(member.Of);
            if (!(of is JinjaMap map && map.TryGetValue(method, out var held) && held is JinjaFunction))
                return Try(call, () => JinjaMethods.Call(of, method, positional, named));
        }
        return Value(call.Function) switch
        {
            JinjaFunction function => Try(call, () => function(positional, named)),
            JinjaUndefined undefined => throw Error(call, $"{undefined.What} is not defined, so it can't be called"),
            var other => throw Error(call, $"{JinjaValue.Kind(other)} can't be called"),
        };
    }

    /// <summary>Gives a problem with values its place.</summary>
    private T Try<T>(JinjaNode node, Func<T> compute)
    {
        try { return compute(); }
        catch (Exception error) when (error is FormatException or OverflowException or ArgumentOutOfRangeException) { throw Error(node, error.Message); }
    }
}
