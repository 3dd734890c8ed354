// Expressions, by precedence from the loosest: a if b else c, or, and, not, comparisons, + −, ~, * / // %, **, unary, then members, calls,
// filters and tests.

using System.Globalization;

namespace LowRank;

internal sealed partial class JinjaParser
{
    /// <summary>An expression, or several with commas: a list.</summary>
    private JinjaExpression Tuple(bool conditional = true)
    {
        var line = Current.Line;
        var first = conditional ? Expression() : Checked(Or());
        if (Current is not { Kind: JinjaKind.Operator, Value: "," }) return first;
        var items = new List<JinjaExpression> { first };
        while (Operator(",") && !Ends()) items.Add(conditional ? Expression() : Checked(Or()));
        return new JinjaList(items, line);
    }

    private bool Ends() => Current.Kind is JinjaKind.CloseBlock or JinjaKind.CloseOutput || Current is { Kind: JinjaKind.Operator, Value: ")" or "]" or "}" };

    private JinjaExpression Expression()
    {
        Enter();
        var value = Or();
        while (Current is { Kind: JinjaKind.Name, Value: "if" } token)
        {
            at++;
            var condition = Or();
            value = new JinjaConditional(condition, value, Word("else") ? Expression() : null, token.Line);
        }
        depth--;
        return Checked(value);
    }

    /// <summary>A chain (1 + 1 + …) is read link by link and carried out as deep as it is long: here its length has an end.</summary>
    private JinjaExpression Checked(JinjaExpression value) => value.Height <= HighestTree ? value
        : throw JinjaLexer.Error(template, value.Line, $"nested too deeply: more than {HighestTree:N0} expressions within each other");

    private JinjaExpression Or() => Words(And, "or");

    private JinjaExpression And() => Words(Not, "and");

    private JinjaExpression Words(Func<JinjaExpression> part, string word)
    {
        var left = part();
        while (Current is { Kind: JinjaKind.Name } token && token.Value == word)
        {
            at++;
            left = new JinjaBinary(word, left, part(), token.Line);
        }
        return left;
    }

    private JinjaExpression Not()
    {
        if (Current is not { Kind: JinjaKind.Name, Value: "not" } token) return Compare();
        at++;
        Enter();
        var value = new JinjaUnary("not", Not(), token.Line);
        depth--;
        return value;
    }

    private JinjaExpression Compare()
    {
        var left = Binary(() => Binary(() => Binary(Power, "*", "/", "//", "%"), "~"), "+", "-");
        JinjaExpression? all = null;
        while (true)
        {
            var token = Current;
            var found = token.Kind == JinjaKind.Operator && token.Value is "==" or "!=" or "<" or ">" or "<=" or ">=" ? token.Value
                : token is { Kind: JinjaKind.Name, Value: "in" } ? "in"
                : token is { Kind: JinjaKind.Name, Value: "not" } && tokens[at + 1] is { Kind: JinjaKind.Name, Value: "in" } ? "not in" : null;
            if (found is null) return all ?? left;
            at += found == "not in" ? 2 : 1;
            var right = Binary(() => Binary(() => Binary(Power, "*", "/", "//", "%"), "~"), "+", "-");
            var pair = new JinjaBinary(found, left, right, token.Line);
            all = all is null ? pair : new JinjaBinary("and", all, pair, token.Line); // a < b < c
            left = right;
        }
    }

    private JinjaExpression Binary(Func<JinjaExpression> part, params string[] operators)
    {
        var left = part();
        while (Current is { Kind: JinjaKind.Operator } token && operators.Contains(token.Value))
        {
            at++;
            left = new JinjaBinary(token.Value, left, part(), token.Line);
        }
        return left;
    }

    private JinjaExpression Power()
    {
        var left = Unary(filters: true);
        while (Current is { Kind: JinjaKind.Operator, Value: "**" } token)
        {
            at++;
            left = new JinjaBinary("**", left, Unary(filters: true), token.Line);
        }
        return left;
    }

    private JinjaExpression Unary(bool filters)
    {
        Enter();
        var token = Current;
        JinjaExpression value = Operator("-") ? new JinjaUnary("-", Unary(filters: false), token.Line) : Operator("+") ? new JinjaUnary("+", Unary(filters: false), token.Line) : Postfix(Primary());
        if (filters) value = Filters(value);
        depth--;
        return value;
    }

    private JinjaExpression Primary()
    {
        var token = Current;
        at++;
        switch (token.Kind)
        {
            case JinjaKind.String:
                var text = token.Value;
                while (Current.Kind == JinjaKind.String) text += tokens[at++].Value; // side by side they are one
                return new JinjaConstant(text, token.Line);
            case JinjaKind.Integer: return new JinjaConstant(long.Parse(token.Value, CultureInfo.InvariantCulture), token.Line);
            case JinjaKind.Float: return new JinjaConstant(double.Parse(token.Value, CultureInfo.InvariantCulture), token.Line);
            case JinjaKind.Name:
                return token.Value switch
                {
                    "true" or "True" => new JinjaConstant(true, token.Line),
                    "false" or "False" => new JinjaConstant(false, token.Line),
                    "none" or "None" => new JinjaConstant(null, token.Line),
                    var name => new JinjaName(name, token.Line),
                };
            case JinjaKind.Operator when token.Value == "(":
                if (Operator(")")) return new JinjaList([], token.Line);
                var inner = Tuple();
                return Operator(")") ? inner : throw Error("a ) is missing");
            case JinjaKind.Operator when token.Value == "[":
                var items = new List<JinjaExpression>();
                while (!Operator("]"))
                {
                    if (items.Count > 0 && (!Operator(",") || Operator("]"))) return tokens[at - 1].Value == "]" ? new JinjaList(items, token.Line) : throw Error("a ] is missing");
                    items.Add(Expression());
                }
                return new JinjaList(items, token.Line);
            case JinjaKind.Operator when token.Value == "{":
                var members = new List<(JinjaExpression, JinjaExpression)>();
                while (!Operator("}"))
                {
                    if (members.Count > 0 && (!Operator(",") || Operator("}"))) return tokens[at - 1].Value == "}" ? new JinjaDictionary(members, token.Line) : throw Error("a } is missing");
                    var key = Expression();
                    if (!Operator(":")) throw Error("a : belongs between key and value");
                    members.Add((key, Expression()));
                }
                return new JinjaDictionary(members, token.Line);
            default:
                at--;
                throw Error(token.Value.Length > 0 ? $"unexpected \"{token.Value}\"" : "an expression is missing");
        }
    }

    private JinjaExpression Postfix(JinjaExpression value)
    {
        while (Current.Kind == JinjaKind.Operator)
        {
            var line = Current.Line;
            if (Operator("."))
                value = new JinjaMember(value, Current.Kind == JinjaKind.Integer ? new JinjaConstant(long.Parse(tokens[at++].Value, CultureInfo.InvariantCulture), line) : new JinjaConstant(Name(), line), line);
            else if (Operator("[")) value = Subscript(value, line);
            else if (Current.Value == "(") value = new JinjaCall(value, Arguments(), line);
            else break;
        }
        return value;
    }

    private JinjaExpression Subscript(JinjaExpression of, int line)
    {
        var parts = new List<JinjaExpression?> { null };
        while (!Operator("]"))
        {
            if (Operator(":")) parts.Add(null);
            else if (parts[^1] is null) parts[^1] = Expression();
            else throw Error("a ] is missing");
        }
        return parts.Count switch
        {
            1 => new JinjaMember(of, parts[0] ?? throw Error("an index is missing"), line),
            2 or 3 => new JinjaSlice(of, parts[0], parts[1], parts.Count == 3 ? parts[2] : null, line),
            _ => throw Error("a slice has at most three parts"),
        };
    }

    private JinjaExpression Filters(JinjaExpression value)
    {
        while (true)
        {
            var line = Current.Line;
            if (Operator("|")) value = new JinjaFilter(value, Name(), Current is { Kind: JinjaKind.Operator, Value: "(" } ? Arguments() : JinjaArguments.None, line);
            else if (Word("is"))
            {
                var negated = Word("not");
                var name = Name();
                var arguments = Current is { Kind: JinjaKind.Operator, Value: "(" } ? Arguments()
                    : Current is { Kind: JinjaKind.Operator, Value: "[" or "{" } || Current.Kind is JinjaKind.String or JinjaKind.Integer or JinjaKind.Float || (Current.Kind == JinjaKind.Name && Current.Value is not ("and" or "or" or "if" or "else" or "is" or "in" or "not"))
                        ? new([Postfix(Primary())], []) : JinjaArguments.None;
                value = new JinjaTest(value, name, arguments, negated, line);
            }
            else return value;
        }
    }

    private JinjaArguments Arguments()
    {
        var (positional, named) = (new List<JinjaExpression>(), new List<(string, JinjaExpression)>());
        Operator("(");
        while (!Operator(")"))
        {
            if (positional.Count + named.Count > 0 && (!Operator(",") || Operator(")"))) return tokens[at - 1].Value == ")" ? new(positional, named) : throw Error("a ) is missing");
            if (Current is { Kind: JinjaKind.Operator, Value: "*" or "**" }) throw Error("arguments with * are not supported");
            if (Current.Kind == JinjaKind.Name && tokens[at + 1] is { Kind: JinjaKind.Operator, Value: "=" })
            {
                var name = Name();
                at++;
                named.Add((name, Expression()));
            }
            else positional.Add(Expression());
        }
        return new(positional, named);
    }
}
