// Integers of 4 bits in groups of neighbouring inputs of a row, with zero points in floating point (QA-LoRA, arXiv 2309.14717, section 3.2):
//   scale = (max - min) / 15,  zero = -min / scale,  q = round(w / scale + zero) in 0 … 15,  w ≈ scale (q - zero)
//   x, out         [rows, width] float32, bfloat16 or float16; a number that is not finite makes its group's scale a NaN
//   codes          [rows, ceil(width / 2)] bytes, an even input in the high nibble; an odd width is filled up with 0
//   scales, zeros  [rows, ceil(width / group)] float32; any group from 1 on, the last of a row may be shorter
// Where a group's numbers are all c, or differ by less than float32 can divide by: scale |c| and zero -1 or 1, so that code 0 gives c.
// Launch: 256 threads, one warp a row, so ceil(rows / 8) of them.
#include "types.cuh"

struct Range { float scale, zero; };

// A group's scale and zero from its numbers.
template <typename T> DEVICE Range range_of(const T* x, int count) {
  float least = widen(x[0]), most = least;
  u32 bits = 0;
  for (int i = 0; i < count; i++) {
    float v = widen(x[i]);
    least = fminf(least, v);
    most = fmaxf(most, v);
    bits = max(bits, magnitude_bits(v));
  }
  if (bits >= 0x7f800000u) return {__uint_as_float(0x7fc00000u), 0};
  float scale = __fdiv_rn(__fsub_rn(most, least), 15.0f);
  if (scale > FLOAT_LARGEST) scale = __fsub_rn(__fdiv_rn(most, 15.0f), __fdiv_rn(least, 15.0f));
  float zero = __fdiv_rn(-least, scale);
  if (scale >= FLOAT_SMALLEST && fabsf(zero) <= FLOAT_LARGEST) return {scale, zero};
  return least == 0 ? Range{1, 0} : Range{fabsf(least), least > 0 ? -1.0f : 1.0f};
}

DEVICE u32 code_of(float v, float scale, float zero) {
  return (u32)fminf(fmaxf(rintf(__fadd_rn(__fdiv_rn(v, scale), zero)), 0), 15);
}

template <typename T> DEVICE void quantize(const T* x, u8* codes, float* scales, float* zeros, int rows, int width, int group) {
  int lane = threadIdx.x & 31, groups = (width - 1) / group + 1, bytes = (width + 1) / 2;
  i64 row = (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
  if (row >= rows) return;                                           // a whole warp leaves at once
  x += row * width, scales += row * groups, zeros += row * groups, codes += row * bytes;
  for (int g = lane; g < groups; g += 32) {                          // a lane a group
    int first = g * group, count = width - first < group ? width - first : group;
    Range range = range_of(x + first, count);
    scales[g] = range.scale, zeros[g] = range.zero;
  }
  __syncwarp();                                                      // other lanes' scales and zeros are in memory now
  for (int byte = lane; byte < bytes; byte += 32) {                  // a lane a byte, whose two codes may lie in two groups
    int even = 2 * byte, odd = even + 1;
    u32 high = code_of(widen(x[even]), scales[even / group], zeros[even / group]);
    u32 low = odd < width ? code_of(widen(x[odd]), scales[odd / group], zeros[odd / group]) : 0;
    codes[byte] = (u8)(high << 4 | low);
  }
}

template <typename T> DEVICE void dequantize(const u8* codes, const float* scales, const float* zeros, T* out, int rows, int width, int group) {
  int lane = threadIdx.x & 31, groups = (width - 1) / group + 1, bytes = (width + 1) / 2;
  i64 row = (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
  if (row >= rows) return;
  out += row * width, scales += row * groups, zeros += row * groups, codes += row * bytes;
  for (int i = lane; i < width; i += 32) {
    int code = i & 1 ? codes[i >> 1] & 15 : codes[i >> 1] >> 4, g = i / group;
    narrow(__fmul_rn(scales[g], __fsub_rn((float)code, zeros[g])), out[i]);
  }
}

// scales and zeros are written and read again by other lanes: no __restrict__ there, which would let them come from a stale cache.
#define GROUPS(NAME, T) \
  extern "C" __global__ void __launch_bounds__(256) quantize_group4_##NAME(const T* __restrict__ x, u8* codes, float* scales, float* zeros, \
      int rows, int width, int group) { quantize<T>(x, codes, scales, zeros, rows, width, group); } \
  extern "C" __global__ void __launch_bounds__(256) dequantize_group4_##NAME(const u8* __restrict__ codes, const float* __restrict__ scales, \
      const float* __restrict__ zeros, T* __restrict__ out, int rows, int width, int group) { dequantize<T>(codes, scales, zeros, out, rows, width, group); }

GROUPS(f32, float)
GROUPS(bf16, bf16)
GROUPS(fp16, fp16)
