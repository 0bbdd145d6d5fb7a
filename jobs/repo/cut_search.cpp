#include "jobs/repo/cut_search.h"

#include <algorithm>

namespace holdfast::repo {
namespace {

// What the Find functions return for "none"; no cut lies before the first byte.
constexpr std::size_t kNone = 0;
constexpr std::size_t kLanes = 4;
// Each lane begins by hashing a window, a cost of 64 in this many bytes; longer stretches look
// further beyond a cut in vain.
constexpr std::size_t kStretch = 4096;

bool HasGfni() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("gfni");
#else
  return false;
#endif
}

}  // namespace

std::shared_ptr<const CutSearch> CutSearch::For(Polynomial polynomial) {
  return std::make_shared<CutSearch>(polynomial, Kernels().back());
}

std::vector<CutKernel> CutSearch::Kernels() {
  std::vector<CutKernel> kernels{CutKernel::kPlain, CutKernel::kLanes};
  if (HasGfni()) kernels.push_back(CutKernel::kGfni);
  return kernels;
}

CutSearch::CutSearch(Polynomial polynomial, CutKernel kernel) : kernel_(kernel) {
  for (std::uint64_t byte = 0; byte < 256; ++byte) {
    const Polynomial above = byte << kPolynomialDegree;
    mod_[byte] = Mod(above, polynomial) | above;

    Polynomial hash = Mod(byte, polynomial);
    for (std::size_t i = 1; i < kChunkWindow; ++i) hash = Mod(hash << 8, polynomial);
    out_[byte] = hash;
  }
  if (kernel == CutKernel::kGfni) MakeMatrices(polynomial);
}

std::optional<std::size_t> CutSearch::Find(const std::uint8_t* data, std::size_t begin,
                                           std::size_t end) const {
  if (begin >= end) return std::nullopt;
  std::size_t cut = kNone;
  switch (kernel_) {
    case CutKernel::kPlain:
      cut = FindPlain(data, begin, end);
      break;
    case CutKernel::kLanes:
      cut = FindByLanes(data, begin, end);
      break;
    case CutKernel::kGfni:
      cut = FindByGfni(data, begin, end);
      break;
  }
  return cut == kNone ? std::nullopt : std::optional(cut);
}

std::uint64_t CutSearch::Fingerprint(const std::uint8_t* window) const {
  std::uint64_t digest = 0;
  for (std::size_t i = 0; i < kChunkWindow; ++i) digest = Append(digest, window[i]);
  return digest;
}

std::size_t CutSearch::FindPlain(const std::uint8_t* data, std::size_t begin,
                                 std::size_t end) const {
  std::uint64_t digest = Fingerprint(data + begin - kChunkWindow);
  for (std::size_t i = begin; i < end; ++i) {
    digest = Slide(digest, data[i - kChunkWindow], data[i]);
    if ((digest & kCutMask) == 0) return i + 1;
  }
  return kNone;
}

std::size_t CutSearch::FindByLanes(const std::uint8_t* data, std::size_t begin,
                                   std::size_t end) const {
  for (; end - begin >= kLanes * kStretch; begin += kLanes * kStretch) {
    const std::uint8_t* const start = data + begin;
    std::array<std::uint64_t, kLanes> digests;
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      digests[lane] = Fingerprint(start + lane * kStretch - kChunkWindow);
    std::size_t first = SIZE_MAX;
    for (std::size_t step = 0; step < kStretch; ++step) {
      bool cut = false;
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const std::uint8_t* const at = start + lane * kStretch + step;
        digests[lane] = Slide(digests[lane], *(at - kChunkWindow), *at);
        cut |= (digests[lane] & kCutMask) == 0;
      }
      for (std::size_t lane = 0; cut && lane < kLanes; ++lane) {
        if ((digests[lane] & kCutMask) == 0) first = std::min(first, lane * kStretch + step);
      }
    }
    if (first != SIZE_MAX) return begin + first + 1;
  }
  return FindPlain(data, begin, end);
}

}  // namespace holdfast::repo
