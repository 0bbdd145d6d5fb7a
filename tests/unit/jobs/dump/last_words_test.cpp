#include "jobs/dump/last_words.h"

#include <gtest/gtest.h>

namespace holdfast::dump {
namespace {

std::string TextOf(const std::string& bytes) {
  LastWords words;
  words.Add(bytes);
  return words.Text();
}

TEST(LastWordsTest, AreTheEndHoweverItCame) {
  std::string all;
  for (int i = 0; i < 2000; ++i) all += std::to_string(i) + "\n";
  for (const std::size_t cut : {1u, 7u, 4096u, 100'000u}) {
    LastWords words;
    for (std::size_t at = 0; at < all.size(); at += cut) words.Add(all.substr(at, cut));
    const std::string end = all.substr(all.size() - LastWords::kMost);
    EXPECT_EQ(words.Text(), end.substr(0, end.size() - 1)) << cut;
  }
}

TEST(LastWordsTest, AreTextWhateverWasWritten) {
  EXPECT_EQ(TextOf("pg_dump: größer €\U0001F600\n"), "pg_dump: größer €\U0001F600");
  EXPECT_EQ(TextOf("\x1b[31mred\r\n"), "?[31mred?");
  EXPECT_EQ(TextOf("a\xff\xfe"), "a??");
  EXPECT_EQ(TextOf("\xc0\xaf"), "??") << "overlong";
  EXPECT_EQ(TextOf("\xed\xa0\x80"), "???") << "a surrogate";
  EXPECT_EQ(TextOf("\xe2\x82"), "??") << "cut";
  EXPECT_EQ(TextOf(std::string("a\0b", 3)), "a?b");
  EXPECT_EQ(TextOf(""), "");
}

}  // namespace
}  // namespace holdfast::dump
