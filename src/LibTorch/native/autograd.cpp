// A differentiable function whose forward and backward are written in C#: torch::autograd::Function with two callbacks.
#include "workbook_torch.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

/// What forward is given and gives. The arrays are allocated by C# and freed here through free_array.
struct ForwardCall {
  void* context;                // GCHandle of the C# AutogradContext
  TensorHandle* outputs;        // owned handles, moved out of C#
  int32_t n_outputs;
  TensorHandle* saved;          // owned handles, as those below
  int32_t n_saved;
  TensorHandle* dirty;
  int32_t n_dirty;
  TensorHandle* undifferentiable;
  int32_t n_undifferentiable;
  int32_t materialize_grads;
};

struct BackwardCall {
  void* context;
  TensorHandle* gradients;      // owned by C# from here on; nullptr: undefined
  int32_t n_gradients;
  TensorHandle* saved;          // owned by C# from here on
  int32_t n_saved;
  TensorHandle* results;        // owned handles, moved out of C#; as many as tensors went into forward
  int32_t n_results;
};

using ForwardCallback = void* (*)(ForwardCall*);    // returns null or the GCHandle of an exception
using BackwardCallback = void* (*)(BackwardCall*);

namespace {
ForwardCallback forward_callback;
BackwardCallback backward_callback;
void (*release_context)(void*);
void (*free_array)(void*);

/// Holds the C# context for as long as the graph's node lives.
struct Context : torch::CustomClassHolder {
  void* handle;
  explicit Context(void* h) : handle(h) {}
  ~Context() override { release_context(handle); }
};

std::vector<at::Tensor> borrow_array(const TensorHandle* handles, int32_t count) {
  std::vector<at::Tensor> list;
  for (int32_t i = 0; i < count; i++) list.push_back(borrow(handles[i]));
  return list;
}

std::vector<at::Tensor> take_array(TensorHandle* handles, int32_t count) {
  std::vector<at::Tensor> list;
  for (int32_t i = 0; i < count; i++)
    list.push_back(handles[i] == nullptr ? at::Tensor() : at::Tensor(c10::intrusive_ptr<c10::TensorImpl>::reclaim(handles[i])));
  return list;
}

struct ManagedFunction : torch::autograd::Function<ManagedFunction> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, c10::intrusive_ptr<Context> context,
                                                at::TensorList inputs) {
    ctx->saved_data["context"] = at::IValue::make_capsule(context);
    ForwardCall call{};
    call.context = context->handle;
    call.materialize_grads = 1;
    if (void* error = forward_callback(&call)) throw ManagedError(error);
    auto saved = take_array(call.saved, call.n_saved);
    auto dirty = take_array(call.dirty, call.n_dirty);
    auto undifferentiable = take_array(call.undifferentiable, call.n_undifferentiable);
    auto outputs = take_array(call.outputs, call.n_outputs);
    for (auto* array : {call.outputs, call.saved, call.dirty, call.undifferentiable}) free_array(array);
    ctx->save_for_backward(std::move(saved));
    ctx->mark_dirty(dirty);
    ctx->mark_non_differentiable(undifferentiable);
    ctx->set_materialize_grads(call.materialize_grads != 0);
    ctx->saved_data["inputs"] = static_cast<int64_t>(inputs.size());
    return outputs;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list gradients) {
    auto saved = ctx->get_saved_variables();
    auto n_inputs = static_cast<int32_t>(ctx->saved_data["inputs"].toInt());
    auto context = c10::static_intrusive_pointer_cast<Context>(ctx->saved_data["context"].toCapsule());
    std::vector<TensorHandle> gradient_handles, saved_handles, results(n_inputs, nullptr);
    for (auto& g : gradients) gradient_handles.push_back(give(std::move(g)));
    for (auto& s : saved) saved_handles.push_back(give(std::move(s)));
    BackwardCall call{context->handle, gradient_handles.data(), static_cast<int32_t>(gradient_handles.size()),
                      saved_handles.data(), static_cast<int32_t>(saved_handles.size()), results.data(), n_inputs};
    if (void* error = backward_callback(&call)) throw ManagedError(error);
    auto list = take_array(results.data(), n_inputs);
    list.insert(list.begin(), at::Tensor());  // the context, which is no tensor
    return list;
  }
};
}  // namespace

WT_API void wt_autograd_init(ForwardCallback forward, BackwardCallback backward, void (*release)(void*), void (*free)(void*)) {
  forward_callback = forward;
  backward_callback = backward;
  release_context = release;
  free_array = free;
}

/// Calls forward with the C# context; results are owned handles, *n_results of them, to be read before this thread's next call.
WT_API int wt_autograd_apply(void* context, const TensorHandle* inputs, int32_t n_inputs, TensorHandle** results, int32_t* n_results) {
  static thread_local std::vector<TensorHandle> handles;
  auto holder = c10::make_intrusive<Context>(context);  // from here on the graph, or this frame, frees the context
  return guarded([&] {
    auto list = borrow_array(inputs, n_inputs);
    auto outputs = ManagedFunction::apply(holder, at::TensorList(list));
    handles.clear();
    for (auto& output : outputs) handles.push_back(give(std::move(output)));
    *results = handles.data();
    *n_results = static_cast<int32_t>(handles.size());
  });
}
