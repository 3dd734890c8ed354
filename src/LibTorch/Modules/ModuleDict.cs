// Modules by name, in the order of their addition.
using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace TorchSharp
{
    using Modules;

    public static partial class torch
    {
        public static partial class nn
        {
            public static ModuleDict<Module> ModuleDict(params (string, Module)[] modules)
            {
                var result = new ModuleDict<Module>();
                foreach (var (key, module) in modules) result.Add(key, module);
                return result;
            }
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>Modules that their owner looks up by name; it has no forward of its own.</summary>
    public class ModuleDict<T> : torch.nn.Module, IDictionary<string, T>, IList<(string, T)> where T : torch.nn.Module
    {
        readonly OrderedDictionary<string, T> entries = [];

        public ModuleDict() : base(nameof(ModuleDict<>)) { }

        protected override void RegisterComponents() { }   // items are registered as they come

        public T this[string key]
        {
            get => entries.TryGetValue(key, out var found) ? found : throw new KeyNotFoundException($"no module \"{key}\"; there are {string.Join(", ", entries.Keys)}");
            set
            {
                entries[key] = value;
                Register();
            }
        }

        public (string, T) this[int index]
        {
            get => (entries.GetAt(index).Key, entries.GetAt(index).Value);
            set
            {
                entries.RemoveAt(index);
                entries.Insert(index, value.Item1, value.Item2);
                Register();
            }
        }

        public int Count => entries.Count;
        public bool IsReadOnly => false;
        public ICollection<string> Keys => entries.Keys;
        public ICollection<T> Values => entries.Values;
        public IEnumerable<string> keys() => entries.Keys;
        public IEnumerable<T> values() => entries.Values;

        public IEnumerator<(string, T)> items() => GetEnumerator();

        public void Add(string key, T value)
        {
            ArgumentNullException.ThrowIfNull(value);
            register_module(key, value);
            entries.Add(key, value);
        }

        public void Add((string, T) item) => Add(item.Item1, item.Item2);
        public void Add(KeyValuePair<string, T> item) => Add(item.Key, item.Value);

        public void Insert(int index, (string, T) item)
        {
            entries.Insert(index, item.Item1, item.Item2);
            Register();
        }

        public bool Remove(string key)
        {
            var removed = entries.Remove(key);
            Register();
            return removed;
        }

        public bool Remove((string, T) item) => Contains(item) && Remove(item.Item1);
        public bool Remove(KeyValuePair<string, T> item) => Contains(item) && Remove(item.Key);

        public void RemoveAt(int index)
        {
            entries.RemoveAt(index);
            Register();
        }

        public void Clear()
        {
            entries.Clear();
            Register();
        }

        public void clear() => Clear();

        void Register()
        {
            ClearModules();
            foreach (var (key, module) in entries) register_module(key, module);
        }

        public bool ContainsKey(string key) => entries.ContainsKey(key);
        public bool Contains((string, T) item) => IndexOf(item) >= 0;
        public bool Contains(KeyValuePair<string, T> item) => Contains((item.Key, item.Value));
        public bool TryGetValue(string key, [MaybeNullWhen(false)] out T value) => entries.TryGetValue(key, out value);

        public int IndexOf((string, T) item) =>
            entries.TryGetValue(item.Item1, out var found) && ReferenceEquals(found, item.Item2) ? entries.IndexOf(item.Item1) : -1;

        public void CopyTo((string, T)[] array, int arrayIndex)
        {
            foreach (var (key, module) in entries) array[arrayIndex++] = (key, module);
        }

        public void CopyTo(KeyValuePair<string, T>[] array, int arrayIndex) => ((ICollection<KeyValuePair<string, T>>)entries).CopyTo(array, arrayIndex);

        public IEnumerator<(string, T)> GetEnumerator()
        {
            foreach (var (key, module) in entries) yield return (key, module);
        }

        IEnumerator<KeyValuePair<string, T>> IEnumerable<KeyValuePair<string, T>>.GetEnumerator() => entries.GetEnumerator();
        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
