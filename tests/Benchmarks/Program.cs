// Measures what the README and the notes claim about speed. Every time is given beside something that it can be compared with,
// measured in the same run.
//   dotnet run -c Release --project tests/Benchmarks                    all of them, into tests/Benchmarks/results
//   dotnet run -c Release --project tests/Benchmarks -- step            one (call, step, quantize, matvec)
//   dotnet run -c Release --project tests/Benchmarks -- gpu             on a GPU: its kernels and steps
//   dotnet run -c Release --project tests/Benchmarks -- step --methods DoRA,MoRA    of the steps, these beside LoRA's; nothing is saved
//   … --threads N (as many as cores), --rounds N (25), --output FOLDER, --force (on a busy machine too)
using System.CommandLine;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Benchmarks;
using static TorchSharp.torch;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
string[] known = ["call", "step", "quantize", "matvec"];
var which = new Argument<string[]>("benchmarks") { Description = string.Join(", ", known) + "; gpu needs one and is not among all", Arity = ArgumentArity.ZeroOrMore };
which.AcceptOnlyFromAmong([.. known, "gpu"]);
var threads = new Option<int>("--threads") { Description = "libtorch's threads", DefaultValueFactory = _ => get_num_threads() };
var rounds = new Option<int>("--rounds") { Description = "rounds that count", DefaultValueFactory = _ => 25 };
var output = new Option<string>("--output") { Description = "the folder for the results", DefaultValueFactory = _ => ResultsFolder() };
var methods = new Option<string>("--methods") { Description = "parts of names: only these steps, beside LoRA's", DefaultValueFactory = _ => "" };
var force = new Option<bool>("--force") { Description = "measure although the machine is busy" };
var command = new RootCommand("Measures speed and memory as ratios.") { which, threads, rounds, output, methods, force };
command.SetAction(parsed =>
{
    set_num_threads(parsed.GetValue(threads));
    var onGpu = parsed.GetValue(which)!.Contains("gpu");
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
    var chosen = parsed.GetValue(which) is { Length: > 0 } some ? some : known;
    if (chosen.Contains("call")) OperatorCall.Run(results);
    if (chosen.Contains("step")) TrainingStep.Run(results, parsed.GetValue(rounds), parsed.GetValue(methods)!.Split(',', StringSplitOptions.RemoveEmptyEntries));
    if (chosen.Contains("quantize")) Quantizing.Run(results, parsed.GetValue(rounds));
    if (chosen.Contains("matvec")) Multiplying.Run(results, parsed.GetValue(rounds));
    List<string> failures = [];
    if (onGpu)
    {
        results.Say("GPU", $"{GpuDevice.Name}, second-level cache of {GpuDevice.CacheBytes >> 20} MiB");
        failures = [.. GpuKernels.Run(results, parsed.GetValue(rounds)), .. GpuSteps.Run(results, parsed.GetValue(rounds))];
    }
    Console.WriteLine(results.Markdown());
    if (parsed.GetValue(methods) is { Length: > 0 }) return 0;              // a part is for looking at, not for keeping
    var name = $"{(onGpu ? GpuDevice.Name : Machine.Processor)} {get_num_threads()} threads" + (chosen.Length == known.Length ? "" : $" {string.Join(' ', chosen)}");
    Console.WriteLine($"saved {results.Save(parsed.GetValue(output)!, name)}");
    foreach (var failure in failures) Console.Error.WriteLine($"not measured: {failure}");
    return failures.Count == 0 ? 0 : 1;
});
return command.Parse(args).Invoke();

static string ResultsFolder([CallerFilePath] string file = "") => Path.Combine(Path.GetDirectoryName(file)!, "results");
