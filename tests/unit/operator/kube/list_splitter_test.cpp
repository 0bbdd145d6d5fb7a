#include "operator/kube/list_splitter.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"

namespace holdfast::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Parts {
  std::vector<std::string> items;
  std::string frame;
};

Parts Split(std::string_view list, std::size_t piece) {
  Parts parts;
  ListSplitter splitter;
  for (; !list.empty(); list.remove_prefix(std::min(piece, list.size()))) {
    const auto fed =
        splitter.Feed(list.substr(0, piece), [&](std::string_view item) -> Result<void> {
          parts.items.emplace_back(item);
          return {};
        });
    EXPECT_TRUE(fed) << fed.error().message;
  }
  parts.frame = splitter.frame();
  return parts;
}

// However the network cuts it.
class CutListTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(CutListTest, CutsOutTheItems) {
  const Parts parts = Split(R"({"apiVersion": "v1", "items": [{"a": 1}, {"b": [2, {"c": "x"}]}],
    "kind": "List", "metadata": {"continue": "t", "resourceVersion": "7"}})",
                            GetParam());
  EXPECT_THAT(parts.items, ElementsAre(R"({"a":1})", R"({"b":[2,{"c":"x"}]})"));
  EXPECT_EQ(Json::parse(parts.frame),
            Json::parse(R"({"apiVersion": "v1", "items": [], "kind": "List",
                            "metadata": {"continue": "t", "resourceVersion": "7"}})"));
}

TEST_P(CutListTest, MetadataMayComeFirst) {
  const Parts parts = Split(
      R"({"metadata":{"resourceVersion":"7","items":[{"no":1}]},"items":[{"a":1}]})", GetParam());
  EXPECT_THAT(parts.items, ElementsAre(R"({"a":1})"));
  EXPECT_EQ(FindString(Json::parse(parts.frame), {"metadata", "resourceVersion"}), "7");
}

TEST_P(CutListTest, BracketsInStringsAreText) {
  const Parts parts = Split(R"({"items":[{"a":"]}\"{[\\"},{"items":[{}]}]})", GetParam());
  EXPECT_THAT(parts.items, ElementsAre(R"({"a":"]}\"{[\\"})", R"({"items":[{}]})"));
}

TEST_P(CutListTest, LeavesManagedFieldsOut) {
  const Parts parts = Split(
      R"({"items":[{"metadata":{"labels":{"managedFields":"kept"},"managedFields":[{"f":{"g":"}"}}],
         "name":"n"},"spec":{"managedFields":[1]}}]})",
      GetParam());
  EXPECT_THAT(parts.items, ElementsAre(R"({"metadata":{"labels":{"managedFields":"kept"},)"
                                       R"("managedFields":null,"name":"n"},)"
                                       R"("spec":{"managedFields":[1]}})"));
}

TEST_P(CutListTest, NoItems) {
  EXPECT_THAT(Split(R"({"items":null,"metadata":{}})", GetParam()).items, IsEmpty());
  EXPECT_THAT(Split(R"({"items":[],"metadata":{}})", GetParam()).items, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Pieces, CutListTest, ::testing::Values(1, 7, 1000));

TEST(ListSplitterTest, GivesTheVisitorsErrorBack) {
  ListSplitter splitter;
  const auto full = [](std::string_view) -> Result<void> { return Fail(Code::kNoSpace, "full"); };
  EXPECT_EQ(splitter.Feed(R"({"items":[{},{}]})", full).error(), (Error{Code::kNoSpace, "full"}));
}

TEST(ListSplitterTest, RefusesWhatIsTooLong) {
  const auto any = [](std::string_view) -> Result<void> { return {}; };
  ListSplitter item;
  EXPECT_TRUE(item.Feed(R"({"items":[{"a":")", any));
  EXPECT_EQ(item.Feed(std::string(ListSplitter::kMostItem, 'x'), any).error().code, Code::kInvalid);
  ListSplitter frame;
  EXPECT_EQ(frame.Feed(std::string(ListSplitter::kMostFrame + 1, '1'), any).error().code,
            Code::kInvalid);
  ListSplitter closed;
  EXPECT_EQ(closed.Feed("]", any).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace holdfast::kube
