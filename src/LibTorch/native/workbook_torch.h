// The contract of libworkbook_torch, the C++ side of src/LibTorch.
//
// A tensor crosses the border as its TensorImpl*, which owns one reference (nullptr: undefined). Every function that can fail
// returns a status: 0, or 1 with the message in wt_error_message() and, when a C# callback threw, its GCHandle in wt_error_managed().
// No C++ exception ever leaves this library.
#pragma once
#include <torch/torch.h>
#include <torch/version.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <string>

#define WT_API extern "C" __attribute__((visibility("default")))

using TensorHandle = c10::TensorImpl*;

/// Borrowed handle -> tensor (a reference of its own).
inline at::Tensor borrow(TensorHandle handle) {
  return handle == nullptr ? at::Tensor() : at::Tensor(c10::intrusive_ptr<c10::TensorImpl>::reclaim_copy(handle));
}

/// Tensor -> owned handle, to be given back with wt_tensor_release.
inline TensorHandle give(at::Tensor tensor) {
  return tensor.defined() ? tensor.unsafeReleaseTensorImpl() : nullptr;
}

/// An exception that a C# callback threw: carries the GCHandle of it through libtorch's engine and frees it once.
struct ManagedError : std::exception {
  std::shared_ptr<void> handle;
  explicit ManagedError(void* gc_handle);
  const char* what() const noexcept override { return "an exception in a C# callback"; }
};

/// A device that exists in this libtorch; kinds and indices beyond its tables are undefined behaviour inside.
c10::Device checked_device(int64_t type, int64_t index);

void remember_current_exception() noexcept;

/// Runs body; an exception becomes status 1 and is remembered for this thread.
template <typename F>
int guarded(F&& body) noexcept {
  try {
    body();
    return 0;
  } catch (...) {
    remember_current_exception();
    return 1;
  }
}
