// The search for content-defined cuts: where the Rabin fingerprint of the last 64 bytes ends in 20
// zero bits (FORMAT.md, "Chunks").
//
// The fingerprint of a window depends on its 64 bytes alone, so the search need not be one chain of
// steps: the faster kernels walk many stretches of the data at once. All find the same cuts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "jobs/repo/polynomial.h"

namespace holdfast::repo {

inline constexpr std::size_t kChunkWindow = 64;
inline constexpr std::uint64_t kCutMask = (1ULL << 20) - 1;  // one cut a MiB on average

enum class CutKernel {
  kPlain,  // the textbook loop, byte by byte: the measure for the others
  kLanes,  // four stretches at once, on any processor
  kGfni,   // 64 stretches at once, with AVX-512 VBMI and GFNI
};

// What the kernels look up, computed once per polynomial (about 50 us), immutable afterwards.
class CutSearch {
 public:
  // With the fastest kernel that this processor has.
  static std::shared_ptr<const CutSearch> For(Polynomial polynomial);
  CutSearch(Polynomial polynomial, CutKernel kernel);

  // The kernels of this processor, the plain one first, the fastest last.
  static std::vector<CutKernel> Kernels();

  // The position behind the first byte in [begin, end) with which a window ends that is a cut;
  // nullopt when there is none. Reads from begin - 64 on.
  std::optional<std::size_t> Find(const std::uint8_t* data, std::size_t begin,
                                  std::size_t end) const;

 private:
  // Multiplication of one byte by a constant, as the bit matrices that GF2P8AFFINEQB takes: one
  // for each byte of the product.
  using Product = std::array<std::uint64_t, 7>;

  std::uint64_t Append(std::uint64_t digest, std::uint8_t byte) const {
    return (digest << 8 | byte) ^ mod_[digest >> (kPolynomialDegree - 8)];
  }
  std::uint64_t Slide(std::uint64_t digest, std::uint8_t out, std::uint8_t in) const {
    return Append(digest ^ out_[out], in);
  }
  std::uint64_t Fingerprint(const std::uint8_t* window) const;

  std::size_t FindPlain(const std::uint8_t* data, std::size_t begin, std::size_t end) const;
  std::size_t FindByLanes(const std::uint8_t* data, std::size_t begin, std::size_t end) const;
  std::size_t FindByGfni(const std::uint8_t* data, std::size_t begin, std::size_t end) const;
  void MakeMatrices(Polynomial polynomial);

  CutKernel kernel_;
  std::array<std::uint64_t, 256> out_;  // fingerprint of the byte followed by 63 zeros
  std::array<std::uint64_t, 256> mod_;  // cancels the byte above the degree, adds its remainder
  Product overflow_{};                  // what a byte shifted out at the top leaves behind
  Product leaving_{};                   // the byte that slides out of the window, one step later
  Product entering_{};                  // the byte that slides in; only the lowest two are used
};

}  // namespace holdfast::repo
