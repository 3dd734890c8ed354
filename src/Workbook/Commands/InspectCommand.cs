// `workbook inspect`: what a checkpoint's folder or file holds, without loading its weights.

using System.CommandLine;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LowRank;
using Spectre.Console;
using Table = Charts.Table;

namespace Workbook.Commands;

/// <summary>The verb <c>inspect</c>.</summary>
internal static partial class InspectCommand
{
    public static Command Create()
    {
        var path = new Argument<string>("path") { Description = "a model's or an adapter's folder, a .safetensors file (or its index), a config.json or a tokenizer.json" };
        var all = new Option<bool>("--all") { Description = "every tensor by itself; those of like layers are counted together unless said" };
        var command = new Command("inspect", "Shows what a checkpoint holds: shape, tensors, bytes, adapter, tokenizer") { path, all };
        command.SetAction(parsed => Run(parsed.GetValue(path)!, parsed.GetValue(all), AnsiConsole.Console.Profile.Out.Writer));
        return command;
    }

    /// <summary>Prints it; 1 with one sentence when there is nothing that can be read.</summary>
    internal static int Run(string path, bool all, TextWriter log)
    {
        try
        {
            if (Directory.Exists(path)) Folder(path, all, log);
            else if (!File.Exists(path)) throw new FileNotFoundException($"{path} does not exist");
            else if (path.EndsWith(".safetensors", StringComparison.Ordinal))
            {
                using var file = ModelTensors.OpenFile(path);
                Tensors(file, all, log);
            }
            else if (Path.GetFileName(path) is "tokenizer.json") Words(path, log);
            else if (Path.GetFileName(path) is "config.json") Shape(path, log);
            else if (Path.GetFileName(path) == ModelTensors.IndexName) Folder(Path.GetDirectoryName(Path.GetFullPath(path))!, all, log);
            else throw new InvalidDataException($"{path} is no folder, no .safetensors file, no config.json and no tokenizer.json"
                + (Path.GetExtension(path) is ".bin" or ".pt" or ".pth" or ".ckpt" ? "; a pickled file is not read, for reading one can run code that it brings" : ""));
            return 0;
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            log.WriteLine(error.Message);
            return 1;
        }
    }

    private static void Folder(string folder, bool all, TextWriter log)
    {
        var (config, adapter, tokenizer) = (Path.Combine(folder, "config.json"), Path.Combine(folder, "adapter_config.json"), Path.Combine(folder, "tokenizer.json"));
        var seen = false;
        if (seen |= File.Exists(config)) Shape(config, log);
        if (File.Exists(adapter))
        {
            seen = true;
            Adapter(adapter, log);
            using var file = ModelTensors.OpenFile(Path.Combine(folder, "adapter_model.safetensors"));
            Tensors(file, all, log);
        }
        else if (File.Exists(Path.Combine(folder, ModelTensors.FileName)) || File.Exists(Path.Combine(folder, ModelTensors.IndexName)))
        {
            seen = true;
            using var file = ModelTensors.Open(folder);
            Tensors(file, all, log);
        }
        if (File.Exists(tokenizer))
        {
            seen = true;
            Words(tokenizer, log);
        }
        if (!seen) throw new InvalidDataException($"{folder} holds none of config.json, adapter_config.json, {ModelTensors.FileName}, {ModelTensors.IndexName} and tokenizer.json");
    }

    private static void Shape(string path, TextWriter log)
    {
        var config = ModelConfig.Load(path);
        log.WriteLine($"{config.GetType().Name.Replace("Config", "")}, {config.ParameterCount:N0} parameters, stored as {config.StoredType}");
        log.WriteLine($"  layers {config.Layers}, width {config.HiddenSize}, feed-forward {config.IntermediateSize}, heads {config.Heads} of {config.HeadSize} with {config.KeyValueHeads} for keys and values");
        log.WriteLine($"  vocabulary {config.VocabularySize:N0}{(config.TiedEmbeddings ? ", the head is the embedding" : "")}, positions {config.MaxPositions:N0}"
            + (config.Labels is { } labels ? $", a classifier of {labels.Count}: {string.Join(", ", labels.Take(6))}{(labels.Count > 6 ? ", …" : "")}" : ""));
        if (JsonNode.Parse(File.ReadAllText(path))?["quantization_config"] is JsonObject codes)
            log.WriteLine($"  quantized: {string.Join(", ", codes.Where(field => field.Value is JsonValue).Select(field => $"{field.Key} {field.Value}"))}");
        log.WriteLine();
    }

    private static void Adapter(string path, TextWriter log)
    {
        var fields = JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new InvalidDataException($"{path} is not a JSON object");
        log.WriteLine($"an adapter, {fields["peft_type"]}, for {fields["base_model_name_or_path"]?.ToString() ?? "a model that it does not name"}");
        // What is set: no nulls, no empty lists, no false.
        foreach (var (name, value) in fields)
            if (name is not ("peft_type" or "base_model_name_or_path") && value is not null && value.ToJsonString() is not ("false" or "[]" or "{}" or "\"\""))
                log.WriteLine($"  {name}: {value.ToJsonString()}");
        log.WriteLine();
    }

    private static void Words(string path, TextWriter log)
    {
        var tokenizer = Tokenizer.Load(path);
        var special = tokenizer.AddedTokens.Where(token => token.Special).Select(token => token.Content).ToList();
        log.WriteLine($"a tokenizer of {tokenizer.VocabularySize:N0} tokens, {special.Count} of them special: {string.Join(" ", special.Take(8))}{(special.Count > 8 ? " …" : "")}");
    }

    private static void Tensors(ModelTensors file, bool all, TextWriter log)
    {
        var tensors = file.Names.Select(file.Info).ToList();
        var rows = tensors.GroupBy(tensor => (Name: all ? tensor.Name : Number().Replace(tensor.Name, "*"), tensor.Type, Shape: string.Join(" × ", tensor.Shape)));
        log.WriteLine(Table.Of(rows, ("tensor", row => row.Key.Name), ("how many", row => row.Count()), ("type", row => $"{row.Key.Type}"), ("shape", row => row.Key.Shape),
            ("bytes", row => row.Sum(tensor => tensor.ByteCount))).ToString());
        log.WriteLine($"{tensors.Count:N0} tensors, {tensors.Sum(tensor => tensor.ByteCount):N0} bytes in {file.Path}");
        log.WriteLine();
    }

    [GeneratedRegex(@"(?<=\.)\d+(?=\.)")]
    private static partial Regex Number();
}
