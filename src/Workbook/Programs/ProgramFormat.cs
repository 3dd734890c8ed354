// A notebook as a C# file that `dotnet run` takes, in the percent format that editors and jupytext know:
//
//   // %% [markdown] id="…"        the lines below, each behind "// "
//   // %% tags=["parameters"]      a code cell; id, tags, metadata and renamed have JSON values
//
// What a program writes otherwise than a cell is marked, so that the way back gives the cell again:
//
//   //~ using System.IO;           a line of the cell that stands elsewhere in the program, or nowhere (a magic, #r)
//   /*~> Lora */                   a type, which stands behind all statements, in the section [types]
//   display(x); /*~value*/         a trailing expression
//   renamed={"x2":"x"}             names that clashed with another cell's

using System.Text.RegularExpressions;

namespace Workbook.Programs;

/// <summary>The marks of the format.</summary>
internal static partial class ProgramFormat
{
    public const string Aside = "//~ ", Value = " /*~value*/", Statement = ";/*~*/", Types = "types", Program = "program";

    public static string Moved(string type) => $"/*~> {type} */";

    /// <summary>"// %% [kind] attributes".</summary>
    [GeneratedRegex(@"^// %%(?:\s+\[(?<kind>\w+)\])?(?<attributes>(\s.*)?)$")]
    public static partial Regex Header();

    /// <summary>key=JSON, one after another.</summary>
    [GeneratedRegex("""(?<key>\w+)=(?<value>"(?:[^"\\]|\\.)*"|\[.*?\]|\{.*\}|[\w.+-]+)""")]
    public static partial Regex Attribute();

    /// <summary>Would the line be read as a mark?</summary>
    public static bool IsMark(string line) => line.StartsWith(Aside.TrimEnd(), StringComparison.Ordinal) || Header().IsMatch(line);
}
