#include "jobs/repo/hash_many.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace holdfast::repo {
namespace {

std::vector<Bytes> Contents(std::span<const std::size_t> sizes) {
  std::mt19937 random(5);
  std::vector<Bytes> contents;
  for (const std::size_t size : sizes) {
    contents.emplace_back(size);
    std::ranges::generate(contents.back(), [&] { return static_cast<std::uint8_t>(random()); });
  }
  return contents;
}

void ExpectSameIds(const std::vector<Bytes>& contents) {
  const std::vector<ByteView> views(contents.begin(), contents.end());
  for (const HashKernel kernel : HashKernels()) {
    std::vector<Id> ids(views.size());
    HashMany(views, ids, kernel);
    for (std::size_t i = 0; i < views.size(); ++i)
      EXPECT_EQ(ids[i], Id::Of(views[i])) << "content " << i << " of " << views[i].size();
  }
}

TEST(HashMany, EverySizeAroundTheBlocks) {
  std::vector<std::size_t> sizes;
  for (std::size_t size = 0; size < 200; ++size) sizes.push_back(size);
  ExpectSameIds(Contents(sizes));
}

TEST(HashMany, NeighboursOfAnySizes) {
  std::mt19937 random(6);
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 200; ++i) sizes.push_back(random() % (i % 7 == 0 ? 100'000 : 300));
  ExpectSameIds(Contents(sizes));
}

TEST(HashMany, FewContents) {
  ExpectSameIds({});
  ExpectSameIds(Contents(std::vector<std::size_t>{1'000'000}));
  ExpectSameIds(Contents(std::vector<std::size_t>{0, 1'000'000}));
  ExpectSameIds(Contents(std::vector<std::size_t>{1'000'000, 3, 64}));
}

}  // namespace
}  // namespace holdfast::repo
