// CUDA's language for g++: enough of it to run the library's kernels on a CPU, thread by thread, so that tests see what they compute on a
// machine without a GPU. Threads of a block are fibers; a barrier or a shuffle switches to the next; blocks run one after the other. A fiber is made once,
// as a context of its own, and from then on entered and left by longjmp, which asks nothing of the system.
// Emulated: threadIdx.x, blockIdx.x/y, blockDim.x, __shared__ (contents survive from block to block, as garbage would), __syncthreads, __syncwarp and __shfl_xor_sync with a
// whole warp. A barrier that not every live thread reaches is an error, as is a kernel that never ends only by the test's limit.
// Not emulated: memory order, races between threads of a warp, alignment faults other than those the CPU has.
#include <cmath>
#include <csetjmp>
#include <cstdint>
#include <cstring>
#include <ucontext.h>
#include <vector>

#define __device__
#define __global__
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(n)
#define __align__(n) alignas(n)

struct Index { unsigned x, y; };
struct uint4 { unsigned x, y, z, w; };
static Index threadIdx, blockIdx, blockDim;

namespace emulation {
enum State { Ready, AtWarp, AtBlock, Done };
constexpr size_t StackBytes = 64 << 10;
struct Fiber { ucontext_t first; jmp_buf place; std::vector<char> stack = std::vector<char>(StackBytes); State state; bool begun = false; };
static std::vector<Fiber> fibers;
static jmp_buf scheduler;
static unsigned slots[1024];

using Any = void (*)(long, long, long, long, long, long, long, long, long, long, long, long, long, long, float, float, float, float, float, float, float, float);
static Any kernel;
static const long* integers;
static const float* floats;

static void wait(State state) {
  Fiber& self = fibers[threadIdx.x];
  self.state = state;
  if (_setjmp(self.place) == 0) _longjmp(scheduler, 1);
}
static void body() {                                                   // a kernel's thread after the other
  for (;;) {
    const long* i = integers;
    const float* f = floats;
    kernel(i[0], i[1], i[2], i[3], i[4], i[5], i[6], i[7], i[8], i[9], i[10], i[11], i[12], i[13], f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7]);
    wait(Done);
  }
}
static void enter(unsigned thread) {
  threadIdx.x = thread;
  Fiber& fiber = fibers[thread];
  if (_setjmp(scheduler) != 0) return;
  if (fiber.begun) _longjmp(fiber.place, 1);
  fiber.begun = true;
  getcontext(&fiber.first);
  fiber.first.uc_stack.ss_sp = fiber.stack.data();
  fiber.first.uc_stack.ss_size = StackBytes;
  makecontext(&fiber.first, body, 0);
  setcontext(&fiber.first);
}
static bool release(unsigned from, unsigned to, State state) {         // when all live threads of [from, to) wait there
  bool any = false;
  for (unsigned t = from; t < to; t++) {
    if (fibers[t].state == Done) continue;
    if (fibers[t].state != state) return false;
    any = true;
  }
  for (unsigned t = from; t < to; t++) if (fibers[t].state == state) fibers[t].state = Ready;
  return any;
}
static int run_block(unsigned threads) {
  for (unsigned t = 0; t < threads; t++) fibers[t].state = Ready;
  for (;;) {
    unsigned done = 0;
    for (unsigned t = 0; t < threads; t++) {
      if (fibers[t].state == Ready) enter(t);
      done += fibers[t].state == Done;
    }
    if (done == threads) return 0;
    bool released = false;
    for (unsigned warp = 0; warp < threads; warp += 32) released |= release(warp, warp + 32 < threads ? warp + 32 : threads, AtWarp);
    if (!released && !release(0, threads, AtBlock)) {
      for (Fiber& fiber : fibers) fiber.begun = false;                 // none of them goes on where it hangs
      return 1;
    }
  }
}
}  // namespace emulation

static inline void __syncthreads() { emulation::wait(emulation::AtBlock); }
static inline void __syncwarp() { emulation::wait(emulation::AtWarp); }
template <typename T> static inline T __shfl_xor_sync(unsigned, T v, int lanes) {
  static_assert(sizeof(T) == 4);
  unsigned self = threadIdx.x;
  std::memcpy(&emulation::slots[self], &v, 4);
  emulation::wait(emulation::AtWarp);
  T other;
  std::memcpy(&other, &emulation::slots[self ^ lanes], 4);
  emulation::wait(emulation::AtWarp);
  return other;
}

static inline float __fadd_rn(float a, float b) { return a + b; }       // compiled without fused multiply-add
static inline float __fsub_rn(float a, float b) { return a - b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline float __fsqrt_rn(float a) { return std::sqrt(a); }
static inline int __float2int_rn(float a) { return (int)std::nearbyint(a); }
static inline void atomicMin(long long* to, long long value) { if (value < *to) *to = value; }   // threads take turns
static inline unsigned max(unsigned a, unsigned b) { return a > b ? a : b; }
static inline unsigned __float_as_uint(float v) { unsigned bits; std::memcpy(&bits, &v, 4); return bits; }
static inline float __uint_as_float(unsigned bits) { float v; std::memcpy(&v, &bits, 4); return v; }

// What the three PTX conversions do.
static inline float f16_to_f32(unsigned short bits) { _Float16 h; std::memcpy(&h, &bits, 2); return (float)h; }
static inline unsigned short f32_to_f16(float v) { _Float16 h = (_Float16)v; unsigned short bits; std::memcpy(&bits, &h, 2); return bits; }
static inline unsigned short f32_to_bf16(float v) {
  unsigned bits;
  std::memcpy(&bits, &v, 4);
  return v != v ? 0x7fff : (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// Integers and pointers come in one row, floats in another: the calling conventions of x86-64 and AArch64 pass them apart, each in order.
// Returns 1 when a barrier was not reached by every live thread.
extern "C" int emulate(void* kernel, unsigned grid_x, unsigned grid_y, unsigned threads, const long* integers, const float* floats) {
  emulation::kernel = (emulation::Any)kernel, emulation::integers = integers, emulation::floats = floats;
  if (emulation::fibers.size() < threads) emulation::fibers.resize(threads);
  blockDim = {threads, 1};
  for (blockIdx.y = 0; blockIdx.y < grid_y; blockIdx.y++)
    for (blockIdx.x = 0; blockIdx.x < grid_x; blockIdx.x++)
      if (emulation::run_block(threads) != 0) return 1;
  return 0;
}
