// 4-bit blockwise storage to numbers: out[e] = table[code[e]] * absmax[e / block], for the flat row-major elements e of a weight.
//   packed  [(n + 1) / 2] bytes; element e is in byte e / 2, an even one in the high nibble
//   absmax  [ceil(n / block)] float32; block = 1 << block_shift, from 32 to 4096. With double quantization it is the second level's,
//           [ceil(blocks / 256)], beside the scales' codes [blocks], their map [256] and their mean (Scales, types.cuh)
//   table   [16] float32 by code: NF4 (QLoRA, arXiv 2305.14314, appendix E), FP4 or another
//   out     [n] float32, bfloat16 or float16
// A ladder of four rungs, each the same function: _naive (any alignment), _vector, _shared, and the one with no suffix. The rungs but
// the first want packed and out aligned to 16 bytes. Launch: 256 threads; naive 1, vector and shared 1 pack, final 4 packs a thread.
// The work is bound by memory: half a byte read and 4 (or 2) written an element.
#include "types.cuh"

DEVICE int code_at(const u8* packed, i64 e) { return e & 1 ? packed[e >> 1] & 15 : packed[e >> 1] >> 4; }

// Rung 1. A thread an element: neighbours share a byte, a warp writes 128 bytes at once, the table is read through the cache.
template <typename T> DEVICE void naive(const u8* packed, Scales absmax, const float* table, T* out, i64 n, int block_shift) {
  i64 e = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (e < n) narrow(table[code_at(packed, e)] * absmax[e >> block_shift], out[e]);
}

// The codes of one pack of outputs as one number, the first element in the lowest byte's high nibble (little-endian loads).
DEVICE u32 load_codes(const u8* packed, i64 pack, Pack<float>) { return ((const u16*)packed)[pack]; }
template <typename T> DEVICE u32 load_codes(const u8* packed, i64 pack, Pack<T>) { return ((const u32*)packed)[pack]; }

// Decodes one pack of codes that lie in one block: no block is shorter than a pack.
template <typename T> DEVICE Pack<T> decode(u32 codes, float scale, const float* table) {
  Pack<T> result;
#pragma unroll
  for (int k = 0; k < Pack<T>::Count; k++) {
    int nibble = (k >> 1) * 8 + (k & 1 ? 0 : 4);
    narrow(table[(codes >> nibble) & 15] * scale, result.v[k]);
  }
  return result;
}

// The elements after the last whole pack, by the first threads of the grid.
template <typename T> DEVICE void tail(const u8* packed, Scales absmax, const float* table, T* out, i64 n, int block_shift) {
  i64 e = n / Pack<T>::Count * Pack<T>::Count + (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (e < n) narrow(table[code_at(packed, e)] * absmax[e >> block_shift], out[e]);
}

// Rung 2. A thread 16 bytes of output: one load of codes, one absmax, one store; a warp writes 512 bytes at once.
template <typename T> DEVICE void vector(const u8* packed, Scales absmax, const float* table, T* out, i64 n, int block_shift) {
  const int per = Pack<T>::Count;
  i64 pack = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (pack < n / per)
    ((Pack<T>*)out)[pack] = decode<T>(load_codes(packed, pack, Pack<T>()), absmax[(pack * per) >> block_shift], table);
  tail(packed, absmax, table, out, n, block_shift);
}

// Rung 3. The table in shared memory: its 16 floats lie in 16 banks, so no two lanes ever wait for each other.
template <typename T> DEVICE void shared_table(const u8* packed, Scales absmax, const float* table, T* out, i64 n, int block_shift) {
  __shared__ float values[16];
  if (threadIdx.x < 16) values[threadIdx.x] = table[threadIdx.x];
  __syncthreads();
  vector(packed, absmax, values, out, n, block_shift);
}

// Rung 4. Four packs a thread, all eight loads before the first use: enough reads in flight to hide the memory's delay.
template <typename T> DEVICE void dequantize(const u8* packed, Scales absmax, const float* table, T* out, i64 n, int block_shift) {
  const int per = Pack<T>::Count, Unroll = 4;
  __shared__ float values[16];
  if (threadIdx.x < 16) values[threadIdx.x] = table[threadIdx.x];
  __syncthreads();
  i64 packs = n / per, first = (i64)blockIdx.x * blockDim.x * Unroll + threadIdx.x;
  u32 codes[Unroll];
  float scale[Unroll];
#pragma unroll
  for (int k = 0; k < Unroll; k++) {
    i64 pack = first + (i64)k * blockDim.x;
    if (pack < packs) {
      codes[k] = load_codes(packed, pack, Pack<T>());
      scale[k] = absmax[(pack * per) >> block_shift];
    }
  }
#pragma unroll
  for (int k = 0; k < Unroll; k++) {
    i64 pack = first + (i64)k * blockDim.x;
    if (pack < packs) ((Pack<T>*)out)[pack] = decode<T>(codes[k], scale[k], values);
  }
  tail(packed, absmax, values, out, n, block_shift);
}

#define RUNG(NAME, FUNCTION, T) \
  extern "C" __global__ void __launch_bounds__(256) NAME(const u8* __restrict__ packed, SCALES_PARAMETERS, \
      const float* __restrict__ table, T* __restrict__ out, i64 n, int block_shift) { FUNCTION<T>(packed, SCALES, table, out, n, block_shift); }
#define RUNGS(NAME, T) \
  RUNG(dequantize4_naive_##NAME, naive, T) \
  RUNG(dequantize4_vector_##NAME, vector, T) \
  RUNG(dequantize4_shared_##NAME, shared_table, T) \
  RUNG(dequantize4_##NAME, dequantize, T)

RUNGS(f32, float)
RUNGS(bf16, bf16)
RUNGS(fp16, fp16)
