// DoRA's norm of each row of W + s B A (arXiv 2402.09353, eq. 5) without a pass over W or a product [out, in]:
//   norm[o]² = ‖W_o‖² + 2 s ⟨(W Aᵀ)_o, B_o⟩ + s² B_o (A Aᵀ) B_oᵀ
//   squares [out] float32: ‖W_o‖²;  wa [out, r] float32: W Aᵀ;  b [out, r] float32;  gram [r, r] float32: A Aᵀ;  norm [out] float32
// The three terms may cancel, so a sum below zero counts as zero. Launch: 256 threads, one warp a row, so ceil(out / 8) of them.
#include "types.cuh"

extern "C" __global__ void __launch_bounds__(256) dora_row_norm(const float* __restrict__ squares, const float* __restrict__ wa,
    const float* __restrict__ b, const float* __restrict__ gram, float* __restrict__ norm, int out, int rank, float scale) {
  int lane = threadIdx.x & 31;
  i64 o = (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
  if (o >= out) return;
  const float* row = b + o * rank;
  float sum = 0;
  for (int j = lane; j < rank; j += 32) {
    float product = 0;                                               // (A Aᵀ B_oᵀ)_j; gram is symmetric, so lanes read neighbours
    for (int k = 0; k < rank; k++) product += gram[(i64)k * rank + j] * row[k];
    sum += row[j] * (2 * wa[o * rank + j] + scale * product);
  }
  sum = warp_sum(sum);
  if (lane == 0) norm[o] = sqrtf(fmaxf(squares[o] + scale * sum, 0));
}
