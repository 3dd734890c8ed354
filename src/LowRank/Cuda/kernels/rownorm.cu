// DoRA's norm of each row of W + s B A (arXiv 2402.09353, eq. 5) without a product [out, in]:
//   norm[o]² = ‖W_o‖² + 2 s ⟨(W Aᵀ)_o, B_o⟩ + s² B_o (A Aᵀ) B_oᵀ
//   squares [out] float32: ‖W_o‖²;  wa [out, r] float32: W Aᵀ;  b [out, r] float32;  gram [r, r] float32: A Aᵀ;  norm [out] float32
//   w       [out, in] float32;  a [r, in] float32: for a row whose norm² comes out at most an eighth of its two positive terms. Such a sum is made
//           of its terms' rounding errors, and the row's warp computes it from W + s B A itself. That is rare; other rows do not read W.
// Launch: 256 threads, one warp a row, so ceil(out / 8) of them.
#include "types.cuh"

extern "C" __global__ void __launch_bounds__(256) dora_row_norm(const float* __restrict__ squares, const float* __restrict__ wa,
    const float* __restrict__ b, const float* __restrict__ gram, const float* __restrict__ w, const float* __restrict__ a,
    float* __restrict__ norm, int out, int in, int rank, float scale) {
  int lane = threadIdx.x & 31;
  i64 o = (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
  if (o >= out) return;
  const float* row = b + o * rank;
  float cross = 0, own = 0;
  for (int j = lane; j < rank; j += 32) {
    float product = 0;                                               // (A Aᵀ B_oᵀ)_j; gram is symmetric, so lanes read neighbours
    for (int k = 0; k < rank; k++) product += gram[(i64)k * rank + j] * row[k];
    cross += row[j] * wa[o * rank + j];
    own += row[j] * product;
  }
  cross = 2 * scale * warp_sum(cross);
  own = scale * scale * warp_sum(own);
  float sum = squares[o] + cross + own;
  if (sum <= 0.125f * (squares[o] + own)) {                          // the same in every lane
    sum = 0;
    for (int i = lane; i < in; i += 32) {
      float delta = 0;                                               // (B A)_oi
      for (int k = 0; k < rank; k++) delta += row[k] * a[(i64)k * in + i];
      float direction = w[o * in + i] + scale * delta;
      sum += direction * direction;
    }
    sum = warp_sum(sum);
  }
  if (lane == 0) norm[o] = sqrtf(sum);
}
