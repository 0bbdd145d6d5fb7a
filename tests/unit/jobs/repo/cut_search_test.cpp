#include "jobs/repo/cut_search.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace holdfast::repo {
namespace {

// Without zeros, so that a planted window begins exactly where it is planted.
Bytes Noise(std::size_t size, std::mt19937_64& random) {
  Bytes bytes(size);
  std::ranges::generate(bytes, [&] { return static_cast<std::uint8_t>(1 + random() % 255); });
  return bytes;
}

// A whole window of zeros is a cut, whatever the polynomial: planted in noise they are as frequent
// as the test wants them.
void PlantCuts(Bytes& data, std::size_t count, std::mt19937_64& random) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::ptrdiff_t>(random() % (data.size() - kChunkWindow));
    std::fill_n(data.begin() + at, kChunkWindow, 0);
  }
}

class CutKernels : public ::testing::TestWithParam<CutKernel> {};

TEST_P(CutKernels, FindWhatThePlainLoopFinds) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 20; ++round) {
    const Polynomial polynomial = RandomPolynomial();
    const CutSearch plain(polynomial, CutKernel::kPlain);
    const CutSearch search(polynomial, GetParam());
    Bytes data = Noise(300'000 + random() % 100'000, random);
    PlantCuts(data, random() % 8, random);
    for (int i = 0; i < 20; ++i) {
      const std::size_t begin = kChunkWindow + random() % (data.size() - kChunkWindow);
      const std::size_t end = begin + random() % (data.size() - begin + 1);
      EXPECT_EQ(search.Find(data.data(), begin, end), plain.Find(data.data(), begin, end))
          << std::hex << polynomial << std::dec << " " << begin << ".." << end;
    }
  }
}

TEST_P(CutKernels, WalkFromCutToCutAlike) {
  std::mt19937_64 random(12);
  const Polynomial polynomial = RandomPolynomial();
  const CutSearch plain(polynomial, CutKernel::kPlain);
  const CutSearch search(polynomial, GetParam());
  Bytes data = Noise(8 << 20, random);
  PlantCuts(data, 50, random);
  std::size_t cuts = 0;
  for (std::size_t at = kChunkWindow; at < data.size();) {
    const auto expected = plain.Find(data.data(), at, data.size());
    ASSERT_EQ(search.Find(data.data(), at, data.size()), expected) << "from " << at;
    if (!expected) break;
    at = *expected;
    ++cuts;
  }
  EXPECT_GT(cuts, 50U);
}

TEST_P(CutKernels, FindACutInEveryLaneAndAtBothEnds) {
  std::mt19937_64 random(13);
  const CutSearch search(0x3DA3358B4DC173, GetParam());
  const CutSearch plain(0x3DA3358B4DC173, CutKernel::kPlain);
  const Bytes noise = Noise(kChunkWindow + 64 * 1024 + 100, random);
  ASSERT_FALSE(plain.Find(noise.data(), kChunkWindow, noise.size()));
  for (std::size_t cut = kChunkWindow + 1; cut <= noise.size(); cut += 509) {
    Bytes data = noise;
    std::fill_n(data.begin() + static_cast<std::ptrdiff_t>(cut - kChunkWindow), kChunkWindow, 0);
    EXPECT_EQ(search.Find(data.data(), kChunkWindow, data.size()), cut);
    EXPECT_EQ(search.Find(data.data(), cut - 1, data.size()), cut);
    EXPECT_EQ(search.Find(data.data(), kChunkWindow, cut - 1), std::nullopt);
  }
}

TEST_P(CutKernels, AnEmptyRangeHasNoCut) {
  const Bytes zeros(2 * kChunkWindow);
  const CutSearch search(0x3DA3358B4DC173, GetParam());
  EXPECT_EQ(search.Find(zeros.data(), kChunkWindow, kChunkWindow), std::nullopt);
  EXPECT_EQ(search.Find(zeros.data(), kChunkWindow, kChunkWindow + 1), kChunkWindow + 1);
}

std::string NameOf(const ::testing::TestParamInfo<CutKernel>& kernel) {
  constexpr const char* kNames[] = {"Plain", "Lanes", "Gfni"};
  return kNames[static_cast<int>(kernel.param)];
}

INSTANTIATE_TEST_SUITE_P(OfThisProcessor, CutKernels, ::testing::ValuesIn(CutSearch::Kernels()),
                         NameOf);

}  // namespace
}  // namespace holdfast::repo
