// Walks over a module's tree. A parameter that two modules share is listed once, under the first name.
using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public partial class Module
        {
            public virtual IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true)
            {
                var seen = new HashSet<IntPtr>();
                foreach (var (key, parameter) in ownParameters)
                    if (seen.Add(parameter.Handle)) yield return (key, parameter);
                if (!recurse) yield break;
                foreach (var (child, module) in ownModules)
                    foreach (var (key, parameter) in module.named_parameters())
                        if (seen.Add(parameter.Handle)) yield return ($"{child}.{key}", parameter);
            }

            public virtual IEnumerable<Parameter> parameters(bool recurse = true) => named_parameters(recurse).Select(p => p.parameter);

            public virtual IEnumerable<(string name, Tensor buffer)> named_buffers(bool recurse = true, bool include_nonpersistent = true)
            {
                var seen = new HashSet<IntPtr>();
                foreach (var (key, (buffer, persistent)) in ownBuffers)
                    if ((persistent || include_nonpersistent) && seen.Add(buffer.Handle)) yield return (key, buffer);
                if (!recurse) yield break;
                foreach (var (child, module) in ownModules)
                    foreach (var (key, buffer) in module.named_buffers(true, include_nonpersistent))
                        if (seen.Add(buffer.Handle)) yield return ($"{child}.{key}", buffer);
            }

            public virtual IEnumerable<Tensor> buffers(bool recurse = true, bool include_nonpersistent = true) =>
                named_buffers(recurse, include_nonpersistent).Select(b => b.buffer);

            public virtual IEnumerable<(string name, Module module)> named_children()
            {
                foreach (var (key, module) in ownModules) yield return (key, module);
            }

            public virtual IEnumerable<Module> children() => named_children().Select(c => c.module);

            /// <summary>All modules below this one (itself left out), a level's before the levels below.</summary>
            public virtual IEnumerable<(string name, Module module)> named_modules()
            {
                foreach (var (key, module) in ownModules) yield return (key, module);
                foreach (var (child, module) in ownModules)
                    foreach (var (key, below) in module.named_modules()) yield return ($"{child}.{key}", below);
            }

            public virtual IEnumerable<Module> modules() => named_modules().Select(m => m.module);

            public virtual bool has_parameter(string target) => get_parameter(target) is not null;

            public virtual bool has_buffer(string target) => get_buffer(target) is not null;

            /// <summary>The parameter with this dotted name, or null.</summary>
            public virtual Parameter? get_parameter(string target)
            {
                if (ownParameters.TryGetValue(target, out var own)) return own;
                return Child(target, out var rest)?.get_parameter(rest);
            }

            /// <summary>The buffer with this dotted name, or null.</summary>
            public virtual Tensor? get_buffer(string target)
            {
                if (ownBuffers.TryGetValue(target, out var own)) return own.Value;
                return Child(target, out var rest)?.get_buffer(rest);
            }

            Module? Child(string target, out string rest)
            {
                var dot = target.IndexOf('.');
                rest = target[(dot + 1)..];
                return dot < 0 ? null : named_children().FirstOrDefault(c => target.AsSpan(0, dot).SequenceEqual(c.name)).module;
            }
        }
    }
}
