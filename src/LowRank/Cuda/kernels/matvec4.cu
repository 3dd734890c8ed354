// A few tokens times a 4-bit weight: y[t, o] = Σ_i x[t, i] table[code[o, i]] absmax[(o in + i) / block], never writing W down.
//   x       [tokens, in] float32, bfloat16 or float16, tokens from 1 to 8
//   packed  [out * in / 2] bytes, absmax, table: as in dequantize4.cu, over the flat elements e = o in + i
//   y       [tokens, out], x's type; sums in float32; with `add` what y holds is added before the one rounding
// A ladder of four rungs, each the same function: _naive (any shape and alignment), _vector, _shared, and the one with no suffix. The
// rungs but the first want in to be a multiple of 32 (then 32 codes lie in one block) and x and packed aligned to 16 bytes.
// Launch: 256 threads, 8 warps; naive, vector and shared one output a warp, final two; grid.y counts naive's, vector's and shared's tokens.
// The final kernel is compiled for 1, 2, 4 and 8 tokens (_t1 …); fewer tokens than compiled for are skipped.
#include "types.cuh"

DEVICE int code_at(const u8* packed, i64 e) { return e & 1 ? packed[e >> 1] & 15 : packed[e >> 1] >> 4; }

template <typename T> DEVICE void store(float sum, T& y, bool add) { narrow(add ? sum + widen(y) : sum, y); }

#define OUTPUT_OF_WARP ((i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5))

// Rung 1. A lane takes every 32nd column: a byte is loaded by two lanes, and absmax for every element.
template <typename T> DEVICE void naive(const T* x, const u8* packed, Scales absmax, const float* table, T* y, int in, int out, int block_shift, bool add) {
  int lane = threadIdx.x & 31;
  i64 o = OUTPUT_OF_WARP, t = blockIdx.y;
  if (o >= out) return;
  float sum = 0;
  for (int i = lane; i < in; i += 32) {
    i64 e = o * in + i;
    sum += widen(x[t * in + i]) * (table[code_at(packed, e)] * absmax[e >> block_shift]);
  }
  sum = warp_sum(sum);
  if (lane == 0) store(sum, y[t * out + o], add);
}

// Eight codes (4 bytes as loaded) times eight x's: [8] x [8] -> one number, absmax left out.
template <typename T> DEVICE float dot8(u32 codes, const T* x, const float* table) {
  float sum = 0;
  Pack<T> part;
#pragma unroll
  for (int k = 0; k < 8; k++) {
    if (k % Pack<T>::Count == 0) part = ((const Pack<T>*)x)[k / Pack<T>::Count];
    sum += widen(part.v[k % Pack<T>::Count]) * table[(codes >> ((k >> 1) * 8 + (k & 1 ? 0 : 4))) & 15];
  }
  return sum;
}

// Rung 2. A lane takes 32 columns at once: one 16-byte load of codes, one absmax; absmax multiplies 32 products' sum.
template <typename T> DEVICE void vector(const T* x, const u8* packed, Scales absmax, const float* table, T* y, int in, int out, int block_shift, bool add) {
  int lane = threadIdx.x & 31;
  i64 o = OUTPUT_OF_WARP, t = blockIdx.y;
  if (o >= out) return;
  float sum = 0;
  for (int i = lane * 32; i < in; i += 1024) {
    i64 e = o * in + i;
    uint4 codes = *(const uint4*)(packed + (e >> 1));
    const T* from = x + t * in + i;
    float part = dot8(codes.x, from, table) + dot8(codes.y, from + 8, table) + dot8(codes.z, from + 16, table) + dot8(codes.w, from + 24, table);
    sum += part * absmax[e >> block_shift];
  }
  sum = warp_sum(sum);
  if (lane == 0) store(sum, y[t * out + o], add);
}

// Rung 3. The table in shared memory: 16 floats in 16 banks, no two lanes wait for each other.
template <typename T> DEVICE void shared_table(const T* x, const u8* packed, Scales absmax, const float* table, T* y, int in, int out, int block_shift, bool add) {
  __shared__ float values[16];
  if (threadIdx.x < 16) values[threadIdx.x] = table[threadIdx.x];
  __syncthreads();
  vector(x, packed, absmax, values, y, in, out, block_shift, add);
}

// Rung 4. Two outputs and all tokens a warp: x is loaded once for both outputs, a code is looked up once for all tokens.
template <typename T, int Tokens> DEVICE void product(const T* x, const u8* packed, Scales absmax, const float* table, T* y,
                                                      int tokens, int in, int out, int block_shift, bool add) {
  const int Outputs = 2, Per = Pack<T>::Count;
  __shared__ float values[16];
  if (threadIdx.x < 16) values[threadIdx.x] = table[threadIdx.x];
  __syncthreads();
  int lane = threadIdx.x & 31;
  i64 o = OUTPUT_OF_WARP * Outputs;
  if (o >= out) return;
  i64 rows[Outputs] = {o * in, (o + 1 < out ? o + 1 : o) * in};      // an odd last output is computed twice and written once
  float sum[Outputs][Tokens] = {};
  for (int i = lane * 32; i < in; i += 1024) {
    u32 codes[Outputs][4];
    float scale[Outputs];
#pragma unroll
    for (int r = 0; r < Outputs; r++) {
      uint4 loaded = *(const uint4*)(packed + ((rows[r] + i) >> 1));
      codes[r][0] = loaded.x, codes[r][1] = loaded.y, codes[r][2] = loaded.z, codes[r][3] = loaded.w;
      scale[r] = absmax[(rows[r] + i) >> block_shift];
    }
    float part[Outputs][Tokens] = {};
#pragma unroll
    for (int c = 0; c < 32; c += Per) {                              // [Tokens, Per] x [Per, Outputs] -> [Tokens, Outputs]
      float w[Outputs][Per];
#pragma unroll
      for (int r = 0; r < Outputs; r++)
#pragma unroll
        for (int k = 0; k < Per; k++) {
          int at = c + k;
          w[r][k] = values[(codes[r][at / 8] >> ((at % 8 >> 1) * 8 + (at & 1 ? 0 : 4))) & 15];
        }
#pragma unroll
      for (int t = 0; t < Tokens; t++) {
        if (t >= tokens) break;
        Pack<T> some = *(const Pack<T>*)(x + (i64)t * in + i + c);
#pragma unroll
        for (int k = 0; k < Per; k++) {
          float value = widen(some.v[k]);
#pragma unroll
          for (int r = 0; r < Outputs; r++) part[r][t] += value * w[r][k];
        }
      }
    }
#pragma unroll
    for (int r = 0; r < Outputs; r++)
#pragma unroll
      for (int t = 0; t < Tokens; t++) sum[r][t] += part[r][t] * scale[r];
  }
#pragma unroll
  for (int t = 0; t < Tokens; t++)
#pragma unroll
    for (int r = 0; r < Outputs; r++) {
      float total = warp_sum(sum[r][t]);
      if (lane == 0 && t < tokens && o + r < out) store(total, y[(i64)t * out + o + r], add);
    }
}

#define RUNG(NAME, FUNCTION, T) \
  extern "C" __global__ void __launch_bounds__(256) NAME(const T* __restrict__ x, const u8* __restrict__ packed, SCALES_PARAMETERS, \
      const float* __restrict__ table, T* __restrict__ y, int in, int out, int block_shift, int add) { FUNCTION<T>(x, packed, SCALES, table, y, in, out, block_shift, add != 0); }
#define FINAL(NAME, TOKENS, T) \
  extern "C" __global__ void __launch_bounds__(256) matvec4_##NAME##_t##TOKENS(const T* __restrict__ x, const u8* __restrict__ packed, \
      SCALES_PARAMETERS, const float* __restrict__ table, T* __restrict__ y, int tokens, int in, int out, int block_shift, int add) { \
    product<T, TOKENS>(x, packed, SCALES, table, y, tokens, in, out, block_shift, add != 0); }
#define RUNGS(NAME, T) \
  RUNG(matvec4_naive_##NAME, naive, T) \
  RUNG(matvec4_vector_##NAME, vector, T) \
  RUNG(matvec4_shared_##NAME, shared_table, T) \
  FINAL(NAME, 1, T) FINAL(NAME, 2, T) FINAL(NAME, 4, T) FINAL(NAME, 8, T)

RUNGS(f32, float)
RUNGS(bf16, bf16)
RUNGS(fp16, fp16)
