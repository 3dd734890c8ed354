using Microsoft.CodeAnalysis.CSharp;
using Workbook.Engine;

namespace Workbook.Tests;

/// <summary>An interrupt stops a cell, the session goes on in the same process and knows what was assigned.</summary>
public sealed class InterruptTests : IDisposable
{
    readonly Bench _bench = new();

    public void Dispose() => _bench.Dispose();

    async Task<CellError> Interrupt(string code)
    {
        // 300 ms after the cell has begun, however long a busy machine took to compile it.
        using var interrupt = new CancellationTokenSource();
        var output = new Recorder();
        bool says = !code.StartsWith('#');              // a directive stands alone on its line
        var running = _bench.Run(says ? "Console.WriteLine(\"begun\"); " + code : code, interrupt.Token, output);
        while (says && !output.HasEvents && !running.IsCompleted) await Task.Delay(5, TestContext.Current.CancellationToken);
        interrupt.CancelAfter(TimeSpan.FromMilliseconds(300));
        var (_, error) = await running.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        Assert.True(error is not null, $"ended by itself: {code}");
        Assert.True(error.Kind == CellErrorKind.Interrupted, error.ToString());
        return error;
    }

    [Theory]
    [InlineData("while (true) { }")]
    [InlineData("int i = 0; while (true) { i++; }")]
    [InlineData("for (;;) ;")]
    [InlineData("do x = 7; while (true);")]
    [InlineData("again:\nx = 7;\ngoto again;")]
    [InlineData("IEnumerable<int> Forever() { while (true) yield return 1; }\nforeach (int one in Forever()) x = 7;")]
    [InlineData("foreach (var (a, b) in Enumerable.Repeat((1, 2), int.MaxValue)) for (int i = 0; i < 100; i++) x = 7;")]
    [InlineData("await Task.Delay(-1);")]
    [InlineData("await Task.Delay(1);\nwhile (true) { }")]
    [InlineData("while (true) await Task.Delay(1);")]
    [InlineData("while (true) { try { while (true) { } } catch { } }")]
    [InlineData("while (true) try { throw new Exception(); } catch { } finally { x = 7; }")]
    [InlineData("while (true) try { System.Threading.Thread.Sleep(5); } catch (Exception) { }")]
    [InlineData("System.Threading.Thread.Sleep(600_000);")]
    [InlineData("new TaskCompletionSource().Task.Wait();")]
    [InlineData("Task.Run(() => { while (true) { } }).Wait();")]
    [InlineData("await Task.Run(() => { while (true) { } });")]
    [InlineData("int Fib(int n) => n < 2 ? n : Fib(n - 1) + Fib(n - 2);\nFib(60)")]
    [InlineData("int Fib(int n) { if (n < 2) return n; return Fib(n - 1) + Fib(n - 2); }\nFib(60)")]
    [InlineData("Enumerable.Range(0, int.MaxValue).SelectMany(i => Enumerable.Range(0, 99)).Count(i => i < 0)")]
    public async Task TheStateSurvives(string code)
    {
        await _bench.Show("int x = 7;");
        string thread = await _bench.Show("Environment.CurrentManagedThreadId");
        await Interrupt(code);
        Assert.Equal("value:7", await _bench.Show("x"));
        Assert.Equal(thread, await _bench.Show("System.Threading.Thread.Sleep(1); Environment.CurrentManagedThreadId")); // no abort was needed
    }

    [Fact]
    public async Task WhatTheCellHadAssignedStays()
    {
        await Interrupt("int step = 0;\nstring last = \"kept\";\nwhile (true) step = Math.Min(step + 1, 5);");
        Assert.Equal("value:5 kept", await _bench.Show("$\"{step} {last}\""));
    }

    [Fact]
    public async Task CleaningUpMayLoop()
    {
        await _bench.Show("int cleaned = 0; void Clean() { for (int i = 0; i < 3; i++) cleaned++; }");
        await Interrupt("try { while (true) { } } finally { Clean(); }");
        Assert.Equal("value:3", await _bench.Show("cleaned"));
    }

    [Fact]
    public async Task WhatTheCellWaitedForDoesNotGoOn()
    {
        await _bench.Show("int x = 7; var gate = new TaskCompletionSource();");
        await Interrupt("await gate.Task;\nx = 8;");
        Assert.Equal("value:7", await _bench.Show("gate.SetResult(); await Task.Delay(50); x"));
    }

    [Fact]
    public async Task TheLoopsOfATaskOfTheCellStop()
    {
        await _bench.Show("int ticks = 0; Task task = null!;");
        await Interrupt("task = Task.Run(() => { while (true) System.Threading.Interlocked.Increment(ref ticks); });\nawait task;");
        Assert.Equal("value:True", await _bench.Show("await Task.WhenAny(task, Task.Delay(30_000));\ntask.IsCompleted"));
    }

    [Fact]
    public async Task TheTasksOfEarlierCellsGoOn()
    {
        await _bench.Show("""
            bool stop = false;
            var early = Task.Run(() => { while (!System.Threading.Volatile.Read(ref stop)) System.Threading.Thread.Sleep(1); return 5; });
            """);
        await Interrupt("while (true) { }");
        Assert.Equal("value:5", await _bench.Show("await Task.Delay(20); stop = true;\nawait early"));
    }

    [Fact]
    public async Task ALoadedOrImportedFileStops()
    {
        _bench.Write("forever.csx", """
            void Forever()
            {
                while (true) { }
            }
            void Fail() { foreach (int i in new[] { 1 })
                throw new Exception("six"); }
            """);
        await _bench.Show("#load \"forever.csx\"\nint x = 7;");
        await Interrupt("Forever();");
        var (_, error) = await _bench.Run("Fail();");
        Assert.Equal((6, true), (error!.Line, error.Path!.EndsWith("forever.csx", StringComparison.Ordinal)));
        await Interrupt("#!import forever.csx\nForever();");
        Assert.Equal("value:7", await _bench.Show("x"));
    }

    /// <summary>The one case for .NET's abort, which may end the process: then the answer is still "interrupted".</summary>
    [Fact]
    public async Task ALoopInALibraryIsAborted()
    {
        const string forever = "var ones = Enumerable.Repeat(1, int.MaxValue);\nones.Concat(ones).Concat(ones).Concat(ones).LongCount()";
        using var session = await SessionProcess.StartAsync(_bench.Folder);
        var output = new Recorder();
        Task<CellResult> Run(string code, CancellationToken interrupt) =>
            session.ExecuteAsync(new CellCode(code, _bench.NotebookPath, 1), output, interrupt)
                .WaitAsync(TimeSpan.FromSeconds(60), CancellationToken.None);
        await Run("int x = 5;", default);
        for (int i = 0; i < 2 && !session.HasEnded; i++) // a second time: .NET aborts a thread only once
        {
            using var interrupt = new CancellationTokenSource(200);
            Assert.Equal(CellErrorKind.Interrupted, (await Run(forever, interrupt.Token)).Error!.Kind);
        }
        if (!session.HasEnded)
            await Run("x", default);
        Assert.Equal(session.HasEnded ? "" : "value:5", output.Text);
    }

    [Fact]
    public async Task ChecksChangeNoMeaning()
    {
        Assert.Equal("value:1 2 3 4 5 6 7 8 9 10 11 12", await _bench.Show("""
            using System.Linq.Expressions;
            var seen = new List<int>();
            void Add(int n) => seen.Add(n);
            int Get(int n) => n;
            async Task Later(int n) => await Task.Run(() => Add(n));
            async Task<int> LaterValue(int n) => await Task.FromResult(n);
            static int Fail() => throw new InvalidOperationException();
            int[] cells = { 0 };
            ref int First() => ref cells[0];
            Add(1);
            Add(Get(2));
            await Later(3);
            Add(await LaterValue(4));
            try { Fail(); } catch (InvalidOperationException) { Add(5); }
            First() = 6;
            Add(cells[0]);
            Expression<Func<int, int>> tree = n => n + 1;
            Add(tree.Compile()(6));
            Func<Action> nested = () => () => Add(8);
            nested()();
            for (int i = 9; ; i++)
            #if true
                if (i > 10) break;
                else // one
                    Add(i);
            #endif
            foreach (int i in new[] { 11 }) { Add(i); } Add($"{seen.Select(n => { return n; }).Count(n => n > 0) + 1}" == "12" ? 12 : 0);
            class Counter
            {
                public int this[int n] => n;
                public int Twice(int n) => 2 * n;
                public static Counter operator +(Counter a, Counter b) => a;
            }
            string.Join(" ", seen)
            """));
    }

    [Theory]
    [InlineData("for (;;)\n{ nonsense; }", "(2,3): error CS0103")]
    [InlineData("var f = (int i) => { while (true) i = nonsense; };", "(1,39): error CS0103")]
    [InlineData("while (true) {\nint x = 1\n}", "(2,10): error CS1002")]
    public async Task ACompileErrorIsWhereItsAuthorSeesIt(string code, string expected)
    {
        var (_, error) = await _bench.Run(code);
        Assert.StartsWith(expected, error!.Details);
    }

    [Theory]
    [InlineData("int x = 1;\nx + 2")]
    [InlineData("var y = data.Where(broken =>")]
    [InlineData("[System.Runtime.InteropServices.UnmanagedCallersOnly] static void F() { }")]
    public void WithNothingToCheckTheTextStays(string code) => Assert.Equal(code, Checked(code));

    [Fact]
    public void NoLineMoves()
    {
        const string code = """
            while (a) // one
                b();
            do
            {
                c();
            } while (d);
            int F(int x)
                => x;
            foreach (var e in f)
                for (;;)
                    if (e) goto g;
                    else h();
            """;
        string[] before = code.Split('\n'), after = Checked(code).Split('\n');
        Assert.Equal(before.Length, after.Length);
        Assert.Equal(5, after.Sum(line => line.Split("Interruption.Check()").Length - 1)); // F's needs a model
        foreach (var (line, now) in before.Zip(after)) // what a line said, it still says in that order
        {
            string found = now.Aggregate("", (found, letter) => found.Length < line.Length && line[found.Length] == letter ? found + letter : found);
            Assert.Equal(line, found);
        }
    }

    static string Checked(string code) =>
        LoopChecks.Insert(CSharpSyntaxTree.ParseText(code, new CSharpParseOptions(kind: Microsoft.CodeAnalysis.SourceCodeKind.Script)));
}
