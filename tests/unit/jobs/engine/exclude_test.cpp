#include "jobs/engine/exclude.h"

#include <gtest/gtest.h>

namespace holdfast::engine {
namespace {

bool Excludes(std::vector<std::string> patterns, std::string_view path) {
  return ExcludeList::Parse(patterns).value().Excludes(path);
}

struct Case {
  const char* pattern;
  const char* path;
  bool excluded;
};

// From restic's own filter tests, and the examples of its manual.
constexpr Case kCases[] = {
    {"*", "/foo", true},
    {"foo", "/foo", true},
    {"foo", "/a/foo/b", true},
    {"foo", "/a/foobar", false},
    {"/foo", "/foo/bar", true},
    {"/foo", "/a/foo", false},
    {"/*/*/bar/", "/home/user/bar", true},
    {"/*/*/bar/", "/home/user/foo/bar", false},
    {"*.go", "/foo/bar/test.go", true},
    {"*.go", "/foo/test.go/sub", true},
    {"*.c", "/foo/bar/test.go", false},
    {"foo/bar", "/x/foo/bar/baz", true},
    {"foo/bar", "/x/foo/y/bar", false},
    {"foo/**/bar", "/foo/bar", true},
    {"foo/**/bar", "/foo/1/2/3/bar", true},
    {"foo/**/bar/*.go", "/x/foo/1/2/bar/main.go", true},
    {"**/tmp/**", "/a/tmp/b", true},
    {"**/tmp/**", "/a/tmpx/b", false},
    {"/home/user/**/important*", "/home/user/work/x/hidden/x", false},
    {"/home/user/**/hidden*/**/c", "/home/user/work/shared/hidden/sub/c", true},
    {"?oo", "/foo", true},
    {"?oo", "/fooo", false},
    {"?", "/\xe2\x98\x83", true},
    {"[a-c]x", "/bx", true},
    {"[^a-c]x", "/bx", false},
    {"[^a-c]x", "/dx", true},
    {"\\*", "/*", true},
    {"\\*", "/x", false},
    {"a*b*c", "/a-b-b-c", true},
    {"a*b*c", "/a-b-b", false},
    {"./foo//bar/", "/foo/bar", true},
    {"\xff*", "/\xff\xfe", true},
};

TEST(ExcludeTest, MatchesWhatResticMatches) {
  for (const Case& c : kCases)
    EXPECT_EQ(Excludes({c.pattern}, c.path), c.excluded) << c.pattern << " on " << c.path;
}

TEST(ExcludeTest, LaterNegationTakesBack) {
  const std::vector<std::string> patterns = {"*.log", "!keep.log"};
  EXPECT_TRUE(Excludes(patterns, "/a.log"));
  EXPECT_FALSE(Excludes(patterns, "/keep.log"));
  EXPECT_TRUE(Excludes({"!keep.log", "*.log"}, "/keep.log"));
}

TEST(ExcludeTest, NothingIsExcludedByNothing) {
  EXPECT_FALSE(Excludes({}, "/a"));
  EXPECT_FALSE(Excludes({""}, "/a"));
}

// Trying every way to spread the path over the "**" would take longer than anybody waits.
TEST(ExcludeTest, ManyDepthsAreTriedOnce) {
  std::string pattern, path;
  for (int i = 0; i < 20; ++i) pattern += "**/a/";
  for (int i = 0; i < 1000; ++i) path += "/a";
  EXPECT_FALSE(Excludes({pattern + "b"}, path));
  EXPECT_TRUE(Excludes({pattern + "b"}, path + "/b"));
}

TEST(ExcludeTest, MalformedPatternsAreNamed) {
  for (const char* pattern : {"[", "[a", "a[]", "x\\", "[-]", "/ok/[z-"}) {
    const auto list = ExcludeList::Parse(std::vector<std::string>{pattern});
    ASSERT_FALSE(list) << pattern;
    EXPECT_EQ(list.error().code, Code::kInvalid);
    EXPECT_NE(list.error().message.find(pattern), std::string::npos);
  }
}

TEST(ExcludeTest, InsensitivePatternsTakeEitherCase) {
  const std::vector<std::string> none;
  const std::vector<std::string> patterns = {"*.TMP", "/Cache/[A-C]*"};
  const ExcludeList list = ExcludeList::Parse(none, patterns).value();
  EXPECT_TRUE(list.Excludes("/a/x.tmp"));
  EXPECT_TRUE(list.Excludes("/a/X.Tmp/below"));
  EXPECT_TRUE(list.Excludes("/cache/BIG"));
  EXPECT_FALSE(list.Excludes("/cache/dig"));
}

TEST(ExcludeTest, NamesMeansThePathItself) {
  const std::vector<std::string> patterns = {"b", "/x/*"};
  const ExcludeList list = ExcludeList::Parse(patterns).value();
  EXPECT_TRUE(list.Names("/a/b"));
  EXPECT_FALSE(list.Names("/a/b/c"));
  EXPECT_TRUE(list.Names("/x/y"));
  EXPECT_FALSE(list.Names("/x/y/z"));
}

}  // namespace
}  // namespace holdfast::engine
