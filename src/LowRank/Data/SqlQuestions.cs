// Natural language to SQL, made from a small grammar: every question has one right query, and an exact match is an exact score. A query is
// asked for once, in one of several phrasings, so that no query of the test was trained on in other words.
namespace LowRank;

/// <summary>A query of one table, and its SQL in lower case: <c>select name from employees where age &gt; 30 order by salary desc limit 3</c>.</summary>
/// <param name="Table">Its name.</param>
/// <param name="Column">What is asked for; "*" to count rows.</param>
/// <param name="Aggregate">count, avg, max, min or sum; null for the values themselves.</param>
/// <param name="Filter">A column, one of = &gt; &lt;, a value; null for all rows.</param>
/// <param name="Order">A column and whether it descends; null for any order.</param>
/// <param name="Limit">How many rows; null for all.</param>
public sealed record SqlQuery(string Table, string Column, string? Aggregate = null, (string Column, char Operator, string Value)? Filter = null,
    (string Column, bool Descending)? Order = null, int? Limit = null)
{
    /// <summary>The query as text.</summary>
    public string Sql =>
        $"select {(Aggregate is null ? Column : $"{Aggregate}({Column})")} from {Table}"
        + (Filter is { } f ? $" where {f.Column} {f.Operator} {(char.IsAsciiDigit(f.Value[0]) ? f.Value : $"'{f.Value}'")}" : "")
        + (Order is { } o ? $" order by {o.Column}{(o.Descending ? " desc" : "")}" : "")
        + (Limit is { } limit ? $" limit {limit}" : "");
}

/// <summary>Questions about six tables.</summary>
public static class SqlQuestions
{
    /// <summary>A table: what its rows are called, the column that names a row, columns of words with some of their values, columns of numbers
    /// with values to compare with.</summary>
    private sealed record Schema(string Table, string Name, (string Column, string[] Values)[] Words, (string Column, int[] Values)[] Numbers);

    private static readonly Schema[] Schemas =
    [
        new("employees", "name", [("city", ["paris", "rome", "london", "berlin"]), ("department", ["sales", "law", "research"])],
            [("age", [30, 40, 50, 60]), ("salary", [2000, 3000, 5000])]),
        new("books", "title", [("author", ["austen", "kafka", "woolf"]), ("language", ["english", "french", "german", "latin"])],
            [("pages", [100, 200, 500]), ("price", [10, 20, 50]), ("year", [1800, 1900, 1950])]),
        new("films", "title", [("director", ["hitchcock", "lang", "varda"]), ("country", ["france", "japan", "india"])],
            [("length", [60, 90, 120]), ("year", [1950, 1980, 2000])]),
        new("rivers", "name", [("country", ["egypt", "china", "brazil", "france"]), ("continent", ["africa", "asia", "europe"])],
            [("length", [100, 500, 1000]), ("width", [10, 50, 100])]),
        new("players", "name", [("team", ["red", "blue", "green", "white"]), ("position", ["keeper", "wing", "center"])],
            [("age", [20, 25, 30]), ("goals", [5, 10, 20, 50])]),
        new("plants", "name", [("color", ["red", "white", "yellow"]), ("climate", ["wet", "dry", "cold"])],
            [("height", [1, 2, 5, 10]), ("price", [5, 10, 20])]),
    ];

    /// <summary>Every question, in an order that depends on nothing but the queries: some thousands, each query once.</summary>
    public static IReadOnlyList<(SqlQuery Query, Question Question)> All() =>
        [.. Schemas.SelectMany(Queries).Select(query => (Query: query, Question: new Question(Ask(query), " " + query.Sql))).OrderBy(pair => StableHash.Mix(StableHash.Of(pair.Question.Prompt)))];

    /// <summary>The questions of <see cref="All"/> alone, for training and tests.</summary>
    public static IReadOnlyList<Question> Make() => [.. All().Select(pair => pair.Question)];

    private static IEnumerable<SqlQuery> Queries(Schema schema)
    {
        var filters = schema.Words.SelectMany(w => w.Values.Select(v => (w.Column, Operator: '=', Value: v)))
            .Concat(from n in schema.Numbers from v in n.Values from sign in new[] { '>', '<' } select (n.Column, Operator: sign, Value: $"{v}"))
            .Select(f => ((string, char, string)?)f).Prepend(null).ToList();
        string[] words = [schema.Name, .. schema.Words.Select(w => w.Column)], numbers = [.. schema.Numbers.Select(n => n.Column)];
        foreach (var filter in filters)
        {
            // What is filtered to one value is not asked for.
            foreach (var column in words.Concat(numbers).Where(c => filter is not ({ } f, '=', _) || f != c))
                yield return new(schema.Table, column, null, filter);
            yield return new(schema.Table, "*", "count", filter);
            foreach (var column in numbers)
                foreach (var aggregate in new[] { "avg", "max", "min", "sum" }) yield return new(schema.Table, column, aggregate, filter);
            foreach (var column in numbers)
                foreach (var descending in new[] { false, true })
                {
                    yield return new(schema.Table, schema.Name, null, filter, (column, descending));
                    foreach (var limit in new[] { 1, 3, 10 }) yield return new(schema.Table, schema.Name, null, filter, (column, descending), limit);
                }
        }
    }

    /// <summary>The question; which phrasing depends on the query.</summary>
    private static string Ask(SqlQuery query)
    {
        var dice = StableHash.Mix(StableHash.Of(query.Sql));
        string Pick(params string[] ways)
        {
            var way = ways[dice % (ulong)ways.Length];
            dice = StableHash.Mix(dice);
            return way;
        }
        var (table, column) = (query.Table, query.Column);
        var where = query.Filter switch
        {
            (var c, '>', var v) => Pick($" with {c} above {v}", $" whose {c} is greater than {v}", $" with a {c} of more than {v}"),
            (var c, '<', var v) => Pick($" with {c} below {v}", $" whose {c} is less than {v}", $" with a {c} of less than {v}"),
            (var c, _, var v) => Pick($" with {c} {v}", $" whose {c} is {v}", $" where the {c} is {v}"),
            null => "",
        };
        return (query.Aggregate, query.Order, query.Limit) switch
        {
            ("count", _, _) => Pick($"how many {table}{where} are there", $"count the {table}{where}", $"the number of {table}{where}"),
            ("avg", _, _) => Pick($"the average {column} of {table}{where}", $"what is the mean {column} of {table}{where}"),
            ("max", _, _) => Pick($"the highest {column} of {table}{where}", $"what is the largest {column} of {table}{where}"),
            ("min", _, _) => Pick($"the lowest {column} of {table}{where}", $"what is the smallest {column} of {table}{where}"),
            ("sum", _, _) => Pick($"the total {column} of {table}{where}", $"add up the {column} of {table}{where}"),
            (_, null, _) => Pick($"show the {column} of {table}{where}", $"list the {column} of all {table}{where}", $"what is the {column} of {table}{where}"),
            (_, (var by, true), null) => Pick($"the {column} of {table}{where}, by {by}, largest first", $"list the {column} of {table}{where} by falling {by}"),
            (_, (var by, false), null) => Pick($"the {column} of {table}{where}, by {by}, smallest first", $"list the {column} of {table}{where} by rising {by}"),
            (_, (var by, true), 1) => Pick($"the {column} of the one of the {table}{where} with the largest {by}", $"of all {table}{where}, the {column} of that with the most {by}"),
            (_, (var by, false), 1) => Pick($"the {column} of the one of the {table}{where} with the smallest {by}", $"of all {table}{where}, the {column} of that with the least {by}"),
            (_, (var by, true), { } n) => Pick($"the {column} of the {n} {table}{where} with the largest {by}", $"of all {table}{where}, the {column} of the {n} with the most {by}"),
            (_, (var by, false), { } n) => Pick($"the {column} of the {n} {table}{where} with the smallest {by}", $"of all {table}{where}, the {column} of the {n} with the least {by}"),
        } + ":";
    }
}
