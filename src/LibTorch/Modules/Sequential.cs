// Modules applied one after the other, registered as "0", "1", … or under given names.
using System.Runtime.CompilerServices;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static Modules.Sequential Sequential() => new(Array.Empty<(string, Module<Tensor, Tensor>)>().AsEnumerable());

            public static Modules.Sequential Sequential(params Module<Tensor, Tensor>[] modules) => Sequential(modules.AsEnumerable());

            public static Modules.Sequential Sequential(IEnumerable<Module<Tensor, Tensor>> modules) => new(modules.Select((module, i) => ($"{i}", module)));

            public static Modules.Sequential Sequential(params (string name, Module<Tensor, Tensor> submodule)[] modules) => new(modules.AsEnumerable());

            public static Modules.Sequential Sequential(IEnumerable<(string name, Module<Tensor, Tensor> submodule)> modules) => new(modules);
        }
    }
}

namespace TorchSharp.Modules
{
    public class Sequential : Module<Tensor, Tensor>
    {
        readonly List<(string Name, IModule<Tensor, Tensor> Module)> steps = [];

        internal Sequential(IEnumerable<(string, Module<Tensor, Tensor>)> modules) : base(nameof(Sequential))
        {
            foreach (var (name, module) in modules) append(name, module);
        }

        protected Sequential(params (string name, Module<Tensor, Tensor> submodule)[] modules) : this(modules.AsEnumerable()) { }

        protected Sequential(params Module<Tensor, Tensor>[] modules) : this(modules.Select((module, i) => ($"{i}", module))) { }

        public int Count => steps.Count;

        [IndexerName("SequentialItems")]
        public IModule<Tensor, Tensor> this[int index] => steps[index].Module;

        /// <summary>A sequence of the same modules (not copies) under the same names.</summary>
        [IndexerName("SequentialItems")]
        public Sequential this[Range index] =>
            new(steps[index].Select(s => (s.Name, (Module<Tensor, Tensor>)s.Module)));

        [IndexerName("SequentialItems")]
        public Sequential this[(int? start, int? end) index] => this[(index.start ?? 0)..(index.end ?? steps.Count)];

        public Sequential append(string name, IModule<Tensor, Tensor> module)
        {
            register_module(name, module as Module ?? throw new ArgumentException($"{name}: only an nn.Module can be part of a Sequential", nameof(module)));
            steps.Add((name, module));
            return this;
        }

        public Sequential append(IModule<Tensor, Tensor> module) => append($"{steps.Count}", module);

        /// <summary>The last module's output; what is between is disposed at once (the graph keeps what backward needs).</summary>
        public override Tensor forward(Tensor tensor)
        {
            var current = tensor;
            foreach (var (_, module) in steps)
            {
                var next = module.call(current);
                if (!ReferenceEquals(current, tensor) && !ReferenceEquals(current, next)) current.Dispose();
                current = next;
            }
            return ReferenceEquals(current, tensor) ? tensor.alias() : current;
        }
    }
}
