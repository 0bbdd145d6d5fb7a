#include "operator/kube/cache.h"

#include <gtest/gtest.h>

namespace holdfast::kube {
namespace {

std::shared_ptr<const std::string> Value(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

TEST(CacheTest, AnIndexFollowsItsObjects) {
  Cache<std::string> cache;
  cache.AddIndex("letter", [](const ObjectKey&, const std::string& value) {
    std::vector<std::string> letters;
    for (const char c : value) letters.emplace_back(1, c);
    return letters;
  });
  cache.Put({"n", "1"}, Value("ab"));
  cache.Put({"n", "2"}, Value("b"));
  EXPECT_EQ(cache.Find("letter", "b").size(), 2u);
  cache.Put({"n", "1"}, Value("c"));
  EXPECT_EQ(cache.Find("letter", "b").size(), 1u);
  EXPECT_EQ(cache.Find("letter", "a").size(), 0u);
  EXPECT_EQ(cache.Find("letter", "c").at(0).first, (ObjectKey{"n", "1"}));
  cache.Remove({"n", "1"});
  EXPECT_EQ(cache.Find("letter", "c").size(), 0u);
  EXPECT_EQ(cache.Size(), 1u);
}

TEST(CacheTest, AReaderKeepsWhatItGot) {
  Cache<std::string> cache;
  cache.Put({"n", "1"}, Value("old"));
  const auto held = cache.Get({"n", "1"});
  cache.Put({"n", "1"}, Value("new"));
  EXPECT_EQ(*held, "old");
  EXPECT_EQ(*cache.Get({"n", "1"}), "new");
  EXPECT_EQ(cache.Get({"n", "2"}), nullptr);
}

struct Packed {
  std::string word;
  int unpacked = 0;
};
std::string Pack(const Packed& value) { return value.word; }
void Unpack(std::string_view bytes, Packed& value) {
  value.word = bytes;
  ++value.unpacked;
}

TEST(CacheTest, WhatCanBePackedIsKeptPacked) {
  Cache<Packed> cache;
  cache.AddIndex("word", [](const ObjectKey&, const Packed& value) {
    return std::vector<std::string>{value.word};
  });
  cache.Put({"n", "1"}, std::make_shared<const Packed>(Packed{"a"}));
  cache.Put({"n", "1"}, std::make_shared<const Packed>(Packed{"b"}));
  EXPECT_EQ(cache.Get({"n", "1"})->word, "b");
  EXPECT_EQ(cache.Get({"n", "1"})->unpacked, 1);
  EXPECT_EQ(cache.Find("word", "a").size(), 0u);
  EXPECT_EQ(cache.Find("word", "b").at(0).second->word, "b");
  EXPECT_EQ(cache.Keys(), (std::vector<ObjectKey>{{"n", "1"}}));
}

}  // namespace
}  // namespace holdfast::kube
