// One step of AdamW (arXiv 1711.05101) whose two moments are 8-bit codes in blocks of 256 ("8-bit optimizers", arXiv 2110.02861):
//   m = β₁ m + (1 - β₁) g;  v = β₂ v + (1 - β₂) g²;  p = decay p - step_size m / (√v + epsilon);  m, v quantized again
//   param, grad [n] float32, bfloat16 or float16;  codes1, codes2 [n] bytes;  absmax1, absmax2 [ceil(n / 256)] float32
//   map1 [256] float32, ascending, with both signs (m); map2 [256] without (v)
//   decay = 1 - lr λ;  step_size = lr √(1 - β₂ᵗ) / (1 - β₁ᵗ);  epsilon = ε √(1 - β₂ᵗ): both bias corrections are in them
//   left    [1] or null: the least of itself and mark + e, e the first element of a block with a moment that is not finite. Such a block is left
//           as it was, parameter and moments
// The parameter moves by the moments before they are rounded. Launch: 256 threads, one a value, and a grid of ceil(n / 256).
#include "types.cuh"

// The largest of the block's 256 numbers, for all its threads; `slots` is shared memory of 8.
DEVICE u32 block_max(u32 v, u32* slots) {
  v = warp_max(v);
  if ((threadIdx.x & 31) == 0) slots[threadIdx.x >> 5] = v;
  __syncthreads();
  return warp_max(slots[threadIdx.x & 7]);
}

template <typename T> DEVICE void adamw(T* param, const T* grad, u8* codes1, u8* codes2, float* absmax1, float* absmax2, const float* map1, const float* map2,
    i64 n, i64* left, i64 mark, float beta1, float rest1, float beta2, float rest2, float decay, float step_size, float epsilon) {
  __shared__ float midpoints1[256], midpoints2[256];
  __shared__ u32 slots1[8], slots2[8];
  fill_midpoints(map1, midpoints1, 256);
  fill_midpoints(map2, midpoints2, 256);

  i64 e = (i64)blockIdx.x * 256 + threadIdx.x;
  bool inside = e < n, full = (i64)blockIdx.x * 256 + 256 <= n;
  float m = 0, v = 0;
  if (inside) {
    float g = widen(grad[e]);
    // Each product and sum is rounded by itself, as on the CPU, so that both give the same codes.
    m = __fadd_rn(__fmul_rn(__fmul_rn(map1[codes1[e]], absmax1[blockIdx.x]), beta1), __fmul_rn(g, rest1));
    v = __fadd_rn(__fmul_rn(__fmul_rn(map2[codes2[e]], absmax2[blockIdx.x]), beta2), __fmul_rn(__fmul_rn(g, g), rest2));
  }
  u32 largest1 = block_max(magnitude_bits(m), slots1), largest2 = block_max(magnitude_bits(v), slots2);   // their barriers also publish the midpoints
  if (max(largest1, largest2) >= NOT_FINITE) {                       // the whole block of threads
    if (threadIdx.x == 0 && left != nullptr) atomicMin(left, mark + e);
    return;
  }
  BlockScale scale1(__uint_as_float(largest1), full), scale2(__uint_as_float(largest2), full);
  if (threadIdx.x == 0) {                                            // every thread has read the old ones before the barriers
    absmax1[blockIdx.x] = scale1.absmax;
    absmax2[blockIdx.x] = scale2.absmax;
  }
  if (inside) {
    float moved = __fmul_rn(widen(param[e]), decay);
    narrow(__fsub_rn(moved, __fmul_rn(step_size, __fdiv_rn(m, __fadd_rn(__fsqrt_rn(v), epsilon)))), param[e]);
    codes1[e] = (u8)nearest<256>(midpoints1, scale1.scale<float>(m));
    codes2[e] = (u8)nearest<256>(midpoints2, scale2.scale<float>(v));
  }
}

#define ADAMW(NAME, T) \
  extern "C" __global__ void __launch_bounds__(256) adamw8_##NAME(T* __restrict__ param, const T* __restrict__ grad, u8* __restrict__ codes1, \
      u8* __restrict__ codes2, float* __restrict__ absmax1, float* __restrict__ absmax2, const float* __restrict__ map1, const float* __restrict__ map2, \
      i64 n, i64* left, i64 mark, float beta1, float rest1, float beta2, float rest2, float decay, float step_size, float epsilon) { \
    adamw<T>(param, grad, codes1, codes2, absmax1, absmax2, map1, map2, n, left, mark, beta1, rest1, beta2, rest2, decay, step_size, epsilon); }

ADAMW(f32, float)
ADAMW(bf16, bf16)
ADAMW(fp16, fp16)
