// The state dict: what a module's tree is made of, by dotted name; copied in, or saved in TorchSharp's binary layout.
using LibTorch;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public partial class Module
        {
            static readonly Operator CopyInto = new("copy_");

            /// <summary>The live parameters and persistent buffers (no copies); a shared parameter appears under each of its names.</summary>
            public virtual Dictionary<string, Tensor> state_dict(Dictionary<string, Tensor>? destination = null, string? prefix = null)
            {
                destination ??= [];
                var path = string.IsNullOrEmpty(prefix) ? "" : prefix + ".";
                foreach (var (key, parameter) in named_parameters(recurse: false)) destination.TryAdd(path + key, parameter);
                foreach (var (key, buffer) in named_buffers(recurse: false, include_nonpersistent: false)) destination.TryAdd(path + key, buffer);
                foreach (var (key, child) in named_children()) child.state_dict(destination, path + key);
                return destination;
            }

            /// <summary>
            /// Copies values in, converting type and device. Everything is checked before anything is copied.
            /// <paramref name="strict"/>: missing and unexpected keys are errors too, not only wrong shapes.
            /// </summary>
            /// <exception cref="InvalidOperationException">Names every missing, unexpected and mis-shaped key.</exception>
            public virtual (IList<string> missing_keys, IList<string> unexpected_keyes) load_state_dict(
                Dictionary<string, Tensor> source, bool strict = true, IList<string>? skip = null)
            {
                var own = state_dict();
                bool Wanted(string key) => skip is null || !skip.Contains(key);
                List<string> missing = [.. own.Keys.Where(k => Wanted(k) && !source.ContainsKey(k))];
                List<string> unexpected = [.. source.Keys.Where(k => Wanted(k) && !own.ContainsKey(k))];
                string[] shared = [.. own.Keys.Where(k => Wanted(k) && source.ContainsKey(k))];
                string[] misshaped = [.. shared.Where(k => !own[k].shape.AsSpan().SequenceEqual(source[k].shape))
                    .Select(k => $"{k} (here [{string.Join(", ", own[k].shape)}], given [{string.Join(", ", source[k].shape)}])")];

                if (misshaped.Length > 0 || (strict && missing.Count + unexpected.Count > 0))
                    throw new InvalidOperationException($"the state dict does not fit {GetName()}" +
                        Listed("missing", strict ? missing : []) + Listed("unexpected", strict ? unexpected : []) + Listed("of another shape", misshaped));

                using (no_grad())
                    foreach (var key in shared) CopyInto.CallVoid(own[key], source[key]);
                return (missing, unexpected);
            }

            static string Listed(string what, IReadOnlyCollection<string> keys)
            {
                const int Most = 20;
                if (keys.Count == 0) return "";
                var rest = keys.Count > Most ? $" and {keys.Count - Most} more" : "";
                return $"; {what}: {string.Join(", ", keys.Take(Most))}{rest}";
            }

            public Module save(string location, IList<string>? skip = null)
            {
                using var stream = File.Create(location);
                return save(stream, skip);
            }

            public Module save(Stream stream, IList<string>? skip = null)
            {
                using var writer = new BinaryWriter(stream);
                return save(writer, skip);
            }

            public Module save(BinaryWriter writer, IList<string>? skip = null)
            {
                save_state_dict(writer, state_dict(), skip);
                return this;
            }

            /// <summary>The number of tensors, then each one's name and <see cref="TensorStream"/> record.</summary>
            public static void save_state_dict(BinaryWriter writer, Dictionary<string, Tensor> sd, IList<string>? skip = null)
            {
                KeyValuePair<string, Tensor>[] kept = [.. sd.Where(entry => skip is null || !skip.Contains(entry.Key))];
                writer.Write7BitEncodedInt64(kept.Length);
                foreach (var (key, tensor) in kept)
                {
                    writer.Write(key);
                    TensorStream.Write(writer, tensor);
                }
            }

            public virtual Module load(string location, bool strict = true, IList<string>? skip = null, Dictionary<string, bool>? loadedParameters = null)
            {
                using var stream = File.OpenRead(location);
                return load(stream, strict, skip, loadedParameters);
            }

            public Module load(Stream stream, bool strict = true, IList<string>? skip = null, Dictionary<string, bool>? loadedParameters = null)
            {
                using var reader = new BinaryReader(stream);
                return load(reader, strict, skip, loadedParameters);
            }

            /// <summary>Reads what <see cref="save(BinaryWriter, IList{string})"/> wrote; <paramref name="loadedParameters"/> gets each key and whether it was used.</summary>
            public virtual Module load(BinaryReader reader, bool strict = true, IList<string>? skip = null, Dictionary<string, bool>? loadedParameters = null)
            {
                using var scope = NewDisposeScope();
                var source = new Dictionary<string, Tensor>();
                for (var count = reader.Read7BitEncodedInt64(); count > 0; count--) source.Add(reader.ReadString(), TensorStream.Read(reader));
                var (_, unexpected) = load_state_dict(source, strict, skip);
                if (loadedParameters is not null)
                    foreach (var key in source.Keys) loadedParameters[key] = !unexpected.Contains(key) && !(skip?.Contains(key) ?? false);
                return this;
            }

            public static Module Create<T>(string path) where T : Module, new() => new T().load(path);
        }
    }
}
