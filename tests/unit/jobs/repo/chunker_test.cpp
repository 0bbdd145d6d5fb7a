#include "jobs/repo/chunker.h"

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace holdfast::repo {
namespace {

constexpr std::size_t kMiB = 1024 * 1024;

using Sizes = std::vector<std::size_t>;

// Written from the definition, without tables or short cuts: every byte is shifted in and out by
// polynomial division, from the start of each chunk on.
class Textbook {
 public:
  explicit Textbook(Polynomial polynomial) : polynomial_(polynomial) {
    for (std::uint64_t byte = 0; byte < 256; ++byte) {
      out_[byte] = byte;
      for (int i = 0; i < 63; ++i) out_[byte] = Mod(out_[byte] << 8, polynomial_);
    }
  }

  Sizes Cut(ByteView data) const {
    Sizes sizes;
    std::array<std::uint8_t, 64> window{1};  // restic slides a 1 into the empty window
    std::size_t at = 1;
    std::uint64_t hash = 1;
    std::size_t size = 0;
    for (std::size_t i = 0; i < data.size(); ++i) {
      ++size;
      if (size > kMinChunk - 64) {
        hash ^= out_[window[at]];
        window[at] = data[i];
        at = (at + 1) % 64;
        hash = Mod(hash << 8 | data[i], polynomial_);
      }
      const bool cut = size >= kMinChunk && (hash & 0xFFFFF) == 0;
      if (!cut && size < kMaxChunk) continue;
      sizes.push_back(size);
      window = {1};
      at = 1;
      hash = 1;
      size = 0;
    }
    if (size > 0) sizes.push_back(size);
    return sizes;
  }

 private:
  Polynomial polynomial_;
  std::array<std::uint64_t, 256> out_{};
};

// Feeds pieces whose sizes `piece` gives.
template <typename PieceSize>
Sizes Cut(Polynomial polynomial, ByteView data, PieceSize piece,
          CutKernel kernel = CutSearch::Kernels().back()) {
  Chunker chunker(std::make_shared<CutSearch>(polynomial, kernel));
  Sizes sizes;
  std::size_t size = 0;
  while (!data.empty()) {
    ByteView fed = data.first(std::min<std::size_t>(piece(), data.size()));
    data = data.subspan(fed.size());
    while (!fed.empty()) {
      const auto cut = chunker.Next(fed);
      size += cut.value_or(fed.size());
      if (cut) sizes.push_back(size);
      if (cut) size = 0;
      fed = fed.subspan(cut.value_or(fed.size()));
      EXPECT_EQ(chunker.size(), size);
    }
  }
  if (size > 0) sizes.push_back(size);
  return sizes;
}

Sizes CutWhole(Polynomial polynomial, ByteView data,
               CutKernel kernel = CutSearch::Kernels().back()) {
  return Cut(
      polynomial, data, [&] { return data.size(); }, kernel);
}

Bytes Noise(std::size_t size, std::uint32_t seed) {
  std::mt19937_64 random(seed);
  Bytes bytes(size);
  for (std::size_t i = 0; i + 8 <= size; i += 8) {
    const std::uint64_t word = random();
    std::memcpy(&bytes[i], &word, 8);
  }
  return bytes;
}

Bytes Periodic(std::size_t size, std::size_t period) {
  const Bytes once = Noise(period + 8, static_cast<std::uint32_t>(period));
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = once[i % period];
  return bytes;
}

TEST(Polynomial, IrreducibleOnesAreTold) {
  EXPECT_TRUE(IsIrreducible(0x3DA3358B4DC173));  // restic's own tests use it
  EXPECT_TRUE(IsIrreducible(0b111));
  EXPECT_TRUE(IsIrreducible(0b1011));
  EXPECT_FALSE(IsIrreducible(0b101));  // (x + 1)^2
  EXPECT_FALSE(IsIrreducible(0x3DA3358B4DC172));
  EXPECT_FALSE(IsIrreducible(1));
  EXPECT_FALSE(IsIrreducible(0));
}

// By the count that theory gives: 2^n is the sum of d * N(d) over the divisors d of n.
TEST(Polynomial, AsManyAreIrreducibleAsThereShouldBe) {
  for (const auto& [degree, expected] : {std::pair(7, 18), std::pair(8, 30), std::pair(11, 186)}) {
    int count = 0;
    for (Polynomial p = Polynomial{1} << degree; p < Polynomial{2} << degree; ++p)
      count += IsIrreducible(p) ? 1 : 0;
    EXPECT_EQ(count, expected) << "degree " << degree;
  }
}

TEST(Polynomial, RandomOnesDifferAndFit) {
  const Polynomial a = RandomPolynomial();
  EXPECT_EQ(Degree(a), kPolynomialDegree);
  EXPECT_TRUE(IsIrreducible(a));
  EXPECT_NE(a, RandomPolynomial());
}

TEST(Chunker, CutsNoiseAsTheTextbookDoes) {
  const Bytes data = Noise(20 * kMiB, 1);
  for (int i = 0; i < 3; ++i) {
    const Polynomial polynomial = RandomPolynomial();
    const Sizes expected = Textbook(polynomial).Cut(data);
    EXPECT_GT(expected.size(), 4U);
    for (const CutKernel kernel : CutSearch::Kernels())
      EXPECT_EQ(CutWhole(polynomial, data, kernel), expected) << std::hex << polynomial;
  }
}

TEST(Chunker, CutsAwkwardDataAsTheTextbookDoes) {
  const Polynomial polynomial = RandomPolynomial();
  const Textbook textbook(polynomial);
  std::vector<std::pair<std::string, Bytes>> cases;
  cases.emplace_back("zeros", Bytes(9 * kMiB));
  cases.emplace_back("ones", Bytes(3 * kMiB, 0xFF));
  for (const std::size_t period : {1U, 2U, 63U, 64U, 65U, 4096U})
    cases.emplace_back("period " + std::to_string(period), Periodic(9 * kMiB, period));
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, kMinChunk - 65, kMinChunk - 64, kMinChunk - 63,
        kMinChunk - 1, kMinChunk, kMinChunk + 1, 2 * kMinChunk})
    cases.emplace_back("size " + std::to_string(size), Noise(size + 8, 7));
  for (const auto& [name, data] : cases) {
    const Sizes expected = textbook.Cut(data);
    for (const CutKernel kernel : CutSearch::Kernels())
      EXPECT_EQ(CutWhole(polynomial, data, kernel), expected) << name;
  }
}

// All zeros hash to zero, so every chunk is as short as chunks may be.
TEST(Chunker, ZerosMakeTheShortestChunks) {
  const Bytes data(3 * kMinChunk + 5);
  EXPECT_EQ(CutWhole(RandomPolynomial(), data), (Sizes{kMinChunk, kMinChunk, kMinChunk, 5}));
}

// A period of 64 repeats one hash for ever: unless it is a cut, chunks are as long as they may be.
TEST(Chunker, AHashThatNeverCutsMakesTheLongestChunks) {
  const Bytes data = Periodic(2 * kMaxChunk + 1, 64);
  EXPECT_EQ(CutWhole(0x3DA3358B4DC173, data), (Sizes{kMaxChunk, kMaxChunk, 1}));
}

TEST(Chunker, PiecesDoNotMoveCuts) {
  const Bytes data = Noise(6 * kMiB, 2);
  const Polynomial polynomial = RandomPolynomial();
  const Sizes expected = CutWhole(polynomial, data);
  for (const std::size_t size : {1U, 3U, 63U, 64U, 65U, 1000U, 4096U, 524288U, 524289U})
    EXPECT_EQ(Cut(polynomial, data, [&] { return size; }), expected) << "pieces of " << size;
  std::mt19937 random(3);
  EXPECT_EQ(Cut(polynomial, data, [&] { return 1 + random() % 200'000; }), expected);
}

TEST(Chunker, ResetForgets) {
  const Bytes data = Noise(4 * kMiB, 4);
  const auto tables = CutSearch::For(RandomPolynomial());
  Chunker used(tables);
  ASSERT_FALSE(used.Next(ByteView(data).first(kMinChunk - 10)));
  used.Reset();
  EXPECT_EQ(used.size(), 0U);
  Chunker fresh(tables);
  EXPECT_EQ(used.Next(data), fresh.Next(data));
}

}  // namespace
}  // namespace holdfast::repo
