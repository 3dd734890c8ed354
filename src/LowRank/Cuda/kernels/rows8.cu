// 8-bit integers with a scale for each row of a matrix, the weight's side of LLM.int8() (arXiv 2208.07339, section 2):
// codes[o, i] = round(127 w / absmax[o]), w taken in float16 as the reference takes it; w ≈ codes[o, i] (absmax[o] / 127).
//   x, out  [rows, width] float32, bfloat16 or float16; a number that is not finite in float16 leaves its row an absmax that is not
//   codes   [rows, width] signed bytes, -127 to 127, to nearest even; zeros for a row of zeros
//   absmax  [rows] float32
// Launch: 256 threads, one warp a row, so ceil(rows / 8) of them.
#include "types.cuh"

DEVICE float through_fp16(float v) {
  fp16 half;
  narrow(v, half);
  return widen(half);
}

template <typename T> DEVICE void quantize(const T* x, signed char* codes, float* absmax, int rows, int width) {
  int lane = threadIdx.x & 31;
  i64 row = (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5), start = row * width;
  if (row >= rows) return;                                           // a whole warp leaves at once
  u32 bits = 0;
  for (int i = lane; i < width; i += 32) bits = max(bits, magnitude_bits(through_fp16(widen(x[start + i]))));
  float largest = __uint_as_float(warp_max(bits)), factor = largest == 0 ? 0 : __fdiv_rn(127.0f, largest);
  if (lane == 0) absmax[row] = largest;
  for (int i = lane; i < width; i += 32)
    codes[start + i] = (signed char)__float2int_rn(__fmul_rn(through_fp16(widen(x[start + i])), factor));
}

template <typename T> DEVICE void dequantize(const signed char* codes, const float* absmax, T* out, int rows, int width) {
  int lane = threadIdx.x & 31;
  i64 row = (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5), start = row * width;
  if (row >= rows) return;
  float scale = __fdiv_rn(absmax[row], 127.0f);
  for (int i = lane; i < width; i += 32) narrow(__fmul_rn((float)codes[start + i], scale), out[start + i]);
}

#define ROWS(NAME, T) \
  extern "C" __global__ void __launch_bounds__(256) quantize_rows8_##NAME(const T* __restrict__ x, signed char* __restrict__ codes, \
      float* __restrict__ absmax, int rows, int width) { quantize<T>(x, codes, absmax, rows, width); } \
  extern "C" __global__ void __launch_bounds__(256) dequantize_rows8_##NAME(const signed char* __restrict__ codes, \
      const float* __restrict__ absmax, T* __restrict__ out, int rows, int width) { dequantize<T>(codes, absmax, out, rows, width); }

ROWS(f32, float)
ROWS(bf16, bf16)
ROWS(fp16, fp16)
