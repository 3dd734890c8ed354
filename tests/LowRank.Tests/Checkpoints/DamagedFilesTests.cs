using System.Text;
using LowRank.Tests.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests.Checkpoints;

/// <summary>A folder whose files were cut short or changed by a few bits is read, or refused with one error about the file, and takes no memory
/// that the whole one would not.</summary>
public sealed class DamagedFilesTests : IDisposable
{
    private const int Times = 200;
    private const long Most = 48 << 20;             // bytes that one attempt may allocate; the files have some 60 KB

    private readonly TemporaryFolder whole = new(), damaged = new();

    public DamagedFilesTests()
    {
        using var model = new CausalLm(SmallModels.All["llama, scaled, biases"] with { VocabularySize = 300, TiedEmbeddings = false, StoredType = ScalarType.BFloat16 }, seed: 1);
        model.Tokenizer = Tokenizer.Train(["the words of a text, the text of the words"], 290);
        model.Save(whole.Path);
        File.WriteAllText(whole.File("chat_template.jinja"), "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}");
        model.Adapt(Adapter.Dora(2), "all-linear");
        model.SaveAdapter(whole.File("adapter"));
    }

    public void Dispose()
    {
        whole.Dispose();
        damaged.Dispose();
    }

    [Theory]
    [InlineData("config.json"), InlineData("model.safetensors"), InlineData("tokenizer.json"), InlineData("tokenizer_config.json"), InlineData("chat_template.jinja")]
    [InlineData("adapter/adapter_config.json"), InlineData("adapter/adapter_model.safetensors")]
    public void Each_damage_is_read_or_is_one_error_about_the_file(string name)
    {
        Directory.CreateDirectory(damaged.File("adapter"));
        foreach (var file in Directory.GetFiles(whole.Path, "*", SearchOption.AllDirectories))
            File.Copy(file, damaged.File(Path.GetRelativePath(whole.Path, file)));
        var content = File.ReadAllBytes(whole.File(name));
        var random = new Random(content.Length);
        var refused = 0;
        for (var i = 0; i < Times; i++)
        {
            File.WriteAllBytes(damaged.File(name), Damaged(content, random));
            var (before, allocated) = (LibTorch.Memory.LiveBytes, GC.GetAllocatedBytesForCurrentThread());
            LibTorch.Memory.ResetPeak();
            if (Error() is { } error)
            {
                refused++;
                Assert.True(error is InvalidDataException or NotSupportedException or ArgumentException or InvalidOperationException or IOException or KeyNotFoundException or ChatTemplateException, $"{i}: {error}");
                Assert.False(error is NullReferenceException or IndexOutOfRangeException or OverflowException, $"{i}: {error}");
                Assert.True(error.Message.Contains(Path.GetFileName(name)) || error.Message.Contains(damaged.Path) || error.Message.Contains("template", StringComparison.OrdinalIgnoreCase), $"{i}: {error.Message}");
            }
            Assert.True(LibTorch.Memory.PeakBytes - before < Most && GC.GetAllocatedBytesForCurrentThread() - allocated < Most, $"{i}: {Text(damaged.File(name))}");
        }
        Assert.True(refused > Times / 10, $"only {refused} of {Times} were refused");
    }

    private static byte[] Damaged(byte[] content, Random random)
    {
        if (random.Next(3) == 0) return content[..random.Next(content.Length)];
        byte[] changed = [.. content];
        // Headers and texts are at the beginning; most of a weight's bits are as good as any other.
        for (var flips = random.Next(1, 4); flips > 0; flips--) changed[random.Next(Math.Min(content.Length, 4096))] ^= (byte)(1 << random.Next(8));
        return changed;
    }

    /// <summary>Everything that reads the folder; what it throws.</summary>
    private Exception? Error()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        try
        {
            using var model = CausalLm.Load(damaged.Path);
            var ids = model.Tokenizer!.Encode("the words");
            if (model.Tokenizer.HasChatTemplate) model.Tokenizer.ChatText([new("user", "the text")]);
            model.LoadAdapter(damaged.File("adapter"));
            if (ids.All(id => id < model.Config.VocabularySize) && ids.Length > 0) model.Generate(ids, GenerationOptions.Greedy with { MaxNewTokens = 2 });
            return null;
        }
        catch (Exception error)
        {
            return error;
        }
    }

    private static string Text(string path) => Encoding.Latin1.GetString(File.ReadAllBytes(path).AsSpan(0, Math.Min(600, (int)new FileInfo(path).Length)));
}
