// A list of parameters, registered as "0", "1", …
using System.Collections;

namespace TorchSharp
{
    using Modules;

    public static partial class torch
    {
        public static partial class nn
        {
            /// <inheritdoc cref="Modules.Parameter"/>
            public static Parameter Parameter(Tensor data, bool requires_grad = true) => new(data, requires_grad);

            public static ParameterList ParameterList(params Parameter[] parameters) => new(parameters);
        }
    }
}

namespace TorchSharp.Modules
{
    public class ParameterList : torch.nn.Module, IList<Parameter>
    {
        readonly List<Parameter> items = [];

        public ParameterList(params Parameter[] parameters) : base(nameof(ParameterList)) => extend(parameters);

        protected override void RegisterComponents() { }   // items are registered as they come

        public Parameter this[int index]
        {
            get => items[index];
            set { items[index] = value; Renumber(items.Count); }
        }

        public int Count => items.Count;
        public bool IsReadOnly => false;

        public void append(params Parameter[] parameters) => extend(parameters);

        public void extend(IEnumerable<Parameter> parameters)
        {
            foreach (var parameter in parameters) Add(parameter);
        }

        public void Add(Parameter item)
        {
            ArgumentNullException.ThrowIfNull(item);
            register_parameter($"{items.Count}", item);
            items.Add(item);
        }

        public void Insert(int index, Parameter item)
        {
            ArgumentNullException.ThrowIfNull(item);
            items.Insert(index, item);
            Renumber(items.Count - 1);
        }

        public bool Remove(Parameter item)
        {
            var index = items.IndexOf(item);
            if (index >= 0) RemoveAt(index);
            return index >= 0;
        }

        public void RemoveAt(int index)
        {
            items.RemoveAt(index);
            Renumber(items.Count + 1);
        }

        public void Clear()
        {
            var before = items.Count;
            items.Clear();
            Renumber(before);
        }

        void Renumber(int before)
        {
            for (var i = 0; i < Math.Max(before, items.Count); i++)
                ConditionallyRegisterParameter($"{i}", i < items.Count ? items[i] : null);
        }

        public bool Contains(Parameter item) => items.Contains(item);
        public int IndexOf(Parameter item) => items.IndexOf(item);
        public void CopyTo(Parameter[] array, int arrayIndex) => items.CopyTo(array, arrayIndex);
        public IEnumerator<Parameter> GetEnumerator() => items.GetEnumerator();
        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
