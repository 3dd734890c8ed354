using System.IO.Compression;
using static TorchSharp.torch;

namespace LowRank.Tests.Data;

public sealed class FashionMnistTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("fashion-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private void Write(string name, params byte[] bytes)
    {
        using var file = new GZipStream(File.Create(Path.Combine(folder, name + ".gz")), CompressionLevel.Fastest);
        file.Write(bytes);
    }

    private void Small(byte label = 9, int missing = 0)
    {
        Write("train-images-idx3-ubyte", [.. ((byte[])[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 51, 255, 102, 0, 0]).SkipLast(missing)]);
        Write("train-labels-idx1-ubyte", 0, 0, 8, 1, 0, 0, 0, 2, 3, label);
    }

    [Fact]
    public void TheFilesAreRead()
    {
        Small();
        var (pictures, labels) = FashionMnist.Load(folder: folder);
        Assert.Equal([2, 1, 3], pictures.shape);
        Assert.Equal([0f, 0.2f, 1f, 0.4f, 0f, 0f], pictures.data<float>().ToArray());
        Assert.Equal([3L, 9L], labels.data<long>().ToArray());
    }

    [Fact]
    public void DebiansPackageHasTenThousandPicturesToTestWith()
    {
        var (pictures, labels) = FashionMnist.Load(train: false);
        Assert.Equal([10_000, 28, 28], pictures.shape);
        Assert.Equal(Enumerable.Repeat(1000L, 10), Enumerable.Range(0, 10).Select(c => labels.eq(c).sum().item<long>()));
        Assert.Equal(1, pictures.max().item<float>());
    }

    [Fact]
    public void WhatIsMissingOrBrokenIsNamed()
    {
        Assert.Contains("apt-get install dataset-fashion-mnist", Assert.Throws<FileNotFoundException>(() => FashionMnist.Load(folder: folder)).Message);
        Small(missing: 1);
        Assert.Contains("train-images-idx3-ubyte.gz is cut off", Assert.Throws<InvalidDataException>(() => FashionMnist.Load(folder: folder)).Message);
        Small(label: 10);
        Assert.Contains("label 1 of train is 10", Assert.Throws<InvalidDataException>(() => FashionMnist.Load(folder: folder)).Message);
        File.WriteAllText(Path.Combine(folder, "train-labels-idx1-ubyte.gz"), "no gzip");
        Assert.Contains("train-labels-idx1-ubyte.gz", Assert.Throws<InvalidDataException>(() => FashionMnist.Load(folder: folder)).Message);
        Small();
        Write("train-labels-idx1-ubyte", 0, 0, 8, 1, 0xff, 0xff, 0xff, 0xff, 0);
        Assert.Contains("which Fashion-MNIST is not", Assert.Throws<InvalidDataException>(() => FashionMnist.Load(folder: folder)).Message);
    }
}
