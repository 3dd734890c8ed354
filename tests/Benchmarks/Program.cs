// Measures what the README and the notes claim. Every time is given beside something that it can be compared with, measured in the same run.
//   dotnet run -c Release --project tests/Benchmarks                    what needs no GPU and no patience, into tests/Benchmarks/results
//   dotnet run -c Release --project tests/Benchmarks -- step            one, or several; --help says which there are
//   dotnet run -c Release --project tests/Benchmarks -- step --methods DoRA,MoRA    of the steps, these beside LoRA's; nothing is saved
//   … --threads N (as many as cores), --rounds N (25), --output FOLDER, --force (on a busy machine too)
// What methods learn takes no times, so a busy machine will do; it goes into data/results and can be resumed:
//   dotnet run -c Release --project tests/Benchmarks -- quality         methods over codes beside the same over dense weights
//   dotnet run -c Release --project tests/Benchmarks -- levels          storage levels that change while training
using System.CommandLine;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Benchmarks;
using static TorchSharp.torch;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
(string Name, bool InAll, string What)[] known =
[
    ("call", true, "an operator's call"), ("step", true, "a training step of every method"), ("optimizer", true, "AdamW in float32, in 8 bits and on pages"),
    ("quantize", true, "to codes and back"), ("matvec", true, "products of a few rows with codes"), ("draw", true, "charts of 10,000 numbers"),
    ("generate", false, "text, token by token"), ("packing", false, "examples in rows of their own and packed"), ("precision", false, "16 bits beside 32, with masters and without"), ("large", false, "steps of 98 million parameters over NF4, and their memory"), ("gpu", false, "on a GPU: its kernels and steps"),
];
string[] all = [.. known.Where(one => one.InAll).Select(one => one.Name)];
var which = new Argument<string[]>("benchmarks")
{
    Description = string.Join("; ", known.Select(one => $"{one.Name}: {one.What}")) + $". All but {string.Join(" and ", known.Where(one => !one.InAll).Select(one => one.Name))} unless said",
    Arity = ArgumentArity.ZeroOrMore,
};
which.AcceptOnlyFromAmong([.. known.Select(one => one.Name)]);
var threads = new Option<int>("--threads") { Description = "libtorch's threads", DefaultValueFactory = _ => get_num_threads() };
var rounds = new Option<int>("--rounds") { Description = "rounds that count", DefaultValueFactory = _ => 25 };
var output = new Option<string>("--output") { Description = "the folder for the results", DefaultValueFactory = _ => ResultsFolder() };
var methods = new Option<string>("--methods") { Description = "parts of names: only these, steps beside LoRA's", DefaultValueFactory = _ => "" };
var force = new Option<bool>("--force") { Description = "measure although the machine is busy" };
var command = new RootCommand("Measures speed and memory as ratios.") { which, threads, rounds, output, methods, force };
command.SetAction(parsed =>
{
    set_num_threads(parsed.GetValue(threads));
    var chosen = parsed.GetValue(which) is { Length: > 0 } some ? some : all;
    var onGpu = chosen.Contains("gpu");
    if (onGpu && !cuda.is_available())
    {
        Console.Error.WriteLine("gpu needs an NVIDIA GPU and a libtorch built with CUDA; this libtorch sees no device");
        return 1;
    }
    var busy = Machine.Busy();
    if (busy is not null && !parsed.GetValue(force))
    {
        Console.Error.WriteLine($"{busy}: times would mean nothing; wait, or say --force");
        return 1;
    }
    var results = new Results(new JsonObject
    {
        ["processor"] = Machine.Processor, ["cores"] = Environment.ProcessorCount, ["threads"] = get_num_threads(),
        ["libtorch"] = __version__, [".NET"] = Environment.Version.ToString(), ["BLAS kernels"] = LibTorch.OpenBlas.Kernels ?? "not OpenBLAS", ["machine"] = busy ?? "idle",
    });
    var (count, parts) = (parsed.GetValue(rounds), parsed.GetValue(methods)!.Split(',', StringSplitOptions.RemoveEmptyEntries));
    if (chosen.Contains("call")) OperatorCall.Run(results);
    if (chosen.Contains("step")) TrainingStep.Run(results, count, parts);
    if (chosen.Contains("optimizer")) OptimizerStep.Run(results, count, parts);
    if (chosen.Contains("quantize")) Quantizing.Run(results, count);
    if (chosen.Contains("matvec")) Multiplying.Run(results, count);
    if (chosen.Contains("large")) LargeModel.Run(results, 5);
    if (chosen.Contains("generate")) Generating.Run(results);
    if (chosen.Contains("packing")) PackedRows.Run(results, Math.Min(count, 7));
    if (chosen.Contains("precision")) Precision.Run(results, Math.Min(count, 15), parts);
    if (chosen.Contains("draw")) Drawing.Run(results, count);
    List<string> failures = [];
    if (onGpu)
    {
        results.Say("GPU", $"{GpuDevice.Name}, second-level cache of {GpuDevice.CacheBytes >> 20} MiB");
        failures = [.. GpuKernels.Run(results, count), .. GpuSteps.Run(results, count)];
    }
    Console.WriteLine(results.Markdown());
    if (parts.Length > 0) return 0;              // a part is for looking at, not for keeping
    var name = $"{(onGpu ? GpuDevice.Name : Machine.Processor)} {get_num_threads()} threads" + (chosen.Length == all.Length ? "" : $" {string.Join(' ', chosen)}");
    Console.WriteLine($"saved {results.Save(parsed.GetValue(output)!, name)}");
    foreach (var failure in failures) Console.Error.WriteLine($"not measured: {failure}");
    return failures.Count == 0 ? 0 : 1;
});
command.Subcommands.Add(QuantizedFamily.Create());
command.Subcommands.Add(StorageLevels.Create());
return command.Parse(args).Invoke();

static string ResultsFolder([CallerFilePath] string file = "") => Path.Combine(Path.GetDirectoryName(file)!, "results");
