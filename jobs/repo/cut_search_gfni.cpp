// The search for cuts with 64 lanes in AVX-512 registers.
//
// A lane's fingerprint is kept as seven bytes in seven registers, byte k of all lanes in register
// k, so that shifting all fingerprints by a byte only renames registers. What the shift pushes out
// at the top, and the byte that slides out of the window, are multiplied by constants: linear maps
// over GF(2) from one byte to seven, each an 8x8 bit matrix for GF2P8AFFINEQB. A step of 64 bytes
// takes 16 such instructions and about as many XORs. Fingerprints are multiplied by x^3 throughout
// so that their 53 bits end where the seventh byte ends.
#include <algorithm>
#include <bit>
#include <utility>

#include "jobs/repo/cut_search.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace holdfast::repo {
namespace {

constexpr int kAlign = 56 - kPolynomialDegree;

// The matrix of a linear map's byte number `byte`, from the images of the eight input bits. Row i
// gives bit i of the product, and the instruction wants row 0 in the highest byte.
std::uint64_t MatrixOf(const std::array<std::uint64_t, 8>& images, std::size_t byte) {
  std::uint64_t matrix = 0;
  for (std::size_t row = 0; row < 8; ++row) {
    for (std::size_t bit = 0; bit < 8; ++bit)
      matrix |= (images[bit] >> (8 * byte + row) & 1) << (8 * (7 - row) + bit);
  }
  return matrix;
}

}  // namespace

void CutSearch::MakeMatrices(Polynomial polynomial) {
  std::array<std::uint64_t, 8> overflow{}, leaving{}, entering{};
  for (std::size_t bit = 0; bit < 8; ++bit) {
    overflow[bit] = Mod(1ULL << (kPolynomialDegree + bit), polynomial) << kAlign;
    leaving[bit] = Mod(out_[1ULL << bit] << 8, polynomial) << kAlign;
    entering[bit] = 1ULL << (bit + kAlign);
  }
  for (std::size_t byte = 0; byte < overflow_.size(); ++byte) {
    overflow_[byte] = MatrixOf(overflow, byte);
    leaving_[byte] = MatrixOf(leaving, byte);
    entering_[byte] = MatrixOf(entering, byte);
  }
}

#if defined(__x86_64__)

#define HOLDFAST_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,gfni")))
#define HOLDFAST_INLINE HOLDFAST_AVX512 __attribute__((always_inline)) inline

namespace {

constexpr std::size_t kLanes = 64;
constexpr std::size_t kSteps = 64;  // of a block: 64 bytes of every lane
// As in cut_search.cpp: the window before each stretch is hashed twice.
constexpr std::size_t kStretch = 1024;

using Block = std::array<std::uint8_t, kLanes * kSteps>;  // byte s of lane l at 64 * s + l

// Eight rows of eight quadwords become eight columns.
HOLDFAST_INLINE void TransposeQuads(__m512i* r) {
  __m512i pairs[8], fours[8];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    pairs[2 * i] = _mm512_unpacklo_epi64(r[2 * i], r[2 * i + 1]);
    pairs[2 * i + 1] = _mm512_unpackhi_epi64(r[2 * i], r[2 * i + 1]);
  }
#pragma GCC unroll 2
  for (int half = 0; half < 8; half += 4) {
#pragma GCC unroll 2
    for (int odd = 0; odd < 2; ++odd) {
      const __m512i a = pairs[half + odd], b = pairs[half + 2 + odd];
      fours[half + odd] = _mm512_shuffle_i64x2(a, b, 0x88);
      fours[half + 2 + odd] = _mm512_shuffle_i64x2(a, b, 0xdd);
    }
  }
#pragma GCC unroll 2
  for (int odd = 0; odd < 2; ++odd) {
    r[odd] = _mm512_shuffle_i64x2(fours[odd], fours[4 + odd], 0x88);
    r[4 + odd] = _mm512_shuffle_i64x2(fours[odd], fours[4 + odd], 0xdd);
    r[2 + odd] = _mm512_shuffle_i64x2(fours[2 + odd], fours[6 + odd], 0x88);
    r[6 + odd] = _mm512_shuffle_i64x2(fours[2 + odd], fours[6 + odd], 0xdd);
  }
}

// The next 64 bytes of all lanes, which lie `stretch` bytes apart: rows of lanes become rows of
// steps. Eight by eight quadwords, then the bytes within each, then eight by eight once more.
HOLDFAST_AVX512 void LoadBlock(const std::uint8_t* first, std::size_t stretch, Block& block) {
  alignas(64) std::uint8_t order[64];
  for (int i = 0; i < 64; ++i) order[i] = static_cast<std::uint8_t>(8 * (i % 8) + i / 8);
  const __m512i bytes = _mm512_load_si512(order);
  alignas(64) std::uint8_t half[kLanes * kSteps];
  for (std::size_t group = 0; group < 8; ++group) {
    __m512i rows[8];
#pragma GCC unroll 8
    for (std::size_t i = 0; i < 8; ++i)
      rows[i] = _mm512_loadu_si512(first + (8 * group + i) * stretch);
    TransposeQuads(rows);
#pragma GCC unroll 8
    for (std::size_t quad = 0; quad < 8; ++quad)
      _mm512_store_si512(half + (8 * quad + group) * 64,
                         _mm512_permutexvar_epi8(bytes, rows[quad]));
  }
  for (std::size_t quad = 0; quad < 8; ++quad) {
    __m512i rows[8];
#pragma GCC unroll 8
    for (std::size_t i = 0; i < 8; ++i) rows[i] = _mm512_load_si512(half + (8 * quad + i) * 64);
    TransposeQuads(rows);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < 8; ++i)
      _mm512_store_si512(block.data() + (8 * quad + i) * 64, rows[i]);
  }
}

struct Matrices {
  __m512i overflow[7], leaving[7], entering[2];
};

#define HOLDFAST_TIMES(vector, matrix) _mm512_gf2p8affine_epi64_epi8(vector, matrix, 0)

// One byte slides into every lane, and one out.
HOLDFAST_INLINE void Step(__m512i* digest, const Matrices& by, __m512i in, __m512i out) {
  constexpr int kXor = 0x96;  // of three
  const __m512i top = digest[6];
#pragma GCC unroll 5
  for (int k = 6; k >= 2; --k)
    digest[k] = _mm512_ternarylogic_epi64(digest[k - 1], HOLDFAST_TIMES(top, by.overflow[k]),
                                          HOLDFAST_TIMES(out, by.leaving[k]), kXor);
  const __m512i carried = _mm512_ternarylogic_epi64(digest[0], HOLDFAST_TIMES(top, by.overflow[1]),
                                                    HOLDFAST_TIMES(out, by.leaving[1]), kXor);
  digest[1] = _mm512_xor_si512(carried, HOLDFAST_TIMES(in, by.entering[1]));
  digest[0] = _mm512_ternarylogic_epi64(HOLDFAST_TIMES(top, by.overflow[0]),
                                        HOLDFAST_TIMES(out, by.leaving[0]),
                                        HOLDFAST_TIMES(in, by.entering[0]), kXor);
}

// The lanes whose fingerprint ends in 20 zero bits: 5 in the first byte, 8 and 7 in the next two.
HOLDFAST_INLINE std::uint64_t Cuts(const __m512i* digest) {
  const __m512i rest = _mm512_and_si512(digest[2], _mm512_set1_epi8(0x7f));
  const __m512i bits = _mm512_ternarylogic_epi64(digest[0], digest[1], rest, 0xfe);
  return _mm512_testn_epi8_mask(bits, bits);
}

}  // namespace

HOLDFAST_AVX512 std::size_t CutSearch::FindByGfni(const std::uint8_t* data, std::size_t begin,
                                                  std::size_t end) const {
  Matrices by;
  for (int k = 0; k < 7; ++k) {
    by.overflow[k] = _mm512_set1_epi64(static_cast<long long>(overflow_[k]));
    by.leaving[k] = _mm512_set1_epi64(static_cast<long long>(leaving_[k]));
  }
  for (int k = 0; k < 2; ++k)
    by.entering[k] = _mm512_set1_epi64(static_cast<long long>(entering_[k]));

  alignas(64) Block blocks[2];
  while (end - begin >= kLanes * kSteps) {
    const std::size_t stretch = std::min(kStretch, (end - begin) / kLanes / kSteps * kSteps);
    Block* in = &blocks[0];
    Block* out = &blocks[1];
    __m512i digest[7];
    for (__m512i& part : digest) part = _mm512_setzero_si512();
    // The window before each lane: bytes slide in, and nothing out.
    LoadBlock(data + begin - kChunkWindow, stretch, *out);
    for (std::size_t step = 0; step < kSteps; ++step)
      Step(digest, by, _mm512_load_si512(out->data() + 64 * step), _mm512_setzero_si512());

    std::size_t first_lane = kLanes;
    std::size_t first_step = 0;
    for (std::size_t done = 0; done < stretch; done += kSteps) {
      LoadBlock(data + begin + done, stretch, *in);
      for (std::size_t step = 0; step < kSteps; ++step) {
        Step(digest, by, _mm512_load_si512(in->data() + 64 * step),
             _mm512_load_si512(out->data() + 64 * step));
        const std::uint64_t cuts = Cuts(digest);
        if (__builtin_expect(cuts != 0, 0)) {
          const auto lane = static_cast<std::size_t>(std::countr_zero(cuts));
          if (lane < first_lane) first_step = done + step;
          first_lane = std::min(first_lane, lane);
        }
      }
      std::swap(in, out);
    }
    if (first_lane < kLanes) return begin + first_lane * stretch + first_step + 1;
    begin += kLanes * stretch;
  }
  return FindPlain(data, begin, end);
}

#else

std::size_t CutSearch::FindByGfni(const std::uint8_t* data, std::size_t begin,
                                  std::size_t end) const {
  return FindByLanes(data, begin, end);
}

#endif

}  // namespace holdfast::repo
