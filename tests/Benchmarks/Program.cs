// Measures what the README and the notes claim about speed. Every time is given beside something that it can be compared with,
// measured in the same run.
//   dotnet run -c Release --project tests/Benchmarks                 all of them
//   dotnet run -c Release --project tests/Benchmarks -- step         one (step, call)
using System.Globalization;
using Benchmarks;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var wanted = args.Length == 0 ? ["call", "step"] : args;
var unknown = wanted.Except(["call", "step"]).ToArray();
if (unknown.Length > 0)
{
    Console.Error.WriteLine($"no benchmark is called {string.Join(", ", unknown)}; there are: call, step");
    return 2;
}

TorchSharp.torch.set_num_threads(2);
Console.WriteLine($"libtorch {TorchSharp.torch.__version__}, {TorchSharp.torch.get_num_threads()} threads, {Machine.Processor}");
if (Machine.Busy() is { } busy) Console.WriteLine($"warning: {busy}; two-thread times are worth nothing while something else runs");
if (wanted.Contains("call")) OperatorCall.Run();
if (wanted.Contains("step")) TrainingStep.Run();
return 0;
