// Numbers to 4-bit blockwise storage: absmax[b] = max |x| over a block, code[e] = the nearest table value to x[e] / absmax[b], by
// midpoints, the lower one on a tie.
//   x       [n] float32, bfloat16 or float16; a number that is not finite leaves its block an absmax that is not
//   sorted  [16] float32: the table in ascending order; codes [16] bytes: the 4-bit code of each (NF4: 0, 1, …, 15)
//   packed  [(n + 1) / 2] bytes, an even element in the high nibble; an odd count is filled up with the code of 0
//   absmax  [ceil(n / block)] float32; block = 1 << block_shift, from 32 to 4096
// How a block is scaled, full or short, is BlockScale's (types.cuh). Launch: 256 threads, one warp a block, so ceil(blocks / 8) of them.
#include "types.cuh"

template <typename T> DEVICE void quantize(const T* x, const float* sorted, const u8* codes, u8* packed, float* absmax, i64 n, int block_shift) {
  __shared__ float midpoints[16];
  __shared__ u32 code_of[16];
  fill_midpoints(sorted, midpoints, 16);
  if (threadIdx.x < 16) code_of[threadIdx.x] = codes[threadIdx.x];
  __syncthreads();

  int lane = threadIdx.x & 31;
  i64 block = (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5), start = block << block_shift;
  if (start >= n) return;                                            // a whole warp leaves at once
  int size = 1 << block_shift, count = n - start < size ? (int)(n - start) : size;

  u32 largest = 0;
  for (int i = lane * 2; i < count; i += 64) {                       // two neighbours a lane: 256 bytes a warp at a time
    u32 even = magnitude_bits(widen(x[start + i])), odd = i + 1 < count ? magnitude_bits(widen(x[start + i + 1])) : 0;
    largest = max(largest, max(even, odd));
  }
  BlockScale scaled(__uint_as_float(warp_max(largest)), count == size);
  if (lane == 0) absmax[block] = scaled.absmax;

  for (int i = lane * 2; i < count; i += 64) {                       // the values come from the first-level cache now
    float even = scaled.scale<T>(widen(x[start + i])), odd = i + 1 < count ? scaled.scale<T>(widen(x[start + i + 1])) : 0;
    packed[(start + i) >> 1] = (u8)(code_of[nearest<16>(midpoints, even)] << 4 | code_of[nearest<16>(midpoints, odd)]);
  }
}

#define QUANTIZE(NAME, T) \
  extern "C" __global__ void __launch_bounds__(256) quantize4_##NAME(const T* __restrict__ x, const float* __restrict__ sorted, \
      const u8* __restrict__ codes, u8* __restrict__ packed, float* __restrict__ absmax, i64 n, int block_shift) { \
    quantize<T>(x, sorted, codes, packed, absmax, n, block_shift); }

QUANTIZE(f32, float)
QUANTIZE(bf16, bf16)
QUANTIZE(fp16, fp16)
