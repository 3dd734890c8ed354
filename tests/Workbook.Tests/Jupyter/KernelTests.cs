using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Workbook.Jupyter;

namespace Workbook.Tests.Jupyter;

/// <summary>The protocol, against one kernel that must survive all of it.</summary>
public sealed class KernelTests(KernelProcess kernel) : IClassFixture<KernelProcess>
{
    readonly KernelClient _client = kernel.Client;

    [Fact]
    public void AKernelSaysWhatItIs()
    {
        foreach (var channel in (Channel[])[Channel.Shell, Channel.Control])
        {
            var info = _client.Ask("kernel_info_request", channel: channel);
            Assert.Equal(("ok", "5.4"), ((string)info["status"]!, (string)info["protocol_version"]!));
            Assert.Equal(("C#", "text/x-csharp", ".cs"), ((string)info["language_info"]!["name"]!, (string)info["language_info"]!["mimetype"]!, (string)info["language_info"]!["file_extension"]!));
        }
    }

    [Fact]
    public void ACellIsFramedAndItsOutputComesInOrder()
    {
        string id = _client.SendExecute("Console.Write(\"a\"); Console.Error.Write(\"b\"); var shown = display(\"c\"); Console.Write(\"d\"); shown.Update(\"e\"); 6 * 7");
        var reply = _client.Reply(id);
        var published = _client.Published(id);
        Assert.Equal("execute_reply", reply.Type);
        Assert.Equal("ok", reply.Status);
        Assert.Equal(["busy", "stdout: a", "stderr: b", "display_data: c", "stdout: d", "update_display_data: e", "execute_result: 42", "idle"],
            published.Where(message => message.Type != "execute_input").Select(message => message.ToString()));
        var displays = published.Where(message => message.Type.EndsWith("display_data")).Select(message => (string)message.Content["transient"]!["display_id"]!).ToList();
        Assert.Equal(displays[0], displays[1]);
        Assert.Equal((int)reply.Content["execution_count"]!, (int)published.Single(message => message.Type == "execute_result").Content["execution_count"]!);
    }

    [Fact]
    public void ASilentCellPublishesNothingAndIsNotCounted()
    {
        int before = (int)_client.Run("int loud = 1;").Reply.Content["execution_count"]!;
        string id = _client.SendExecute("Console.WriteLine(loud); loud = 2; loud", silent: true);
        Assert.Equal(before, (int)_client.Reply(id).Content["execution_count"]!);
        Assert.Equal(["busy", "idle"], _client.Published(id).Select(message => message.ToString()));
        id = _client.SendExecute("loud", store: false);
        Assert.Equal(before, (int)_client.Reply(id).Content["execution_count"]!);
        Assert.Contains("execute_result: 2", _client.Published(id).Select(message => message.ToString()));
        Assert.Equal(before + 1, (int)_client.Run("3").Reply.Content["execution_count"]!);
    }

    [Fact]
    public void ErrorsAreAsTheContractHasThem()
    {
        var (output, reply) = _client.Run("int one = 1;\nnonsense + 1");
        Assert.Equal(("error", "Error", "compilation error"), (reply.Status, (string)reply.Content["ename"]!, (string)reply.Content["evalue"]!));
        Assert.Equal(["stderr: (2,1): error CS0103: The name 'nonsense' does not exist in the current context\n", "error: compilation error"], output);
        (output, reply) = _client.Run("throw new InvalidOperationException(\"boom\");");
        Assert.Equal("InvalidOperationException: boom", (string)reply.Content["evalue"]!);
        Assert.Contains("throw new InvalidOperationException", (string)reply.Content["traceback"]![1]!);
        (_, reply) = _client.Run("#!fsharp\n1");
        Assert.Contains("#!fsharp", (string)reply.Content["evalue"]!);
    }

    [Fact]
    public void AfterAnErrorWhatWaitsIsAborted()
    {
        _client.Run("int ran = 0;");
        string[] ids = [_client.SendExecute("System.Threading.Thread.Sleep(300); throw new Exception();"), _client.SendExecute("ran++;"), _client.SendExecute("ran++;")];
        Assert.Equal(["error", "aborted", "aborted"], ids.Select(id => _client.Reply(id).Status));
        ids = [_client.SendExecute("System.Threading.Thread.Sleep(300); throw new Exception();", stop: false), _client.SendExecute("ran++;")];
        Assert.Equal(["error", "ok"], ids.Select(id => _client.Reply(id).Status));
        Assert.Equal("1", _client.Value("ran"));
    }

    [Fact]
    public void ExpressionsOfTheUserAreEvaluatedAfterTheCell()
    {
        string id = _client.SendExecute("int five = 5;", expressions: new JsonObject { ["good"] = "five + 1", ["bad"] = "nothing" });
        var values = _client.Reply(id).Content["user_expressions"]!;
        Assert.Equal(("ok", "6"), ((string)values["good"]!["status"]!, (string)values["good"]!["data"]!["text/plain"]!));
        Assert.Equal(("error", "compilation error"), ((string)values["bad"]!["status"]!, (string)values["bad"]!["evalue"]!));
    }

    [Theory]
    [InlineData("while (true) { }")]
    [InlineData("for (int step = 0; ; step++) { reached = step; System.Threading.Thread.Sleep(1); }")]
    public void AnInterruptStopsACellAndTheStateSurvives(string loop)
    {
        _client.Run("int reached = -1;");
        string id = _client.SendExecute("Console.WriteLine(\"begun\");\nreached = 1;\n" + loop);
        string waiting = _client.SendExecute("reached = -1;");
        _client.Published(id, message => message.ToString() == "stdout: begun\n");
        Assert.Equal("ok", (string)_client.Ask("interrupt_request", channel: Channel.Control)["status"]!);
        var reply = _client.Reply(id);
        Assert.Equal(("error", "interrupted"), (reply.Status, (string)reply.Content["evalue"]!));
        Assert.Equal("aborted", _client.Reply(waiting).Status);
        Assert.True(int.Parse(_client.Value("reached")) >= 1);
    }

    [Fact]
    public void AnInterruptWithoutACellDoesNothing()
    {
        Assert.Equal("ok", (string)_client.Ask("interrupt_request", channel: Channel.Control)["status"]!);
        Assert.Equal("1", _client.Value("1"));
    }

    [Theory]
    [InlineData("Console.ReadLine()", false)]
    [InlineData("await Kernel.GetInputAsync(\"Who? \")", false)]
    [InlineData("(await Kernel.GetPasswordAsync(\"Who? \")).GetClearTextPassword()", true)]
    [InlineData("string.Concat(Enumerable.Range(0, 5).Select(_ => (char)Console.Read()))", false)]
    public void ACellAsksItsClient(string ask, bool hidden)
    {
        string id = _client.SendExecute($"Console.Write(\"first\");\n{ask} + \"!\"", stdin: true);
        var question = _client.Receive(Channel.StdIn);
        Assert.Equal(("input_request", id, hidden), (question.Type, question.ParentId, (bool)question.Content["password"]!));
        Assert.Equal(ask.Contains("Who") ? "Who? " : "", (string)question.Content["prompt"]!);
        _client.Send(Channel.StdIn, "input_reply", new JsonObject { ["value"] = "Ada Ł" }, question.Header);
        Assert.Equal("ok", _client.Reply(id).Status);
        Assert.Equal(["stdout: first", "execute_result: Ada Ł!"], _client.Published(id)[2..^1].Select(message => message.ToString()));
    }

    [Fact]
    public void AQuestionWaitsForAConnectionThatComesLate()
    {
        using var late = new KernelClient(kernel.Connection, lateStdIn: true);
        string id = late.SendExecute("Console.ReadLine()", stdin: true);
        Assert.Null(late.TryReceive(Channel.StdIn, TimeSpan.FromSeconds(1)));
        late.ConnectStdIn(kernel.Connection);
        var question = late.Receive(Channel.StdIn);
        late.Send(Channel.StdIn, "input_reply", new JsonObject { ["value"] = "here" }, question.Header);
        Assert.Equal("ok", late.Reply(id).Status);
    }

    [Fact]
    public void WhatACellLeavesOfALineIsNotTheNextOnes()
    {
        foreach (string ask in (string[])["(char)Console.Read()", "Console.ReadLine()"])
        {
            string id = _client.SendExecute(ask, stdin: true);
            var question = _client.Receive(Channel.StdIn);
            _client.Send(Channel.StdIn, "input_reply", new JsonObject { ["value"] = "Ada" }, question.Header);
            Assert.Equal("ok", _client.Reply(id).Status);
        }
    }

    [Fact]
    public void AQuestionIsInterrupted()
    {
        string id = _client.SendExecute("Console.ReadLine()", stdin: true);
        _client.Receive(Channel.StdIn);
        _client.Ask("interrupt_request", channel: Channel.Control);
        Assert.Equal("interrupted", (string)_client.Reply(id).Content["evalue"]!);
        Assert.Equal("1", _client.Value("1"));
    }

    [Fact]
    public void AClientThatCannotAnswerIsNotAsked()
    {
        Assert.Equal("null", _client.Value("Console.ReadLine()"));
        Assert.Contains("nobody can type", (string)_client.Run("await Kernel.GetInputAsync()").Reply.Content["evalue"]!);
    }

    [Fact]
    public void ACompletionCountsCharactersNotUnits()
    {
        _client.Run("var rankOfTheUpdate = 8;");
        var found = _client.Ask("complete_request", new JsonObject { ["code"] = "var s = \"🙂🙂\"; rankOf", ["cursor_pos"] = 20 });
        Assert.Equal(["rankOfTheUpdate"], found["matches"]!.AsArray().Select(match => (string)match!));
        Assert.Equal((14, 20), ((int)found["cursor_start"]!, (int)found["cursor_end"]!));
        Assert.Equal("variable", (string)found["metadata"]!["_jupyter_types_experimental"]![0]!["type"]!);
    }

    [Fact]
    public void AnInspectionHasTextAndMarkdown()
    {
        var found = _client.Ask("inspect_request", new JsonObject { ["code"] = "Math.Max(1, 2)", ["cursor_pos"] = 7, ["detail_level"] = 0 });
        Assert.True((bool)found["found"]!);
        Assert.StartsWith("int Math.Max(int val1, int val2)", (string)found["data"]!["text/plain"]!);
        Assert.StartsWith("```csharp\nint Math.Max(int val1, int val2)\n", (string)found["data"]!["text/markdown"]!);
        Assert.False((bool)_client.Ask("inspect_request", new JsonObject { ["code"] = "nothing", ["cursor_pos"] = 3 })["found"]!);
    }

    [Fact]
    public void TheOtherRequestsAreAnswered()
    {
        var incomplete = _client.Ask("is_complete_request", new JsonObject { ["code"] = "if (true) {" });
        Assert.Equal(("incomplete", "    "), ((string)incomplete["status"]!, (string)incomplete["indent"]!));
        Assert.Equal("complete", (string)_client.Ask("is_complete_request", new JsonObject { ["code"] = "1" })["status"]!);
        Assert.Empty(_client.Ask("history_request")["history"]!.AsArray());
        Assert.Empty(_client.Ask("comm_info_request")["comms"]!.AsObject());
        string id = _client.Send(Channel.Shell, "comm_open", new JsonObject { ["comm_id"] = "c", ["target_name"] = "widget" });
        Assert.Equal("c", (string)_client.Published(id, message => message.Type == "comm_close").Content["comm_id"]!);
        id = _client.Send(Channel.Shell, "debug_request");
        Assert.Equal(["busy", "idle"], _client.Published(id).Select(message => message.ToString())); // unknown: no reply, no harm
    }

    [Fact]
    public void TheHeartbeatBeatsWhileACellRuns()
    {
        string id = _client.SendExecute("Console.Write(\"begun\"); while (true) { }");
        _client.Published(id, message => message.Type == "stream");
        using var context = new ZmqContext();
        using (var socket = context.Open(ZmqKind.Dealer))
        {
            socket.Linger = 0;
            socket.Connect(kernel.Connection.Address(Channel.Heartbeat));
            socket.Send([[], "ping"u8.ToArray()]);
            ZmqSocket.WaitForAny(KernelClient.Limit, socket);
            Assert.Equal("ping", Encoding.ASCII.GetString(socket.TryReceive()![^1]));
        }
        _client.Ask("interrupt_request", channel: Channel.Control);
        _client.Reply(id);
    }

    [Fact]
    public void ASecondClientSeesTheFirstOnesCellsAndRunsItsOwn()
    {
        using var second = new KernelClient(kernel.Connection);
        Assert.Equal("iopub_welcome", second.Welcome.Type);
        string id = _client.SendExecute("int shared = 9;\nshared");
        Assert.Contains("execute_result: 9", second.Published(id).Select(message => message.ToString()));
        Assert.Equal("9", second.Value("shared"));
        Assert.Null(_client.TryReceive(Channel.StdIn, TimeSpan.FromMilliseconds(10)));
    }

    [Fact]
    public void AClientThatVanishesLeavesTheCellRunning()
    {
        using (var second = new KernelClient(kernel.Connection))
        {
            string id = second.SendExecute("var vanished = 0; for (int i = 0; i < 30; i++) { Console.WriteLine(i); System.Threading.Thread.Sleep(10); vanished++; }");
            second.Published(id, message => message.Type == "stream");
        }
        Assert.Equal("30", _client.Value("vanished"));
    }

    [Fact]
    public void WhatACellLeftRunningStillWrites()
    {
        string id = _client.SendExecute("var late = Task.Run(async () => { await Task.Delay(200); Console.Write(\"late\"); });");
        _client.Reply(id);
        Assert.Equal("stdout: late", _client.Published(id, message => message.Type == "stream").ToString());
    }

    [Fact]
    public void AMillionLinesAreThrottledAndSaid()
    {
        var clock = Stopwatch.StartNew();
        string id = _client.SendExecute("for (int i = 0; i < 1_000_000; i++) Console.WriteLine($\"line {i}\");");
        Assert.Equal("ok", _client.Reply(id).Status);
        string text = string.Concat(_client.Published(id).Where(message => message.Type == "stream").Select(message => (string)message.Content["text"]!));
        Assert.StartsWith("line 0\nline 1\n", text);
        Assert.EndsWith("line 999998\nline 999999\n", text);
        Assert.InRange(text.Length, 500_000, 8_000_000);
        int shown = text.Split('\n').Count(line => line.StartsWith("line "));
        long left = System.Text.RegularExpressions.Regex.Matches(text, "… ([0-9,]+) lines").Sum(match => long.Parse(match.Groups[1].Value.Replace(",", "")));
        Assert.Equal(1_000_000, shown + left); // every line is shown or counted
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 60);
        Assert.Equal("1", _client.Value("1"));
    }

    [Fact]
    public void TextThatIsNoUnicodeIsShownAsFarAsItIs() => Assert.Equal("a\uFFFDb", _client.Value("\"a\\ud83db\""));

    [Fact]
    public void WhatIsNotSignedIsDropped()
    {
        var stranger = new Wire("another key"u8.ToArray());
        _client.SendFrames(Channel.Shell, [.. stranger.Write([], "execute_request", null, new JsonObject { ["code"] = "int stranger = 1;" })]);
        _client.SendFrames(Channel.Control, [.. stranger.Write([], "shutdown_request", null, new JsonObject { ["restart"] = false })]);
        var own = new Wire(kernel.Connection.Key);
        var frames = own.Write([], "execute_request", null, new JsonObject { ["code"] = "int stranger = 1;" });
        frames[1] = []; // no signature
        _client.SendFrames(Channel.Shell, [.. frames]);
        frames = own.Write([], "execute_request", null, new JsonObject { ["code"] = "int stranger = 1;" });
        frames[5] = "{\"code\":\"int stranger = 2;\"}"u8.ToArray(); // changed on its way
        _client.SendFrames(Channel.Shell, [.. frames]);
        Assert.Equal("compilation error", (string)_client.Run("stranger").Reply.Content["evalue"]!);
        Assert.True(SpinWait.SpinUntil(() => kernel.Log.Contains("wrong signature"), KernelClient.Limit));
    }

    [Fact]
    public void MalformedMessagesAreDropped()
    {
        _client.SendFrames(Channel.Shell, []);
        _client.SendFrames(Channel.Shell, [], [], []);
        _client.SendFrames(Channel.Shell, "<IDS|MSG>"u8.ToArray(), "short"u8.ToArray());
        _client.SendFrames(Channel.Shell, [.. Enumerable.Repeat(new byte[] { 255 }, 100)]);
        foreach (string content in (string[])["", "nonsense", "[]", "null", "{\"a\":1,\"a\":2}", "{\"code\":", new string('[', 5000), "\"\ud800\""])
            _client.SendFrames(Channel.Shell, Signed("{\"msg_type\":\"execute_request\",\"msg_id\":\"m\"}", content));
        foreach (string header in (string[])["{}", "{\"msg_type\":3}", "[]", "null", "3"])
            _client.SendFrames(Channel.Shell, Signed(header, "{}"));
        foreach (string content in (string[])["{\"code\":3}", "{\"code\":null,\"silent\":\"yes\"}", "{\"user_expressions\":3,\"code\":\"\"}", "{\"user_expressions\":{\"a\":null},\"code\":\"\"}"]) // signed, and of wrong types: read as absent
            _client.SendFrames(Channel.Shell, Signed("{\"msg_type\":\"execute_request\",\"msg_id\":\"m\"}", content));
        foreach (string content in (string[])["{}", "{\"code\":\"x\",\"cursor_pos\":-5}", "{\"code\":\"x\",\"cursor_pos\":1e9}", "{\"code\":\"x\",\"cursor_pos\":\"a\"}"])
        {
            foreach (string type in (string[])["complete_request", "inspect_request"])
                _client.SendFrames(Channel.Shell, Signed($"{{\"msg_type\":\"{type}\",\"msg_id\":\"m\"}}", content));
        }
        _client.SendFrames(Channel.StdIn, Signed("{\"msg_type\":\"input_reply\"}", "{\"value\":3}"));
        _client.SendFrames(Channel.Control, Signed("{\"msg_type\":\"\"}", "{}"));
        Assert.Equal("1", _client.Value("1"));
        Assert.DoesNotContain("   at ", kernel.Log);
    }

    byte[][] Signed(string header, string content)
    {
        byte[][] parts = [.. ((string[])[header, "{}", "{}", content]).Select(Encoding.UTF8.GetBytes)];
        byte[] signature = System.Security.Cryptography.HMACSHA256.HashData(kernel.Connection.Key, parts.SelectMany(part => part).ToArray());
        return ["<IDS|MSG>"u8.ToArray(), Encoding.ASCII.GetBytes(Convert.ToHexStringLower(signature)), .. parts];
    }

    [Fact]
    public void AnOversizedFrameCostsItsSenderTheConnection()
    {
        using (var second = new KernelClient(kernel.Connection))
        {
            second.SendFrames(Channel.Shell, new byte[(64 << 20) + 1]);
            Assert.Equal("1", _client.Value("1"));
        }
        Assert.Equal("2", _client.Value("2"));
    }
}
