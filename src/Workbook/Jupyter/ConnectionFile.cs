// What a Jupyter client writes for the kernel that it starts: where to listen and the key that signs every message.
// https://jupyter-client.readthedocs.io/en/stable/kernels.html#connection-files

using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Workbook.Jupyter;

/// <summary>The channels of a kernel.</summary>
internal enum Channel
{
    Control,
    Shell,
    StdIn,
    IoPub,
    Heartbeat,
}

/// <summary>A connection file that was checked.</summary>
internal sealed record ConnectionFile(string Transport, string Ip, IReadOnlyDictionary<Channel, int> Ports, byte[] Key)
{
    /// <summary>Reads the file.</summary>
    /// <exception cref="InvalidDataException">It is no connection file, or asks for what this kernel does not do.</exception>
    /// <exception cref="IOException">It can't be read.</exception>
    public static ConnectionFile Read(string path)
    {
        Content? content;
        try
        {
            content = JsonSerializer.Deserialize(File.ReadAllText(path), ConnectionJson.Default.Content);
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{path} is not a connection file: {error.Message}");
        }
        if (content is null)
            throw new InvalidDataException($"{path} is not a connection file: it is null");
        if (content.SignatureScheme != "hmac-sha256")
            throw new InvalidDataException($"{path}: signature_scheme is \"{content.SignatureScheme}\"; only hmac-sha256 is supported");
        if (content.Transport is not ("tcp" or "ipc"))
            throw new InvalidDataException($"{path}: transport is \"{content.Transport}\"; tcp and ipc are supported");
        if (content.Transport == "tcp" && !IsLoopback(content.Ip))
            throw new InvalidDataException($"{path}: ip is \"{content.Ip}\"; the kernel listens on loopback only (127.0.0.1): reach it through a tunnel");
        var ports = new Dictionary<Channel, int>
        {
            [Channel.Control] = content.ControlPort, [Channel.Shell] = content.ShellPort, [Channel.StdIn] = content.StdinPort,
            [Channel.IoPub] = content.IopubPort, [Channel.Heartbeat] = content.HbPort,
        };
        foreach (var (channel, port) in ports)
        {
            if (port is < 1 or > 65535)
                throw new InvalidDataException($"{path}: the port of {channel} is {port}; it must be from 1 to 65535");
        }
        if (string.IsNullOrEmpty(content.Key))
            throw new InvalidDataException($"{path}: the key is empty; messages without a signature are not accepted");
        return new ConnectionFile(content.Transport, content.Ip, ports, Encoding.UTF8.GetBytes(content.Key));
    }

    /// <summary>Where a channel's socket listens.</summary>
    public string Address(Channel channel) => Transport == "ipc" ? $"ipc://{Ip}-{Ports[channel]}" : $"tcp://{Ip}:{Ports[channel]}";

    private static bool IsLoopback(string ip) => ip == "localhost" || (IPAddress.TryParse(ip, out var address) && IPAddress.IsLoopback(address));

    /// <summary>The file's properties.</summary>
    internal sealed record Content(
        int ControlPort = 0, int ShellPort = 0, int StdinPort = 0, int IopubPort = 0, int HbPort = 0,
        string Transport = "tcp", string Ip = "127.0.0.1", string Key = "", string SignatureScheme = "hmac-sha256");
}

/// <summary>Source-generated JSON: no reflection at start.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ConnectionFile.Content))]
internal sealed partial class ConnectionJson : JsonSerializerContext;
