// 8-bit blockwise storage through a map of 256 values ("8-bit optimizers", arXiv 2110.02861): QLoRA's double quantization of absmax (blocks of 256, the
// signed dynamic map) and int8 weights.
//   x, out  [n] float32, bfloat16 or float16
//   map     [256] float32, ascending; a code is a place in it: the nearest by distances in float32, the lower one on a tie
//   codes   [n] bytes;  absmax [ceil(n / block)] float32; block = 1 << block_shift, from 32 to 4096
//   offset  [1] float32: quantize takes it from x first, dequantize adds it last (double quantization's mean; else 0)
// Launch: 256 threads; quantize one warp a block, dequantize one thread an element.
#include "types.cuh"

// Distances are rounded and the midpoints too: beside a midpoint the two rules can part, by one place.
DEVICE int nearest_by_distance(const float* values, const float* midpoints, float v) {
  int place = nearest<256>(midpoints, v);
  if (place < 255 && fabsf(v - values[place + 1]) < fabsf(v - values[place])) return place + 1;
  return place > 0 && fabsf(v - values[place - 1]) <= fabsf(v - values[place]) ? place - 1 : place;
}

template <typename T> DEVICE void quantize(const T* x, const float* map, const float* offset, u8* codes, float* absmax, i64 n, int block_shift) {
  __shared__ float values[256], midpoints[256];
  values[threadIdx.x] = map[threadIdx.x];
  fill_midpoints(map, midpoints, 256);
  __syncthreads();

  int lane = threadIdx.x & 31;
  i64 block = (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5), start = block << block_shift;
  if (start >= n) return;                                            // a whole warp leaves at once
  int size = 1 << block_shift, count = n - start < size ? (int)(n - start) : size;
  float shift = offset[0];
  u32 largest = 0;
  for (int i = lane; i < count; i += 32) largest = max(largest, magnitude_bits(__fsub_rn(widen(x[start + i]), shift)));
  BlockScale scaled(__uint_as_float(warp_max(largest)), count == size);
  if (lane == 0) absmax[block] = scaled.absmax;
  for (int i = lane; i < count; i += 32)
    codes[start + i] = (u8)nearest_by_distance(values, midpoints, scaled.scale<T>(__fsub_rn(widen(x[start + i]), shift)));
}

template <typename T> DEVICE void dequantize(const u8* codes, const float* absmax, const float* map, const float* offset, T* out, i64 n, int block_shift) {
  __shared__ float values[256];
  values[threadIdx.x] = map[threadIdx.x];
  __syncthreads();
  i64 e = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  // Product and sum are rounded one after the other, as on the CPU: no fused multiply-add.
  if (e < n) narrow(__fadd_rn(__fmul_rn(values[codes[e]], absmax[e >> block_shift]), offset[0]), out[e]);
}

#define BLOCKWISE(NAME, T) \
  extern "C" __global__ void __launch_bounds__(256) quantize8_##NAME(const T* __restrict__ x, const float* __restrict__ map, \
      const float* __restrict__ offset, u8* __restrict__ codes, float* __restrict__ absmax, i64 n, int block_shift) { \
    quantize<T>(x, map, offset, codes, absmax, n, block_shift); } \
  extern "C" __global__ void __launch_bounds__(256) dequantize8_##NAME(const u8* __restrict__ codes, const float* __restrict__ absmax, \
      const float* __restrict__ map, const float* __restrict__ offset, T* __restrict__ out, i64 n, int block_shift) { \
    dequantize<T>(codes, absmax, map, offset, out, n, block_shift); }

BLOCKWISE(f32, float)
BLOCKWISE(bf16, bf16)
BLOCKWISE(fp16, fp16)
