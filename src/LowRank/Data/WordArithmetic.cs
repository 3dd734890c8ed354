// Arithmetic in words: "seventeen plus twenty-six is forty-three". Every problem has one right answer, none can be looked up in the base
// model's reading, and the words are its own: a small test of reasoning with an exact score.

namespace LowRank;

/// <summary>Sums, differences and products of small numbers, in English words.</summary>
public static class WordArithmetic
{
    private static readonly string[] Small =
    [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen",
        "seventeen", "eighteen", "nineteen",
    ];

    private static readonly string[] Tens = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

    /// <summary>Every problem with two numbers below a limit, in an order that depends on nothing but the problems: a plus b, a minus b where that
    /// is not negative, and a times b where asked for.</summary>
    /// <param name="limit">Numbers are 0 to one less; at most 100.</param>
    /// <param name="products">Multiplication too.</param>
    public static IReadOnlyList<Question> Problems(int limit = 50, bool products = false)
    {
        if (limit is < 1 or > 100) throw new ArgumentOutOfRangeException(nameof(limit), limit, "numbers below 1 to 100 are asked about");
        var problems = new List<Question>();
        for (var a = 0; a < limit; a++)
            for (var b = 0; b < limit; b++)
            {
                Add("plus", a + b);
                if (a >= b) Add("minus", a - b);
                if (products) Add("times", a * b);

                void Add(string operation, int result) => problems.Add(new($"{InWords(a)} {operation} {InWords(b)} is", $" {InWords(result)}"));
            }
        return [.. problems.OrderBy(problem => StableHash.Mix(StableHash.Of(problem.Prompt)))];
    }

    /// <summary>A number from 0 to 9,999 in English: <c>nine thousand eight hundred and one</c>.</summary>
    public static string InWords(int number) => number switch
    {
        < 0 or > 9999 => throw new ArgumentOutOfRangeException(nameof(number), number, "0 to 9,999 are put into words"),
        < 20 => Small[number],
        < 100 => Tens[number / 10] + (number % 10 == 0 ? "" : "-" + Small[number % 10]),
        < 1000 => Small[number / 100] + " hundred" + (number % 100 == 0 ? "" : " and " + InWords(number % 100)),
        _ => Small[number / 1000] + " thousand" + (number % 1000 == 0 ? "" : (number % 1000 < 100 ? " and " : " ") + InWords(number % 1000)),
    };
}
