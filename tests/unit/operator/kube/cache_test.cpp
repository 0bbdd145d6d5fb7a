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

}  // namespace
}  // namespace holdfast::kube
