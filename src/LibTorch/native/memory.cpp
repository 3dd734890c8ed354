// A counting CPU allocator in libtorch's place: the live and peak bytes of tensors for nothing, which tells C# when
// undisposed tensors have piled up and a garbage collection is worth its price.
#include "workbook_torch.h"

#include <c10/core/CPUAllocator.h>
#include <c10/util/Logging.h>
#include <malloc.h>

#include <atomic>
#include <climits>
#include <cstdlib>

namespace {
std::atomic<int64_t> live{0};
std::atomic<int64_t> peak{0};

void release(void* block) {
  if (block == nullptr) return;
  live.fetch_sub(static_cast<int64_t>(malloc_usable_size(block)), std::memory_order_relaxed);
  std::free(block);
}

struct CountingAllocator final : c10::Allocator {
  c10::DataPtr get(size_t bytes) const {
    if (bytes == 0) return {nullptr, nullptr, &release, c10::Device(c10::kCPU)};
    void* block = nullptr;
    TORCH_CHECK(posix_memalign(&block, 64, bytes) == 0, "not enough memory: ", bytes, " bytes were asked for");
    auto now = live.fetch_add(static_cast<int64_t>(malloc_usable_size(block)), std::memory_order_relaxed)
        + static_cast<int64_t>(malloc_usable_size(block));
    auto seen = peak.load(std::memory_order_relaxed);
    while (now > seen && !peak.compare_exchange_weak(seen, now, std::memory_order_relaxed)) {}
    return {block, block, &release, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
#if TORCH_VERSION_MAJOR >= 2
  c10::DataPtr allocate(size_t bytes) override { return get(bytes); }
  void copy_data(void* target, const void* source, size_t bytes) const override { default_copy_data(target, source, bytes); }
#else
  c10::DataPtr allocate(size_t bytes) const override { return get(bytes); }
#endif
};
}  // namespace

/// Once, before the first tensor is made.
WT_API void wt_memory_init() {
  static CountingAllocator allocator;
  c10::SetCPUAllocator(&allocator, 100);
  // libtorch looks up the C++ call stack for every error: milliseconds for a text that C# never shows.
  c10::SetStackTraceFetcher([]() { return std::string(); });
  // glibc gives big blocks back to the system at once and first touch is dear (0.7 ms a MB): keep them.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
}
WT_API int64_t wt_memory_live() { return live.load(std::memory_order_relaxed); }
WT_API int64_t wt_memory_peak() { return peak.load(std::memory_order_relaxed); }
WT_API void wt_memory_reset_peak() { peak.store(live.load()); }
/// Gives what the C heap keeps for later back to the system.
WT_API void wt_memory_trim() { malloc_trim(0); }
WT_API void wt_flush_output() { fflush(nullptr); }
