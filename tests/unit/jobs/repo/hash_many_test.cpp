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

// Lanes that are filled as soon as they are free, with contents that come one by one.
TEST(HashLanes, ContentsAsTheyCome) {
  std::mt19937 random(7);
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 100; ++i) sizes.push_back(random() % (i % 5 == 0 ? 50'000 : 200));
  const std::vector<Bytes> contents = Contents(sizes);
  for (const HashKernel kernel : HashKernels()) {
    HashLanes lanes(kernel);
    std::vector<std::size_t> in_lane(HashLanes::kLanes);
    std::vector<int> done(contents.size());
    std::size_t next = 0;
    const auto fill = [&](std::size_t lane) {
      if (next == contents.size()) return;
      in_lane[lane] = next;
      lanes.Start(lane, contents[next++]);
    };
    for (std::size_t lane = 0; lane < HashLanes::kLanes; ++lane) fill(lane);
    while (const auto hashed = lanes.Next()) {
      const std::size_t content = in_lane[hashed->lane];
      EXPECT_EQ(hashed->id, Id::Of(contents[content])) << "content " << content;
      ++done[content];
      // None waits while many others go by.
      EXPECT_LE(next - content, contents.size() / 2);
      fill(hashed->lane);
    }
    EXPECT_EQ(done, std::vector<int>(contents.size(), 1));
    EXPECT_FALSE(lanes.Next());
  }
}

TEST(HashLanes, OneAloneInTheSecondLane) {
  for (const HashKernel kernel : HashKernels()) {
    HashLanes lanes(kernel);
    const Bytes content(1000, 7);
    lanes.Start(1, content);
    const auto done = lanes.Next();
    ASSERT_TRUE(done);
    EXPECT_EQ(done->lane, 1U);
    EXPECT_EQ(done->id, Id::Of(content));
    EXPECT_FALSE(lanes.Next());
  }
}

// As chunks come: the longer of two goes on beside the next.
std::vector<Id> InTurn(std::span<const Bytes> contents, HashKernel kernel) {
  std::vector<Id> ids(contents.size());
  std::vector<Hashing> all;
  for (const Bytes& content : contents) all.emplace_back(ByteView(content));
  std::size_t longer = 0;
  for (std::size_t next = 1; next < all.size(); ++next) {
    Hashing::Together(all[longer], all[next], kernel);
    const std::size_t shorter = all[longer].left() < all[next].left() ? longer : next;
    ids[shorter] = all[shorter].Finish();
    if (shorter == longer) longer = next;
  }
  if (!all.empty()) ids[longer] = all[longer].Finish();
  return ids;
}

TEST(Hashing, TheLongerGoesOnBesideTheNext) {
  std::mt19937 random(7);
  std::vector<std::size_t> sizes{0, 0, 63, 64, 65, 127, 128, 1};
  for (int i = 0; i < 200; ++i) sizes.push_back(random() % (i % 7 == 0 ? 100'000 : 1000));
  const std::vector<Bytes> contents = Contents(sizes);
  for (const HashKernel kernel : HashKernels()) {
    const std::vector<Id> ids = InTurn(contents, kernel);
    for (std::size_t i = 0; i < contents.size(); ++i)
      EXPECT_EQ(ids[i], Id::Of(contents[i])) << "content " << i << " of " << sizes[i];
  }
}

TEST(Hashing, EverySizeAroundTheBlocksBesideOneThatGoesOn) {
  std::vector<std::size_t> sizes{100'000};
  for (std::size_t size = 0; size < 200; ++size) sizes.push_back(size);
  const std::vector<Bytes> contents = Contents(sizes);
  for (const HashKernel kernel : HashKernels()) {
    const std::vector<Id> ids = InTurn(contents, kernel);
    for (std::size_t i = 0; i < contents.size(); ++i)
      EXPECT_EQ(ids[i], Id::Of(contents[i])) << "content " << i << " of " << sizes[i];
  }
}

}  // namespace
}  // namespace holdfast::repo
