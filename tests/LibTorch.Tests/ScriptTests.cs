// The scripts that CI does not run to their end at least parse, and refuse what they don't know.
using System.Diagnostics;

namespace LibTorch.Tests;

public class ScriptTests
{
    static string Root(string folder) => File.Exists(Path.Combine(folder, "Workbook.sln")) ? folder : Root(Path.GetDirectoryName(folder)!);

    static (int Code, string Errors) Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, errors.Result);
    }

    public static TheoryData<string> Scripts => ["workbook", "tests/native-compat.sh", "tests/nvrtc.sh", "tests/Gpu/pack", "tests/Gpu/run", "src/LibTorch/native/build.sh"];

    [Theory, MemberData(nameof(Scripts))]
    public void A_script_parses(string script) =>
        Assert.Equal((0, ""), Run("bash", "-n", Path.Combine(Root(AppContext.BaseDirectory), script)));

    [Theory]
    [InlineData("no option --gpus", "--gpus"), InlineData("--only needs native, tests, gpu or bench", "--only", "all"), InlineData("\"soon\"", "--minutes", "soon")]
    public void The_GPUs_script_refuses_what_it_does_not_know(string said, params string[] arguments)
    {
        var (code, errors) = Run("bash", [Path.Combine(Root(AppContext.BaseDirectory), "tests/Gpu/run"), .. arguments]);
        Assert.Equal(2, code);
        Assert.Contains(said, errors);
    }
}
