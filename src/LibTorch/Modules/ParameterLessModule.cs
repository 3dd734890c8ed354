// Modules that hold no tensors (activations, dropout): registering something in one is a mistake that is reported.
namespace TorchSharp.Modules;

public interface IParameterLessModule;

/// <summary>A module of one input without parameters.</summary>
public abstract class ParameterLessModule<T1, TResult>(string name) : torch.nn.Module<T1, TResult>(name), IParameterLessModule
{
    public override void register_parameter(string name, Parameter param) => throw Refused("parameter", name);

    public override void register_buffer(string name, torch.Tensor tensor, bool persistent = true) => throw Refused("buffer", name);

    public override void register_module(string name, torch.nn.Module submodule) => throw Refused("module", name);

    InvalidOperationException Refused(string what, string name) => new($"{GetName()} holds no tensors and takes no {what} \"{name}\"");
}
