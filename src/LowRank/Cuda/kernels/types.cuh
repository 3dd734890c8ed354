// What every kernel here includes: the element types and their conversions, 16-byte packs, and sums over a warp.
// No cuda_fp16.h: NVRTC brings no headers, so a 16-bit number is its bits and the conversions are single PTX instructions (sm_80 on).
// All arithmetic is float32; a 16-bit result is rounded once, to nearest even.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef long long i64;

struct bf16 { u16 bits; };
struct fp16 { u16 bits; };

#define FLOAT_LARGEST 3.402823466e38f
#define FLOAT_SMALLEST 1.175494351e-38f  // of those with all 24 bits

#define DEVICE __device__ __forceinline__
#define WHOLE_WARP 0xffffffffu

DEVICE float widen(float v) { return v; }
DEVICE float widen(bf16 v) { return __uint_as_float((u32)v.bits << 16); }
DEVICE float widen(fp16 v) { float r; asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(v.bits)); return r; }

DEVICE void narrow(float v, float& out) { out = v; }
DEVICE void narrow(float v, bf16& out) { asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(out.bits) : "f"(v)); }
DEVICE void narrow(float v, fp16& out) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(out.bits) : "f"(v)); }

// What one thread loads or stores at once: 4 floats, or 8 numbers of 16 bits.
template <typename T> struct __align__(16) Pack {
  enum : int { Count = 16 / sizeof(T) };
  T v[Count];
};

// Every lane gets the sum, or the largest, of what the lanes hold.
DEVICE float warp_sum(float v) {
  for (int lane = 16; lane > 0; lane >>= 1) v += __shfl_xor_sync(WHOLE_WARP, v, lane);
  return v;
}
DEVICE float warp_max(float v) {
  for (int lane = 16; lane > 0; lane >>= 1) v = fmaxf(v, __shfl_xor_sync(WHOLE_WARP, v, lane));
  return v;
}
DEVICE u32 warp_max(u32 v) {
  for (int lane = 16; lane > 0; lane >>= 1) {
    u32 other = __shfl_xor_sync(WHOLE_WARP, v, lane);
    v = v > other ? v : other;
  }
  return v;
}

// |v| as bits, which order as the numbers do, and a NaN lies above infinity: the largest of a block tells whether one of them is not finite, where
// fmaxf would pass over a NaN. It goes into the block's absmax as it is, and whoever reads that finds it.
DEVICE u32 magnitude_bits(float v) { return __float_as_uint(v) & 0x7fffffffu; }

#define NOT_FINITE 0x7f800000u           // magnitude_bits from here on: an infinity or no number

// How a block's values are scaled before their codes are looked up: a full block multiplies by 1 / absmax; a short last block divides, and
// rounds to the source's type T as the references do; the floor 1e-38 keeps a block of zeros finite.
struct BlockScale {
  float absmax;
  float inverse;
  bool full;
  DEVICE BlockScale(float largest, bool is_full) : full(is_full) {
    absmax = !is_full && largest < 1e-38f ? 1e-38f : largest;        // what is stored
    inverse = __fdiv_rn(1.0f, fmaxf(largest, 1e-38f));
  }
  template <typename T> DEVICE float scale(float v) const {
    if (full) return __fmul_rn(v, inverse);
    T rounded;
    narrow(__fdiv_rn(v, absmax), rounded);
    return widen(rounded);
  }
};

// A block's scale where it is read: absmax itself or, with QLoRA's double quantization, map[codes[b]] absmax[b / 256] + offset. Without, codes is null.
struct Scales {
  const float* absmax;
  const u8* codes;
  const float* map;
  float offset;
  DEVICE float operator[](i64 block) const {
    return codes == nullptr ? absmax[block] : __fadd_rn(__fmul_rn(map[codes[block]], absmax[block >> 8]), offset);
  }
};
#define SCALES_PARAMETERS const float* __restrict__ absmax, const u8* __restrict__ scale_codes, const float* __restrict__ scale_map, float scale_offset
#define SCALES (Scales{absmax, scale_codes, scale_map, scale_offset})

// The place of the nearest of `Count` (a power of two) ascending values, the lower one on a tie: how many midpoints lie below v.
// midpoints [Count - 1], between neighbours, in float32.
template <int Count> DEVICE int nearest(const float* midpoints, float v) {
  int place = 0;
#pragma unroll
  for (int step = Count / 2; step > 0; step >>= 1)
    if (v > midpoints[place + step - 1]) place += step;
  return place;
}

// Fills midpoints [count - 1] in shared memory from ascending values [count]; the caller synchronizes.
DEVICE void fill_midpoints(const float* values, float* midpoints, int count) {
  for (int i = threadIdx.x; i < count - 1; i += blockDim.x) midpoints[i] = __fmul_rn(__fadd_rn(values[i], values[i + 1]), 0.5f);
}
