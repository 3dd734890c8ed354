// `workbook merge`: an adapter put into the weights of its model, as a model of its own.

using System.CommandLine;
using LowRank;
using Spectre.Console;

namespace Workbook.Commands;

/// <summary>The verb <c>merge</c>.</summary>
internal static class MergeCommand
{
    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "the base model's folder", Required = true };
        var adapter = new Option<string>("--adapter") { Description = "the adapter's folder", Required = true };
        var output = new Option<string>("--output", "-o") { Description = "the folder to write", Required = true };
        var force = new Option<bool>("--force") { Description = "write over a model that is there" };
        var command = new Command("merge", "Puts an adapter into its model's weights and saves the model") { model, adapter, output, force };
        command.SetAction(parsed => Run(parsed.GetValue(model)!, parsed.GetValue(adapter)!, parsed.GetValue(output)!, parsed.GetValue(force), AnsiConsole.Console.Profile.Out.Writer));
        return command;
    }

    /// <summary>Loads, merges and saves; 1 with one sentence when that can't be.</summary>
    internal static int Run(string folder, string adapter, string output, bool force, TextWriter log)
    {
        try
        {
            if (Path.GetFullPath(output) == Path.GetFullPath(folder)) throw new ArgumentException($"--output is the base model itself, {folder}; name another folder");
            if (!force && File.Exists(Path.Combine(output, ModelTensors.FileName))) throw new ArgumentException($"{output} holds a model already; --force writes over it");
            using var model = CausalLm.Load(folder);
            model.LoadAdapter(adapter, "merged");
            model.Merge(keepOriginal: false);
            model.Save(output);
            var lost = model.LinearLayers().Max(layer => layer.Layer.MergeError);
            log.WriteLine($"{output}: {folder} with {adapter} in its weights" + (lost > 0 ? $"; storing the sum as codes lost up to {100 * lost:0.0} % of a layer's norm" : ""));
            return 0;
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException or NotSupportedException or ArgumentException or InvalidOperationException)
        {
            log.WriteLine(error.Message);
            return 1;
        }
    }
}
