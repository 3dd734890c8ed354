// A list of modules, registered as "0", "1", …
using System.Collections;

namespace TorchSharp
{
    using Modules;

    public static partial class torch
    {
        public static partial class nn
        {
            public static ModuleList<Module> ModuleList(params Module[] modules) => new(modules);
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>Modules that are iterated over by their owner; it has no forward of its own.</summary>
    public class ModuleList<T> : torch.nn.Module, IList<T> where T : torch.nn.Module
    {
        readonly List<T> items = [];

        public ModuleList(params T[] modules) : base(nameof(ModuleList<>)) => extend(modules);

        protected override void RegisterComponents() { }   // items are registered as they come

        public T this[int index]
        {
            get => items[index];
            set { items[index] = value; Renumber(); }
        }

        public int Count => items.Count;
        public bool IsReadOnly => false;

        public void append(params T[] parameters) => extend(parameters);

        public void extend(IEnumerable<T> modules)
        {
            foreach (var module in modules) Add(module);
        }

        public void Add(T item)
        {
            ArgumentNullException.ThrowIfNull(item);
            register_module($"{items.Count}", item);
            items.Add(item);
        }

        public void Insert(int index, T item)
        {
            ArgumentNullException.ThrowIfNull(item);
            items.Insert(index, item);
            Renumber();
        }

        public bool Remove(T item)
        {
            var removed = items.Remove(item);
            Renumber();
            return removed;
        }

        public void RemoveAt(int index)
        {
            items.RemoveAt(index);
            Renumber();
        }

        public void Clear()
        {
            items.Clear();
            Renumber();
        }

        void Renumber()
        {
            ClearModules();
            for (var i = 0; i < items.Count; i++) register_module($"{i}", items[i]);
        }

        public bool Contains(T item) => items.Contains(item);
        public int IndexOf(T item) => items.IndexOf(item);
        public void CopyTo(T[] array, int arrayIndex) => items.CopyTo(array, arrayIndex);
        public IEnumerator<T> GetEnumerator() => items.GetEnumerator();
        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
