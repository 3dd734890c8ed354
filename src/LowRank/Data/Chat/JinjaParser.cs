// From tokens to statements: Jinja's grammar as far as chat templates use it. What is Jinja and not here (include, import, extends, call,
// filter blocks …) is refused with its name and line.

using System.Globalization;

namespace LowRank;

internal sealed partial class JinjaParser
{
    /// <summary>Brackets and blocks within each other, which reading takes stack for, and expressions, which carrying out does: with these
    /// a thread of 1.5 MB has enough of it.</summary>
    private const int DeepestNesting = 200, HighestTree = 2_000;

    private readonly List<JinjaToken> tokens;
    private readonly string template;
    private int at;
    private int depth;

    private JinjaParser(string source, string template) => (tokens, this.template) = (new JinjaLexer(source, template).Read(), template);

    /// <exception cref="ChatTemplateException">Names the template, the line, and what is wrong or not supported there.</exception>
    public static IReadOnlyList<JinjaStatement> Parse(string source, string template)
    {
        var parser = new JinjaParser(source, template);
        var body = parser.Body();
        return parser.Current.Kind == JinjaKind.End ? body : throw parser.Error($"unexpected {{% {parser.tokens[parser.at + 1].Value} %}}");
    }

    private JinjaToken Current => tokens[at];

    private ChatTemplateException Error(string message) => JinjaLexer.Error(template, Current.Line, message);

    /// <summary>Statements up to a block that is none of its own, such as else or endif.</summary>
    private IReadOnlyList<JinjaStatement> Body()
    {
        Enter();
        var body = new List<JinjaStatement>();
        while (Current.Kind != JinjaKind.End)
        {
            var token = Current;
            if (token.Kind == JinjaKind.Text)
            {
                body.Add(new JinjaText(token.Value, token.Line));
                at++;
            }
            else if (token.Kind == JinjaKind.OpenOutput)
            {
                at++;
                body.Add(new JinjaOutput(Tuple(), token.Line));
                Expect(JinjaKind.CloseOutput);
            }
            else
            {
                var name = tokens[at + 1];
                if (name.Kind != JinjaKind.Name) throw Error("a block begins with a name");
                if (name.Value is "elif" or "else" || name.Value.StartsWith("end", StringComparison.Ordinal)) break;
                at += 2;
                body.Add(Block(name));
            }
        }
        depth--;
        return body;
    }

    private JinjaStatement Block(JinjaToken name)
    {
        switch (name.Value)
        {
            case "if": return If(name.Line);
            case "for": return For(name.Line);
            case "set": return Set(name.Line);
            case "macro": return Macro(name.Line);
            case "generation":
                Expect(JinjaKind.CloseBlock);
                var generation = new JinjaGeneration(Body(), name.Line);
                End("endgeneration", name);
                return generation;
            case "break" or "continue":
                Expect(JinjaKind.CloseBlock);
                return new JinjaLoopControl(name.Value == "break", name.Line);
            default:
                throw JinjaLexer.Error(template, name.Line, $"{{% {name.Value} %}} is not supported; supported: if, for, set, macro, generation, break, continue");
        }
    }

    private JinjaIf If(int line)
    {
        var branches = new List<(JinjaExpression?, IReadOnlyList<JinjaStatement>)>();
        var begin = tokens[at - 1];
        var condition = Tuple();
        Expect(JinjaKind.CloseBlock);
        branches.Add((condition, Body()));
        while (Next("elif"))
        {
            condition = Tuple();
            Expect(JinjaKind.CloseBlock);
            branches.Add((condition, Body()));
        }
        if (Next("else"))
        {
            Expect(JinjaKind.CloseBlock);
            branches.Add((null, Body()));
        }
        End("endif", begin);
        return new(branches, line);
    }

    private JinjaFor For(int line)
    {
        var begin = tokens[at - 1];
        var targets = Targets();
        if (!Word("in")) throw Error("a for block needs \"in\"");
        var items = Tuple(conditional: false);
        var filter = Word("if") ? Expression() : null;
        if (Current is { Kind: JinjaKind.Name, Value: "recursive" }) throw Error("a recursive for is not supported");
        Expect(JinjaKind.CloseBlock);
        var body = Body();
        IReadOnlyList<JinjaStatement> otherwise = [];
        if (Next("else"))
        {
            Expect(JinjaKind.CloseBlock);
            otherwise = Body();
        }
        End("endfor", begin);
        return new(targets, items, filter, body, otherwise, line);
    }

    private JinjaSet Set(int line)
    {
        var begin = tokens[at - 1];
        var targets = Targets();
        var attribute = targets.Count == 1 && Operator(".") ? Name() : null;
        if (Operator("="))
        {
            var value = Tuple();
            Expect(JinjaKind.CloseBlock);
            return new(targets, attribute, value, null, line);
        }
        if (Current is { Kind: JinjaKind.Operator, Value: "|" }) throw Error("a set block with a filter is not supported");
        Expect(JinjaKind.CloseBlock);
        var body = Body();
        End("endset", begin);
        return new(targets, attribute, null, body, line);
    }

    private JinjaMacro Macro(int line)
    {
        var begin = tokens[at - 1];
        var name = Name();
        var parameters = new List<(string, JinjaExpression?)>();
        if (!Operator("(")) throw Error("a macro needs its parameters in brackets");
        while (!Operator(")"))
        {
            if (parameters.Count > 0 && !Operator(",")) throw Error("a comma belongs between parameters");
            parameters.Add((Name(), Operator("=") ? Expression() : null));
        }
        Expect(JinjaKind.CloseBlock);
        var body = Body();
        End("endmacro", begin);
        return new(name, parameters, body, line);
    }

    private List<string> Targets()
    {
        var names = new List<string>();
        var bracket = Operator("(");
        do names.Add(Name()); while (Operator(","));
        return !bracket || Operator(")") ? names : throw Error("the bracket does not end");
    }

    /// <summary>Goes past the opening and the name of a block if it is that one.</summary>
    private bool Next(string name)
    {
        if (Current.Kind != JinjaKind.OpenBlock || tokens[at + 1] is not { Kind: JinjaKind.Name } next || next.Value != name) return false;
        at += 2;
        return true;
    }

    private void End(string name, JinjaToken begin)
    {
        if (!Next(name)) throw JinjaLexer.Error(template, begin.Line, $"{{% {begin.Value} %}} has no {{% {name} %}}");
        Expect(JinjaKind.CloseBlock);
    }

    private string Name()
    {
        if (Current.Kind != JinjaKind.Name) throw Error($"a name belongs here, not \"{Current.Value}\"");
        return tokens[at++].Value;
    }

    private bool Word(string word)
    {
        if (Current.Kind != JinjaKind.Name || Current.Value != word) return false;
        at++;
        return true;
    }

    private bool Operator(string one)
    {
        if (Current.Kind != JinjaKind.Operator || Current.Value != one) return false;
        at++;
        return true;
    }

    private void Expect(JinjaKind kind)
    {
        if (Current.Kind != kind) throw Error(Current.Value.Length > 0 ? $"unexpected \"{Current.Value}\"" : "the tag ends too early");
        at++;
    }

    private void Enter()
    {
        if (++depth > DeepestNesting) throw Error($"nested more than {DeepestNesting} deep");
    }
}
