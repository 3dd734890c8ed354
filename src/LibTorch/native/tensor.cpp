// Tensors without the dispatcher: lifetime, metadata, gradients, modes, generators, threads and devices; and the error channel.
#include "workbook_torch.h"

#include <ATen/Parallel.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/cuda.h>

#include <dlfcn.h>

namespace {
thread_local std::string last_message;
thread_local std::shared_ptr<void> last_managed;
void (*free_gc_handle)(void*) = nullptr;

/// libtorch appends its own call stack and "Exception raised from …": of no use to a C# caller.
std::string first_part(const char* text) {
  std::string message(text);
  for (const char* mark : {"\nException raised from", "\nCUDA kernel errors might be"}) {
    auto at = message.find(mark);
    if (at != std::string::npos) message.resize(at);
  }
  while (!message.empty() && message.back() == '\n') message.pop_back();
  return message;
}
}  // namespace

ManagedError::ManagedError(void* gc_handle) : handle(gc_handle, [](void* h) { if (h != nullptr) free_gc_handle(h); }) {}

void remember_current_exception() noexcept {
  try {
    last_managed.reset();
    throw;
  } catch (const ManagedError& e) {
    last_message = e.what();
    last_managed = e.handle;
  } catch (const c10::Error& e) {
    last_message = first_part(e.what_without_backtrace());
  } catch (const std::exception& e) {
    last_message = first_part(e.what());
  } catch (...) {
    last_message = "an unknown C++ exception";
  }
}

WT_API const char* wt_error_message() { return last_message.c_str(); }
WT_API void* wt_error_managed() { return last_managed.get(); }
WT_API void wt_error_clear() { last_managed.reset(); }
WT_API void wt_set_gc_handle_free(void (*free)(void*)) { free_gc_handle = free; }
WT_API const char* wt_version() { return TORCH_VERSION; }

c10::Device checked_device(int64_t type, int64_t index) {
  TORCH_CHECK(type >= 0 && type < static_cast<int64_t>(c10::COMPILE_TIME_MAX_DEVICE_TYPES), "no kind of device has the number ", type);
  auto kind = static_cast<c10::DeviceType>(type);
  TORCH_CHECK(kind == c10::kMeta || c10::impl::hasDeviceGuardImpl(kind), "this libtorch (", TORCH_VERSION, ") has no ", c10::DeviceTypeName(kind), " devices");
  TORCH_CHECK(index >= -1 && index < 128, "a device's index is out of range: ", index);
  return c10::Device(kind, static_cast<c10::DeviceIndex>(index));
}

// ---- lifetime and metadata; none of these can throw on a dense tensor ----

WT_API void wt_tensor_release(TensorHandle t) { c10::intrusive_ptr<c10::TensorImpl>::reclaim(t); }
WT_API TensorHandle wt_tensor_share(TensorHandle t) { return give(borrow(t)); }
WT_API int8_t wt_dtype(TensorHandle t) { return static_cast<int8_t>(c10::typeMetaToScalarType(t->dtype())); }
WT_API int64_t wt_element_size(TensorHandle t) { return static_cast<int64_t>(t->itemsize()); }
WT_API int64_t wt_numel(TensorHandle t) { return t->numel(); }
WT_API int64_t wt_dim(TensorHandle t) { return t->dim(); }
WT_API int64_t wt_device(TensorHandle t) {  // type in the upper 32 bits, index in the lower
  auto device = t->device();
  return (static_cast<int64_t>(device.type()) << 32) | static_cast<uint32_t>(static_cast<int32_t>(device.index()));
}
WT_API int32_t wt_layout(TensorHandle t) { return static_cast<int32_t>(t->layout()); }
WT_API int32_t wt_use_count(TensorHandle t) {
  auto tensor = borrow(t);
  return static_cast<int32_t>(tensor.use_count() - 1);
}
WT_API int wt_sizes(TensorHandle t, int64_t* out) {
  return guarded([&] { auto s = t->sizes(); std::copy(s.begin(), s.end(), out); });
}
WT_API int wt_strides(TensorHandle t, int64_t* out) {
  return guarded([&] { auto s = t->strides(); std::copy(s.begin(), s.end(), out); });
}
WT_API int wt_storage_offset(TensorHandle t, int64_t* out) {
  return guarded([&] { *out = t->storage_offset(); });
}
WT_API int wt_is_contiguous(TensorHandle t, int32_t* out) {
  return guarded([&] { *out = t->is_contiguous(); });
}
WT_API int wt_data(TensorHandle t, void** out) {
  return guarded([&] { *out = borrow(t).data_ptr(); });
}

// ---- gradients ----

WT_API int32_t wt_requires_grad(TensorHandle t) { return borrow(t).requires_grad(); }
WT_API int wt_set_requires_grad(TensorHandle t, int32_t value) {
  return guarded([&] { borrow(t).requires_grad_(value != 0); });
}
WT_API int32_t wt_is_leaf(TensorHandle t) { return borrow(t).is_leaf(); }
WT_API int wt_grad(TensorHandle t, TensorHandle* out) {
  return guarded([&] { *out = give(at::Tensor(borrow(t).grad())); });
}
WT_API int wt_set_grad(TensorHandle t, TensorHandle grad) {
  return guarded([&] { borrow(t).mutable_grad() = borrow(grad); });
}
WT_API int wt_retain_grad(TensorHandle t) {
  return guarded([&] { borrow(t).retain_grad(); });
}

namespace {
std::vector<at::Tensor> borrow_all(const TensorHandle* handles, int32_t count) {
  std::vector<at::Tensor> list;
  list.reserve(count);
  for (int32_t i = 0; i < count; i++) list.push_back(borrow(handles[i]));
  return list;
}
}  // namespace

WT_API int wt_backward(const TensorHandle* outputs, int32_t n_outputs, const TensorHandle* gradients, int32_t n_gradients,
                       int32_t retain_graph, int32_t create_graph, const TensorHandle* inputs, int32_t n_inputs) {
  return guarded([&] {
    torch::autograd::backward(borrow_all(outputs, n_outputs), borrow_all(gradients, n_gradients),
                              retain_graph != 0, create_graph != 0, borrow_all(inputs, n_inputs));
  });
}

WT_API int wt_autograd_grad(const TensorHandle* outputs, int32_t n_outputs, const TensorHandle* inputs, int32_t n_inputs,
                            const TensorHandle* gradients, int32_t n_gradients, int32_t retain_graph, int32_t create_graph,
                            int32_t allow_unused, TensorHandle* results) {  // results: n_inputs long
  return guarded([&] {
    auto list = torch::autograd::grad(borrow_all(outputs, n_outputs), borrow_all(inputs, n_inputs),
                                      borrow_all(gradients, n_gradients), retain_graph != 0, create_graph != 0, allow_unused != 0);
    for (size_t i = 0; i < list.size(); i++) results[i] = give(std::move(list[i]));
  });
}

WT_API int32_t wt_grad_mode() { return at::GradMode::is_enabled(); }
WT_API void wt_set_grad_mode(int32_t enabled) { at::GradMode::set_enabled(enabled != 0); }
WT_API int32_t wt_inference_mode() { return c10::InferenceMode::is_enabled(); }
WT_API void* wt_inference_mode_enter(int32_t enabled) { return new c10::InferenceMode(enabled != 0); }
WT_API void wt_inference_mode_leave(void* guard) { delete static_cast<c10::InferenceMode*>(guard); }

// ---- generators ----

WT_API int wt_generator_default(int32_t device_type, int32_t index, at::Generator** out) {
  return guarded([&] {
    *out = new at::Generator(at::globalContext().defaultGenerator(checked_device(device_type, index)));
  });
}
WT_API int wt_generator_new(int32_t device_type, int32_t index, uint64_t seed, at::Generator** out) {
  return guarded([&] {
    auto generator = at::globalContext().defaultGenerator(checked_device(device_type, index)).clone();
    generator.set_current_seed(seed);
    *out = new at::Generator(std::move(generator));
  });
}
WT_API void wt_generator_release(at::Generator* g) { delete g; }
WT_API int wt_generator_manual_seed(at::Generator* g, uint64_t seed) {
  return guarded([&] { std::lock_guard<std::mutex> lock(g->mutex()); g->set_current_seed(seed); });
}
WT_API int wt_generator_reseed(at::Generator* g, uint64_t* out) {
  return guarded([&] { std::lock_guard<std::mutex> lock(g->mutex()); *out = g->seed(); });
}
WT_API int wt_generator_initial_seed(at::Generator* g, uint64_t* out) {
  return guarded([&] { *out = g->current_seed(); });
}
WT_API int wt_generator_state(at::Generator* g, TensorHandle* out) {
  return guarded([&] { std::lock_guard<std::mutex> lock(g->mutex()); *out = give(at::Tensor(g->unsafeGetGeneratorImpl()->get_state())); });
}
WT_API int wt_generator_set_state(at::Generator* g, TensorHandle state) {
  return guarded([&] {
    std::lock_guard<std::mutex> lock(g->mutex());
    auto tensor = borrow(state);
    g->unsafeGetGeneratorImpl()->set_state(*tensor.unsafeGetTensorImpl());
  });
}
WT_API int wt_manual_seed(uint64_t seed) {
  return guarded([&] { torch::manual_seed(seed); });
}

// ---- threads and devices ----

WT_API int32_t wt_threads() { return at::get_num_threads(); }
WT_API int wt_set_threads(int32_t count) {
  return guarded([&] {
    TORCH_CHECK(count >= 1, "set_num_threads: expected at least 1 thread, got ", count);
    at::set_num_threads(count);
  });
}
WT_API int32_t wt_interop_threads() { return at::get_num_interop_threads(); }

/// Calls body(context, begin, end) for slices of [0, count) on libtorch's own threads, so that C# kernels and its own don't fight for cores.
WT_API int wt_parallel_for(int64_t count, int64_t grain, void (*body)(void*, int64_t, int64_t), void* context) {
  return guarded([&] { at::parallel_for(0, count, grain, [&](int64_t begin, int64_t end) { body(context, begin, end); }); });
}

WT_API int32_t wt_cuda_device_count() {
  int32_t count = 0;
  guarded([&] { count = static_cast<int32_t>(torch::cuda::device_count()); });
  return count;
}
WT_API int32_t wt_cudnn_available() { return torch::cuda::cudnn_is_available(); }
WT_API int wt_cuda_synchronize(int64_t index) {
  return guarded([&] { torch::cuda::synchronize(index); });
}
/// The cudaStream_t that this thread's work on a device goes to (null: the default stream). libtorch's portable interface knows a stream by a
/// number only; the member that turns it into the driver's handle is in libc10_cuda, whose headers want CUDA's. So it is called by its symbol:
/// `cudaStream_t c10::cuda::CUDAStream::stream() const`, where a CUDAStream is a c10::Stream and nothing else.
WT_API int wt_cuda_current_stream(int64_t index, void** out) {
  return guarded([&] {
    c10::impl::VirtualGuardImpl device(c10::DeviceType::CUDA);
    auto current = index < 0 ? device.getDevice() : c10::Device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index));
    c10::Stream stream = device.getStream(current);
    static auto native = [] {
      void* library = dlopen("libc10_cuda.so", RTLD_LAZY | RTLD_NOLOAD);
      return reinterpret_cast<void* (*)(const c10::Stream*)>(library == nullptr ? nullptr : dlsym(library, "_ZNK3c104cuda10CUDAStream6streamEv"));
    }();
    TORCH_CHECK(native != nullptr, "this libtorch's libc10_cuda.so does not export CUDAStream::stream(): its current stream cannot be asked for");
    *out = native(&stream);
  });
}
/// A stream of a device's pool, by libtorch's number for it.
WT_API int wt_cuda_pool_stream(int64_t index, int64_t* id) {
  return guarded([&] {
    c10::impl::VirtualGuardImpl device(c10::DeviceType::CUDA);
    *id = device.getStreamFromGlobalPool(checked_device(static_cast<int64_t>(c10::DeviceType::CUDA), index)).id();
  });
}
/// Makes a stream this thread's current one on a device; gives the number of the one that was.
WT_API int wt_cuda_exchange_stream(int64_t index, int64_t id, int64_t* before) {
  return guarded([&] {
    c10::impl::VirtualGuardImpl device(c10::DeviceType::CUDA);
    auto checked = checked_device(static_cast<int64_t>(c10::DeviceType::CUDA), index);
    *before = device.exchangeStream(c10::Stream(c10::Stream::UNSAFE, checked, id)).id();
  });
}
WT_API int wt_cuda_manual_seed(uint64_t seed, int32_t all) {
  return guarded([&] { if (all != 0) torch::cuda::manual_seed_all(seed); else torch::cuda::manual_seed(seed); });
}
