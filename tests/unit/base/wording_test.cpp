#include "base/wording.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(WordingTest, OneIsSingular) {
  EXPECT_EQ(Counted(0, "file"), "0 files");
  EXPECT_EQ(Counted(1, "file"), "1 file");
  EXPECT_EQ(Counted(2, "file"), "2 files");
  EXPECT_EQ(Counted(1, "entry", "entries"), "1 entry");
  EXPECT_EQ(Counted(12, "entry", "entries"), "12 entries");
}

TEST(WordingTest, AListNamesSomeAndCountsTheOthers) {
  EXPECT_EQ(NameSome({}), "");
  EXPECT_EQ(NameSome({"a"}), "a");
  EXPECT_EQ(NameSome({"a", "b"}, 2), "a, b");
  EXPECT_EQ(NameSome({"a", "b", "c"}, 2), "a, b and 1 more");
  EXPECT_EQ(NameSome(std::vector<std::string>(25, "x"), 3), "x, x, x and 22 more");
  EXPECT_EQ(NameSome(std::vector<std::string>(kMostNamed + 1, "x")).substr(0, 2), "x,");
  EXPECT_TRUE(NameSome(std::vector<std::string>(kMostNamed + 1, "x")).ends_with("x and 1 more"));
}

TEST(WordingTest, OfALongListOnlyTheBeginningIsNeeded) {
  EXPECT_EQ(NameFirst({"a", "b"}, 2), "a, b");
  EXPECT_EQ(NameFirst({"a", "b", "c"}, 4'000'000'000, 2), "a, b and 3999999998 more");
}

TEST(WordingTest, ASentenceBeginsWithACapitalAndEndsWithAStop) {
  EXPECT_EQ(Sentence(""), "");
  EXPECT_EQ(Sentence("the store is full"), "The store is full.");
  EXPECT_EQ(Sentence("The store is full."), "The store is full.");
  EXPECT_EQ(Sentence("/data is full"), "/data is full.");
  EXPECT_EQ(Stopped("the store is full"), "the store is full.");
  EXPECT_EQ(Stopped(""), "");
}

}  // namespace
}  // namespace holdfast
