// Modules with a forward, by number of inputs, and the hooks that run around it.
namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>A module whose <c>call</c> runs hooks: those before may replace the inputs, those after the output.</summary>
        public class HookableModule<TPreHook, TPostHook> : Module
        {
            private protected readonly OrderedDictionary<string, TPreHook> inputHooks = [];
            private protected readonly OrderedDictionary<string, TPostHook> outputHooks = [];
            private protected readonly OrderedDictionary<string, Action<Module>> beforeHooks = [], afterHooks = [];

            protected HookableModule(string name) : base(name) { }

            public HookRemover register_forward_pre_hook(TPreHook hook) => Add(inputHooks, hook);

            public HookRemover register_forward_hook(TPostHook hook) => Add(outputHooks, hook);

            public HookRemover register_forward_pre_hook(Action<Module> hook) => Add(beforeHooks, hook);

            public HookRemover register_forward_hook(Action<Module> hook) => Add(afterHooks, hook);

            HookRemover Add<THook>(OrderedDictionary<string, THook> hooks, THook hook)
            {
                var key = Guid.NewGuid().ToString();
                hooks.Add(key, hook);
                return new HookRemover(this, key);
            }

            private protected void RunBefore()
            {
                foreach (var hook in beforeHooks.Values) hook(this);
            }

            private protected void RunAfter()
            {
                foreach (var hook in afterHooks.Values) hook(this);
            }

            public class HookRemover(HookableModule<TPreHook, TPostHook> module, string key)
            {
                public void remove()
                {
                    module.inputHooks.Remove(key);
                    module.outputHooks.Remove(key);
                    module.beforeHooks.Remove(key);
                    module.afterHooks.Remove(key);
                }
            }
        }

        public interface IModule<T, TResult>
        {
            TResult call(T input1);
        }

        public interface IModule<T1, T2, TResult>
        {
            TResult call(T1 input1, T2 input2);
        }

        public interface IModule<T1, T2, T3, TResult>
        {
            TResult call(T1 input1, T2 input2, T3 input3);
        }

        public interface IModule<T1, T2, T3, T4, TResult>
        {
            TResult call(T1 input1, T2 input2, T3 input3, T4 input4);
        }

        /// <summary>A module of one input. Subclasses write <see cref="forward"/>, users write <see cref="call"/>.</summary>
        public abstract class Module<T, TResult>(string name)
            : HookableModule<Func<Module<T, TResult>, T, T>, Func<Module<T, TResult>, T, TResult, TResult>>(name), IModule<T, TResult>
        {
            public abstract TResult forward(T input);

            public TResult call(T input)
            {
                RunBefore();
                foreach (var hook in inputHooks.Values) input = hook(this, input) ?? input;
                var result = forward(input);
                foreach (var hook in outputHooks.Values) result = hook(this, input, result) ?? result;
                RunAfter();
                return result;
            }
        }

        /// <summary>A module of two inputs.</summary>
        public abstract class Module<T1, T2, TResult>(string name)
            : HookableModule<Func<Module<T1, T2, TResult>, T1, T2, (T1, T2)?>, Func<Module<T1, T2, TResult>, T1, T2, TResult, TResult>>(name), IModule<T1, T2, TResult>
        {
            public abstract TResult forward(T1 input1, T2 input2);

            public TResult call(T1 input1, T2 input2)
            {
                RunBefore();
                foreach (var hook in inputHooks.Values) (input1, input2) = hook(this, input1, input2) ?? (input1, input2);
                var result = forward(input1, input2);
                foreach (var hook in outputHooks.Values) result = hook(this, input1, input2, result) ?? result;
                RunAfter();
                return result;
            }
        }

        /// <summary>A module of three inputs.</summary>
        public abstract class Module<T1, T2, T3, TResult>(string name)
            : HookableModule<Func<Module<T1, T2, T3, TResult>, T1, T2, T3, (T1, T2, T3)?>, Func<Module<T1, T2, T3, TResult>, T1, T2, T3, TResult, TResult>>(name), IModule<T1, T2, T3, TResult>
        {
            public abstract TResult forward(T1 input1, T2 input2, T3 input3);

            public TResult call(T1 input1, T2 input2, T3 input3)
            {
                RunBefore();
                foreach (var hook in inputHooks.Values) (input1, input2, input3) = hook(this, input1, input2, input3) ?? (input1, input2, input3);
                var result = forward(input1, input2, input3);
                foreach (var hook in outputHooks.Values) result = hook(this, input1, input2, input3, result) ?? result;
                RunAfter();
                return result;
            }
        }

        /// <summary>A module of four inputs.</summary>
        public abstract class Module<T1, T2, T3, T4, TResult>(string name)
            : HookableModule<Func<Module<T1, T2, T3, T4, TResult>, T1, T2, T3, T4, (T1, T2, T3, T4)?>, Func<Module<T1, T2, T3, T4, TResult>, T1, T2, T3, T4, TResult, TResult>>(name), IModule<T1, T2, T3, T4, TResult>
        {
            public abstract TResult forward(T1 input1, T2 input2, T3 input3, T4 input4);

            public TResult call(T1 input1, T2 input2, T3 input3, T4 input4)
            {
                RunBefore();
                foreach (var hook in inputHooks.Values)
                    (input1, input2, input3, input4) = hook(this, input1, input2, input3, input4) ?? (input1, input2, input3, input4);
                var result = forward(input1, input2, input3, input4);
                foreach (var hook in outputHooks.Values) result = hook(this, input1, input2, input3, input4, result) ?? result;
                RunAfter();
                return result;
            }
        }
    }
}
