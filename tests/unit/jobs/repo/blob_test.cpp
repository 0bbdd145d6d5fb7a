#include "jobs/repo/blob.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace holdfast::repo {
namespace {

constexpr std::size_t kKiB = 1024, kMiB = 1024 * kKiB;

Bytes Random(std::size_t size) {
  std::mt19937 random(11);
  Bytes bytes(size);
  std::ranges::generate(bytes, [&] { return static_cast<std::uint8_t>(random()); });
  return bytes;
}

// Words of a small vocabulary, so that matches are short and many.
Bytes Text(std::size_t size) {
  std::mt19937 random(12);
  const Bytes letters = Random(64 * kKiB);
  Bytes text;
  while (text.size() < size) {
    const std::size_t word = random() % 2000 * 8;
    text.insert(text.end(), letters.begin() + static_cast<std::ptrdiff_t>(word),
                letters.begin() + static_cast<std::ptrdiff_t>(word + 3 + random() % 5));
  }
  text.resize(size);
  return text;
}

Bytes RoundTrip(const Bytes& content, Compression compression) {
  const ByteView frame = Compress(content, compression);
  // What is as short as this may not become smaller, and is stored as it is.
  if (frame.empty()) return content.size() <= 1000 ? content : Bytes();
  return Decompress(frame, content.size()).value_or(Bytes());
}

// One thread's context serves blobs of all sizes in any order.
TEST(Compress, BlobsOfVeryDifferentSizesAfterEachOther) {
  const std::vector<std::size_t> sizes = {9 * kMiB,       300,        16 * kKiB, 16 * kKiB + 1,
                                          kMiB,           128 * kKiB, 2 * kMiB,  128 * kKiB + 1,
                                          1000,           256 * kKiB, 20 * kMiB, 12 * kKiB,
                                          256 * kKiB + 1, 8 * kMiB,   600};
  for (const Compression compression : {Compression::kAuto, Compression::kMax}) {
    for (const std::size_t size : sizes) {
      const Bytes content = Text(size);
      EXPECT_TRUE(RoundTrip(content, compression) == content) << size << " bytes";
    }
  }
}

TEST(Compress, LeavesRandomBytesAlone) {
  for (const std::size_t size : {100 * kKiB, 512 * kKiB, 3 * kMiB})
    EXPECT_TRUE(Compress(Random(size), Compression::kAuto).empty()) << size << " bytes";
}

TEST(Compress, FindsWhatRepeatsAlthoughAllByteValuesAreAsFrequent) {
  const Bytes block = Random(4 * kKiB);
  Bytes content;
  while (content.size() < kMiB) content.insert(content.end(), block.begin(), block.end());
  EXPECT_LT(Compress(content, Compression::kAuto).size(), content.size() / 10);
  EXPECT_TRUE(RoundTrip(content, Compression::kAuto) == content);
}

TEST(Compress, RandomBytesInOneThirdDoNotSpoilTheRest) {
  const Bytes random = Random(kMiB);
  for (const std::size_t third : {0, 1, 2}) {
    Bytes content(3 * kMiB);
    std::ranges::copy(random, content.begin() + static_cast<std::ptrdiff_t>(third * kMiB));
    const std::size_t size = Compress(content, Compression::kAuto).size();
    EXPECT_GT(size, kMiB) << "third " << third;
    EXPECT_LT(size, kMiB + 100 * kKiB) << "third " << third;
    EXPECT_TRUE(RoundTrip(content, Compression::kAuto) == content) << "third " << third;
  }
}

}  // namespace
}  // namespace holdfast::repo
