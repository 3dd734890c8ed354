// torch.nn.Module: named parameters, buffers and sub-modules. The tree is read in ModuleTree.cs, copied in ModuleState.cs and moved
// in ModuleMove.cs. Nothing of a module is native: it is a dictionary of tensors.
using System.Collections.Concurrent;
using System.Reflection;
using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>
        /// The base of everything with parameters. A subclass assigns its fields and ends its constructor with <see cref="RegisterComponents"/>,
        /// which registers every field that holds a parameter, a buffer or a module under the field's name.
        /// </summary>
        public partial class Module : IDisposable
        {
            static readonly ConcurrentDictionary<Type, FieldInfo[]> fieldsOf = new();

            readonly OrderedDictionary<string, Parameter> ownParameters = [];
            readonly OrderedDictionary<string, (Tensor Value, bool Persistent)> ownBuffers = [];
            readonly OrderedDictionary<string, Module> ownModules = [];
            readonly string name;
            bool registered, disposed;

            protected Module(string name) => this.name = name;

            /// <summary>The name given to the constructor, or the type's.</summary>
            public virtual string GetName() => string.IsNullOrEmpty(name) ? GetType().Name : name;

            public virtual bool training { get; private set; } = true;

            /// <summary>Training mode (dropout drops) for this module and all below.</summary>
            public virtual void train(bool train = true)
            {
                training = train;
                foreach (var (_, child) in named_children()) child.train(train);
            }

            public virtual void eval() => train(false);

            /// <summary>Calls <paramref name="fn"/> on every module below, children before their parents, then on this one.</summary>
            public virtual Module apply(Action<Module> fn)
            {
                foreach (var child in ownModules.Values) child.apply(fn);
                fn(this);
                return this;
            }

            /// <summary>Forgets the gradients, or fills them with zeros.</summary>
            public virtual void zero_grad(bool set_to_none = true)
            {
                foreach (var (_, parameter) in named_parameters())
                {
                    using var gradient = parameter.grad;
                    if (gradient is null) continue;
                    if (set_to_none) parameter.grad = null;
                    else Zero.CallVoid(gradient);
                }
            }

            static readonly LibTorch.Operator Zero = new("zero_");

            /// <summary>Registers fields of type Module, Parameter and Tensor (a buffer), base classes' too. Null fields are left out.</summary>
            protected virtual void RegisterComponents()
            {
                if (registered) return;
                foreach (var field in fieldsOf.GetOrAdd(GetType(), ComponentFields))
                {
                    var key = field.ComponentName();
                    if (ownModules.ContainsKey(key) || ownParameters.ContainsKey(key) || ownBuffers.ContainsKey(key)) continue;
                    switch (field.GetValue(this))
                    {
                        case Module module: register_module(key, module); break;
                        case Modules.Parameter parameter: register_parameter(key, parameter); break;
                        case Tensor buffer: register_buffer(key, buffer); break;
                    }
                }
                registered = true;
            }

            /// <summary>Fields that can hold a component, the most derived class first; a field hidden by another of its name is left out.</summary>
            static FieldInfo[] ComponentFields(Type type)
            {
                var found = new List<FieldInfo>();
                var seen = new HashSet<string>();
                for (var t = type; t is not null && t != typeof(Module); t = t.BaseType)
                    foreach (var field in t.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
                        if (seen.Add(field.Name) && CanHoldComponent(field.FieldType)) found.Add(field);
                return [.. found];
            }

            static bool CanHoldComponent(Type type) =>
                typeof(Module).IsAssignableFrom(type) || typeof(Tensor).IsAssignableFrom(type) || type.IsInterface || type == typeof(object);

            public virtual void register_parameter(string name, Parameter param)
            {
                ArgumentNullException.ThrowIfNull(param);
                if (!ownParameters.TryAdd(name, param)) throw new InvalidOperationException($"{GetName()} already has a parameter {name}");
            }

            /// <summary>A tensor that belongs to the state but is not trained; a non-persistent one is left out of the state dict.</summary>
            public virtual void register_buffer(string name, Tensor tensor, bool persistent = true)
            {
                ArgumentNullException.ThrowIfNull(tensor);
                if (!ownBuffers.TryAdd(name, (tensor.DetachFromDisposeScope(), persistent)))
                    throw new InvalidOperationException($"{GetName()} already has a buffer {name}");
            }

            public virtual void register_module(string name, Module submodule)
            {
                if (submodule is null)
                {
                    ownModules.Remove(name);
                    return;
                }
                if (string.IsNullOrEmpty(name) || name.Contains('.'))
                    throw new ArgumentException($"\"{name}\" can't name a module: it must not be empty or contain a dot");
                if (ownModules.ContainsKey(name)) throw new InvalidOperationException($"{GetName()} already has a module {name}");
                submodule.RegisterComponents();
                ownModules.Add(name, submodule);
            }

            public void add_module(string name, Module module) => register_module(name, module);

            protected void ClearModules() => ownModules.Clear();

            /// <summary>Registers, replaces or (null) removes the parameter.</summary>
            protected void ConditionallyRegisterParameter(string name, Parameter? value)
            {
                if (value is null) ownParameters.Remove(name);
                else ownParameters[name] = value;
            }

            protected void ConditionallyRegisterParameter(string name, Tensor? value) =>
                ConditionallyRegisterParameter(name, value is null ? null : value as Parameter ?? new Parameter(value));

            protected void ConditionallyRegisterBuffer(string name, Tensor? value, bool persistent = true)
            {
                if (value is null) ownBuffers.Remove(name);
                else ownBuffers[name] = (value.DetachFromDisposeScope(), persistent);
            }

            /// <summary>Frees every parameter and buffer of this module and all below.</summary>
            public void Dispose()
            {
                Dispose(true);
                GC.SuppressFinalize(this);
            }

            protected virtual void Dispose(bool disposing)
            {
                if (!disposing || disposed) return;
                disposed = true;
                foreach (var parameter in ownParameters.Values) parameter.Dispose();
                foreach (var buffer in ownBuffers.Values) buffer.Value.Dispose();
                foreach (var child in ownModules.Values) child.Dispose();
            }
        }
    }
}
