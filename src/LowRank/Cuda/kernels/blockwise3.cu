// Numbers to 3-bit blockwise storage and back: absmax[b] = max |x| over a block, code[e] = the nearest table value to x[e] * (1 / absmax[b]), by
// midpoints, the lower one on a tie; out[e] = table[code[e]] * absmax[e / block].
//   x, out  [n] float32, bfloat16 or float16; a number of x that is not finite leaves its block an absmax that is not
//   table   [8] float32 by code, ascending: NF3 (QLoRA's rule for quantiles, arXiv 2305.14314, section 3, with k = 3)
//   packed  [3 ceil(n / 8)] bytes: eight codes are a number of 24 bits, the first in its lowest, its lowest byte first; filled up with the code of 0
//   absmax  [ceil(n / block)] float32; block = 1 << block_shift, from 32 to 4096. To be read they may be quantized again (Scales, types.cuh)
// A short last block is scaled as a full one is. Launch: 256 threads. quantize3: a warp a block. dequantize3 wants out aligned to 16 bytes:
// 4 packs of 16 bytes a thread; dequantize3_naive takes any memory: a thread an element.
#include "types.cuh"

// The 24 bits of eight codes. Byte by byte: nothing is aligned, and the bytes of a warp lie in a few lines of the cache.
DEVICE u32 load_group(const u8* packed, i64 group) {
  const u8* from = packed + group * 3;
  return from[0] | from[1] << 8 | (u32)from[2] << 16;
}

// A lane a code: 32 neighbours are read at once, eight lanes put their codes together, three of them write a byte each.
template <typename T> DEVICE void quantize(const T* x, const float* table, u8* packed, float* absmax, i64 n, int block_shift) {
  __shared__ float midpoints[8];
  fill_midpoints(table, midpoints, 8);
  __syncthreads();

  int lane = threadIdx.x & 31, place = lane & 7;
  i64 block = (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5), start = block << block_shift;
  if (start >= n) return;                                            // a whole warp leaves at once
  int size = 1 << block_shift, count = n - start < size ? (int)(n - start) : size;

  u32 largest = 0;
  for (int i = lane; i < count; i += 32) largest = max(largest, magnitude_bits(widen(x[start + i])));
  BlockScale scaled(__uint_as_float(warp_max(largest)), true);
  if (lane == 0) absmax[block] = scaled.absmax;

  for (int first = 0; first < count; first += 32) {                  // every lane stays, to take part in the shuffles
    int i = first + lane;
    u32 bits = (u32)nearest<8>(midpoints, i < count ? scaled.scale<T>(widen(x[start + i])) : 0.0f) << (3 * place);
    for (int other = 1; other < 8; other <<= 1) bits |= __shfl_xor_sync(WHOLE_WARP, bits, other);
    if (place < 3 && i - place < count) packed[((start + i) >> 3) * 3 + place] = (u8)(bits >> (8 * place));
  }
}

template <typename T> DEVICE void naive(const u8* packed, Scales absmax, const float* table, T* out, i64 n, int block_shift) {
  i64 e = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (e < n) narrow(table[(load_group(packed, e >> 3) >> (3 * (e & 7))) & 7] * absmax[e >> block_shift], out[e]);
}

// The codes of one pack of outputs, the first in the lowest bits: a whole group, or half of one.
DEVICE u32 load_codes(const u8* packed, i64 pack, Pack<float>) { return load_group(packed, pack >> 1) >> (12 * (pack & 1)); }
template <typename T> DEVICE u32 load_codes(const u8* packed, i64 pack, Pack<T>) { return load_group(packed, pack); }

// As the last rung of dequantize4.cu: four packs a thread, every load before the first use, and the table in shared memory.
template <typename T> DEVICE void dequantize(const u8* packed, Scales absmax, const float* table, T* out, i64 n, int block_shift) {
  const int per = Pack<T>::Count, Unroll = 4;
  __shared__ float values[8];
  if (threadIdx.x < 8) values[threadIdx.x] = table[threadIdx.x];
  __syncthreads();
  i64 packs = n / per, first = (i64)blockIdx.x * blockDim.x * Unroll + threadIdx.x;
  u32 codes[Unroll];
  float scale[Unroll];
#pragma unroll
  for (int k = 0; k < Unroll; k++) {
    i64 pack = first + (i64)k * blockDim.x;
    if (pack < packs) {
      codes[k] = load_codes(packed, pack, Pack<T>());
      scale[k] = absmax[(pack * per) >> block_shift];                // no block is shorter than a pack
    }
  }
#pragma unroll
  for (int k = 0; k < Unroll; k++) {
    i64 pack = first + (i64)k * blockDim.x;
    if (pack >= packs) break;
    Pack<T> result;
#pragma unroll
    for (int j = 0; j < per; j++) narrow(values[(codes[k] >> (3 * j)) & 7] * scale[k], result.v[j]);
    ((Pack<T>*)out)[pack] = result;
  }
  i64 e = packs * per + (i64)blockIdx.x * blockDim.x + threadIdx.x;  // the elements after the last whole pack, by the first threads of the grid
  if (e < n) narrow(values[(load_group(packed, e >> 3) >> (3 * (e & 7))) & 7] * absmax[e >> block_shift], out[e]);
}

#define QUANTIZE(NAME, T) \
  extern "C" __global__ void __launch_bounds__(256) quantize3_##NAME(const T* __restrict__ x, const float* __restrict__ table, \
      u8* __restrict__ packed, float* __restrict__ absmax, i64 n, int block_shift) { quantize<T>(x, table, packed, absmax, n, block_shift); }
#define DEQUANTIZE(NAME, FUNCTION, T) \
  extern "C" __global__ void __launch_bounds__(256) NAME(const u8* __restrict__ packed, SCALES_PARAMETERS, \
      const float* __restrict__ table, T* __restrict__ out, i64 n, int block_shift) { FUNCTION<T>(packed, SCALES, table, out, n, block_shift); }
#define KERNELS(NAME, T) \
  QUANTIZE(NAME, T) \
  DEQUANTIZE(dequantize3_naive_##NAME, naive, T) \
  DEQUANTIZE(dequantize3_##NAME, dequantize, T)

KERNELS(f32, float)
KERNELS(bf16, bf16)
KERNELS(fp16, fp16)
