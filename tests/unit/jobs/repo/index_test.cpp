#include "jobs/repo/index.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <thread>

#include <gtest/gtest.h>

namespace holdfast::repo {
namespace {

PackEntry MakePack(std::size_t blobs, BlobType type = BlobType::kData) {
  PackEntry pack{Id::Random(), {}};
  for (std::uint32_t i = 0; i < blobs; ++i)
    pack.blobs.push_back({{type, Id::Random()}, i * 100, 100, i % 2 == 0 ? 0 : 1000 + i});
  return pack;
}

// Random ids by a quick generator: the system's is slow for a million.
Id QuickId(std::mt19937_64& random) {
  Id id;
  for (std::uint8_t& byte : id.bytes) byte = static_cast<std::uint8_t>(random());
  return id;
}

std::vector<PackEntry> Decode(std::string_view text) {
  std::vector<PackEntry> packs;
  const auto done = DecodeIndex(AsBytes(text), [&](PackEntry&& pack) -> Result<void> {
    packs.push_back(std::move(pack));
    return {};
  });
  EXPECT_TRUE(done) << done.error().message;
  return packs;
}

Code DecodeError(std::string_view text) {
  const auto done = DecodeIndex(AsBytes(text), [](PackEntry&&) -> Result<void> { return {}; });
  return done ? Code::kInternal : done.error().code;
}

TEST(IndexFile, ComesBackAsItWas) {
  const std::vector<PackEntry> packs = {MakePack(3), MakePack(1, BlobType::kTree), MakePack(20)};
  const std::vector<Id> replaced = {Id::Random(), Id::Random()};
  const std::string text = EncodeIndex(packs, replaced);
  std::vector<PackEntry> read;
  const auto done = DecodeIndex(AsBytes(text), [&](PackEntry&& pack) -> Result<void> {
    read.push_back(std::move(pack));
    return {};
  });
  EXPECT_EQ(done.value(), replaced);
  ASSERT_EQ(read.size(), packs.size());
  for (std::size_t i = 0; i < packs.size(); ++i) {
    EXPECT_EQ(read[i].id, packs[i].id);
    EXPECT_EQ(read[i].blobs, packs[i].blobs);
  }
}

TEST(IndexFile, IsSpelledAsResticDoes) {
  PackEntry pack{Id::Of(AsBytes("p")), {}};
  pack.blobs.push_back({{BlobType::kData, Id::Of(AsBytes("a"))}, 0, 38, 0});
  pack.blobs.push_back({{BlobType::kTree, Id::Of(AsBytes("b"))}, 38, 112, 511});
  EXPECT_EQ(EncodeIndex(std::span(&pack, 1)),
            R"({"packs":[{"id":")" + pack.id.Hex() + R"(","blobs":[{"id":")" +
                pack.blobs[0].handle.id.Hex() +
                R"(","type":"data","offset":0,"length":38},{"id":")" +
                pack.blobs[1].handle.id.Hex() +
                R"(","type":"tree","offset":38,"length":112,"uncompressed_length":511}]}]})");
}

TEST(IndexFile, OrderOfFieldsAndUnknownOnesDoNotMatter) {
  const std::string id(64, 'a');
  const auto packs = Decode(R"({"new":[{"id":5}],"packs":[{"blobs":[{"x":{"id":[1]},"length":40,)"
                            R"("offset":7,"type":"tree","id":")" +
                            id + R"("}],"id":")" + id + R"("}]})");
  ASSERT_EQ(packs.size(), 1U);
  EXPECT_EQ(packs[0].blobs[0], (Blob{{BlobType::kTree, Id::Parse(id).value()}, 7, 40, 0}));
}

TEST(IndexFile, WhatCannotBeIsCorrupt) {
  const std::string id(64, 'a');
  const auto blob = [&](std::string_view fields) {
    return R"({"packs":[{"id":")" + id + R"(","blobs":[{"id":")" + id + R"(",)" +
           std::string(fields) + "}]}]}";
  };
  EXPECT_EQ(DecodeError(blob(R"("type":"data","offset":0,"length":32)")), Code::kInternal);
  EXPECT_EQ(DecodeError(blob(R"("type":"data","offset":0,"length":31)")), Code::kCorrupt);
  EXPECT_EQ(DecodeError(blob(R"("type":"soup","offset":0,"length":32)")), Code::kCorrupt);
  EXPECT_EQ(DecodeError(blob(R"("offset":0,"length":32)")), Code::kCorrupt);
  EXPECT_EQ(DecodeError(blob(R"("type":"data","offset":-1,"length":32)")), Code::kCorrupt);
  EXPECT_EQ(DecodeError(blob(R"("type":"data","offset":4294967296,"length":32)")), Code::kCorrupt);
  EXPECT_EQ(DecodeError(blob(R"("type":"data","offset":0,"length":4294967296)")), Code::kCorrupt);
  EXPECT_EQ(
      DecodeError(blob(R"("type":"data","offset":0,"length":99,"uncompressed_length":9999999999)")),
      Code::kCorrupt);
  EXPECT_EQ(DecodeError(R"({"packs":[{"blobs":[]}]})"), Code::kCorrupt);
  EXPECT_EQ(DecodeError(R"({"packs":[{"id":"aa","blobs":[]}]})"), Code::kCorrupt);
  EXPECT_EQ(DecodeError("[]"), Code::kCorrupt);
  EXPECT_EQ(DecodeError(""), Code::kCorrupt);
}

TEST(IndexFile, EveryTruncationIsCorrupt) {
  const PackEntry pack = MakePack(2);
  const std::string text = EncodeIndex(std::span(&pack, 1));
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_EQ(DecodeError(std::string_view(text).substr(0, size)), Code::kCorrupt) << size;
}

TEST(Index, FindsWhatWasAdded) {
  Index index;
  std::vector<PackEntry> packs;
  for (int i = 0; i < 200; ++i)
    packs.push_back(MakePack(50, i % 3 == 0 ? BlobType::kTree : BlobType::kData));
  for (const PackEntry& pack : packs) index.Add(pack);
  EXPECT_EQ(index.blob_count(), 10'000U);
  EXPECT_EQ(index.pack_count(), 200U);
  for (const PackEntry& pack : packs)
    for (const Blob& blob : pack.blobs)
      EXPECT_EQ(index.Lookup(blob.handle), (PackedBlob{pack.id, blob}));
  EXPECT_FALSE(index.Lookup({BlobType::kData, Id::Random()}));
}

TEST(Index, DataAndTreesAreSeparateNames) {
  Index index;
  const PackEntry pack = MakePack(1, BlobType::kTree);
  index.Add(pack);
  EXPECT_TRUE(index.Has(pack.blobs[0].handle));
  EXPECT_FALSE(index.Has({BlobType::kData, pack.blobs[0].handle.id}));
}

TEST(Index, KeepsEveryPlaceOfABlobOnce) {
  Index index;
  PackEntry first = MakePack(1);
  PackEntry second{Id::Random(), first.blobs};
  index.Add(first);
  index.Add(second);
  index.Add(first);
  EXPECT_EQ(index.LookupAll(first.blobs[0].handle).size(), 2U);
  EXPECT_EQ(index.pack_count(), 2U);
}

TEST(Index, AClaimIsGivenOnceAndSeenOnlyWhenStored) {
  Index index;
  PackEntry pack = MakePack(1);
  const BlobHandle handle = pack.blobs[0].handle;
  EXPECT_TRUE(index.Claim(handle));
  EXPECT_FALSE(index.Claim(handle));
  EXPECT_TRUE(index.Has(handle));
  EXPECT_FALSE(index.Lookup(handle));
  index.ForEach([](const PackedBlob&) { ADD_FAILURE() << "not stored yet"; });
  index.Add(pack);
  EXPECT_TRUE(index.Lookup(handle));
  EXPECT_FALSE(index.Claim(handle));
  EXPECT_EQ(index.blob_count(), 1U);
}

TEST(Index, AnAbandonedClaimCanBeTakenAgain) {
  Index index;
  const BlobHandle handle{BlobType::kData, Id::Random()};
  EXPECT_TRUE(index.Claim(handle));
  index.Abandon(handle);
  EXPECT_FALSE(index.Has(handle));
  EXPECT_TRUE(index.Claim(handle));
}

TEST(Index, OneOfManyThreadsGetsEachClaim) {
  Index index;
  std::vector<BlobHandle> handles;
  for (int i = 0; i < 2000; ++i) handles.push_back({BlobType::kData, Id::Random()});
  std::atomic<int> claimed = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (const BlobHandle& handle : handles) claimed += index.Claim(handle) ? 1 : 0;
    });
  threads.clear();
  EXPECT_EQ(claimed, 2000);
}

TEST(Index, WalksPackByPackInOrder) {
  Index index;
  std::map<Id, PackEntry> packs;
  for (int i = 0; i < 50; ++i) {
    const PackEntry pack = MakePack(30);
    packs[pack.id] = pack;
    index.Add(pack);
  }
  index.Claim({BlobType::kData, Id::Random()});
  std::size_t seen = 0;
  index.ForEachPack([&](const PackEntry& pack) {
    ++seen;
    EXPECT_EQ(pack.blobs, packs[pack.id].blobs);
  });
  EXPECT_EQ(seen, packs.size());
  std::size_t blobs = 0;
  index.ForEach([&](const PackedBlob&) { ++blobs; });
  EXPECT_EQ(blobs, 1500U);
}

// Ids that begin alike share a bucket, which then has several blocks.
TEST(Index, ManyBlobsThatBeginAlike) {
  Index index;
  std::mt19937_64 random(5);
  const auto make_ids = [&](std::size_t count) {
    std::vector<Id> ids(count);
    for (Id& id : ids) {
      id = QuickId(random);
      id.bytes[0] = id.bytes[1] = 7;
    }
    return ids;
  };
  const std::vector<Id> stored = make_ids(200);
  const std::vector<Id> claimed = make_ids(100);
  for (std::size_t i = 0; i < stored.size(); ++i) {
    index.Add({QuickId(random), {{{BlobType::kData, stored[i]}, 0, 500, 900}}});
    if (i % 2 == 0) {
      EXPECT_TRUE(index.Claim({BlobType::kData, claimed[i / 2]}));
    }
  }
  index.ShrinkToFit();
  // Given back in another order than they were taken, out of every block.
  for (std::size_t i = 0; i < claimed.size(); ++i)
    index.Abandon({BlobType::kData, claimed[i * 37 % claimed.size()]});
  EXPECT_EQ(index.blob_count(), stored.size());
  for (const Id& id : claimed) EXPECT_FALSE(index.Has({BlobType::kData, id}));
  for (const Id& id : stored) {
    EXPECT_TRUE(index.Has({BlobType::kData, id}));
    EXPECT_EQ(index.Lookup({BlobType::kData, id})->blob.handle.id, id);
    EXPECT_FALSE(index.Claim({BlobType::kData, id}));
  }
  std::vector<Id> walked;
  index.ForEach([&](const PackedBlob& place) { walked.push_back(place.blob.handle.id); });
  EXPECT_EQ(walked.size(), stored.size());
  EXPECT_TRUE(std::ranges::is_sorted(walked));
}

TEST(Index, ClearForgets) {
  Index index;
  const PackEntry pack = MakePack(3);
  index.Add(pack);
  index.Clear();
  EXPECT_EQ(index.blob_count(), 0U);
  index.Add(pack);
  EXPECT_TRUE(index.Lookup(pack.blobs[0].handle));
}

// A million blobs of 16 MiB packs, about 30 each, in no more than 48 bytes a blob beyond the fixed
// 1.5 MiB of buckets.
TEST(Index, IsCompact) {
  Index index;
  std::mt19937_64 random(1);
  constexpr std::size_t kBlobs = 1'000'000;
  constexpr std::size_t kPerPack = 30;
  for (std::size_t i = 0; i < kBlobs / kPerPack; ++i) {
    PackEntry pack{QuickId(random), {}};
    for (std::uint32_t b = 0; b < kPerPack; ++b)
      pack.blobs.push_back({{BlobType::kData, QuickId(random)}, b * 500'000, 500'000, 900'000});
    index.Add(pack);
  }
  index.ShrinkToFit();
  const double per_blob =
      static_cast<double>(index.MemoryUse() - (3U << 19)) / static_cast<double>(index.blob_count());
  EXPECT_LE(per_blob, 48.0);
}

}  // namespace
}  // namespace holdfast::repo
