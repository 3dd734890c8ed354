// `workbook chat`: talk to a model, with an adapter or without, in the terminal.

using System.CommandLine;
using LowRank;
using Spectre.Console;
using TorchSharp;

namespace Workbook.Commands;

/// <summary>The verb <c>chat</c>.</summary>
internal static class ChatCommand
{
    private const string Help = "/clear forgets what was said, /adapter NAME takes another adapter (none: the model alone), /quit ends";

    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "the model's folder", Required = true };
        var adapters = new Option<string[]>("--adapter") { Description = "an adapter's folder; several times for several, the first is at work", Arity = ArgumentArity.ZeroOrMore };
        var system = new Option<string?>("--system") { Description = "what the system says first" };
        var quantize = new Option<bool>("--nf4") { Description = "store the weights in four bits" };
        var temperature = new Option<double>("--temperature") { Description = "0: always the likeliest token", DefaultValueFactory = _ => 0.7 };
        var topP = new Option<double>("--top-p") { Description = "draw among the likeliest tokens that have this probability", DefaultValueFactory = _ => 0.95 };
        var topK = new Option<int>("--top-k") { Description = "draw among so many of the likeliest tokens; 0: all" };
        var penalty = new Option<double>("--repetition-penalty") { Description = "above 1: against repeating", DefaultValueFactory = _ => 1 };
        var tokens = new Option<int>("--max-tokens") { Description = "of an answer", DefaultValueFactory = _ => 256 };
        var seed = new Option<long>("--seed") { Description = "of the first answer; the next takes the next" };
        var command = new Command("chat", "Talks to a model in the terminal; a model without a chat template continues what you write") { model, adapters, system, quantize, temperature, topP, topK, penalty, tokens, seed };
        command.SetAction((parsed, cancel) => Task.Run(() => Run(parsed.GetValue(model)!, parsed.GetValue(adapters) ?? [], parsed.GetValue(system), parsed.GetValue(quantize), new()
        {
            Temperature = parsed.GetValue(temperature), TopP = parsed.GetValue(topP), TopK = parsed.GetValue(topK), RepetitionPenalty = parsed.GetValue(penalty),
            MaxNewTokens = parsed.GetValue(tokens), Seed = parsed.GetValue(seed),
        }, Console.In, AnsiConsole.Console.Profile.Out.Writer, cancel), CancellationToken.None));
        return command;
    }

    /// <summary>Reads lines until there are no more; 1 with one sentence when the model or an adapter does not load.</summary>
    internal static int Run(string folder, IReadOnlyList<string> adapters, string? system, bool quantize, GenerationOptions options, TextReader input, TextWriter output, CancellationToken cancel)
    {
        try
        {
            using var model = CausalLm.Load(folder, device: torch.cuda.is_available() ? torch.CUDA : null, quantize: quantize ? Nf4.WithDoubleQuantization : null);
            foreach (var adapter in adapters) model.LoadAdapter(adapter, NameOf(adapter));
            if (adapters.Count > 0) model.SetAdapter(NameOf(adapters[0]));
            var tokenizer = model.Tokenizer ?? throw new InvalidDataException($"{folder} has no tokenizer.json");
            if (system is not null && !tokenizer.HasChatTemplate) throw new ArgumentException($"{folder} has no chat template, so nowhere to put what the system says; leave --system out");
            output.WriteLine(tokenizer.HasChatTemplate ? Help : $"no chat template: the model continues what you write. {Help}");
            Talk(model, tokenizer, adapters, system, options, input, output, cancel);
            return 0;
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException or NotSupportedException or ArgumentException or InvalidOperationException)
        {
            output.WriteLine(error.Message);
            return 1;
        }
    }

    private static void Talk(CausalLm model, Tokenizer tokenizer, IReadOnlyList<string> adapters, string? system, GenerationOptions options, TextReader input, TextWriter output, CancellationToken cancel)
    {
        List<ChatMessage> said = [];
        void Clear()
        {
            said.Clear();
            if (system is not null) said.Add(new("system", system));
        }
        Clear();
        for (var turn = 0L; !cancel.IsCancellationRequested; turn++)
        {
            output.Write("> ");
            output.Flush();
            switch (input.ReadLine()?.Trim())
            {
                case null or "/quit": return;
                case "": continue;
                case "/clear": Clear(); continue;
                case var line when line.StartsWith("/adapter", StringComparison.Ordinal): Switch(model, line["/adapter".Length..].Trim(), adapters, output); continue;
                case var line when line.StartsWith('/'): output.WriteLine(Help); continue;
                case var line:
                    if (tokenizer.HasChatTemplate) said.Add(new("user", line));
                    var ids = tokenizer.HasChatTemplate ? tokenizer.Chat(said, addGenerationPrompt: true) : tokenizer.Encode(line, addSpecialTokens: true);
                    var answer = new System.Text.StringBuilder();
                    foreach (var piece in model.GenerateStream(ids, options with { Seed = options.Seed + turn }))
                    {
                        if (cancel.IsCancellationRequested) break;
                        answer.Append(piece);
                        output.Write(piece);
                        output.Flush();
                    }
                    output.WriteLine();
                    if (tokenizer.HasChatTemplate) said.Add(new(ChatMessage.Assistant, answer.ToString().Trim()));
                    continue;
            }
        }
    }

    private static void Switch(CausalLm model, string name, IReadOnlyList<string> adapters, TextWriter output)
    {
        var names = adapters.Select(NameOf).ToList();
        if (name == "none") model.DisableAdapters();
        else if (names.Contains(name))
        {
            model.EnableAdapters();
            model.SetAdapter(name);
        }
        else output.WriteLine($"no adapter \"{name}\"; there {(names.Count == 0 ? "are none: give --adapter FOLDER" : $"is {string.Join(", ", names)}, and none")}");
    }

    private static string NameOf(string folder) => Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));
}
