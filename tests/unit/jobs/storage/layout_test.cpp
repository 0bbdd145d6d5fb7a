#include "jobs/storage/layout.h"

#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

const std::string kName(64, 'a');

TEST(LayoutTest, PathsAreRestics) {
  EXPECT_EQ(PathOf({FileType::kConfig, ""}), "config");
  EXPECT_EQ(PathOf({FileType::kKey, kName}), "keys/" + kName);
  EXPECT_EQ(PathOf({FileType::kLock, kName}), "locks/" + kName);
  EXPECT_EQ(PathOf({FileType::kSnapshot, kName}), "snapshots/" + kName);
  EXPECT_EQ(PathOf({FileType::kIndex, kName}), "index/" + kName);
  EXPECT_EQ(PathOf({FileType::kPack, kName}), "data/aa/" + kName);
}

TEST(LayoutTest, PathsLeadBackToHandles) {
  for (const Handle& handle : {Handle{FileType::kConfig, ""}, Handle{FileType::kKey, kName},
                               Handle{FileType::kLock, kName}, Handle{FileType::kSnapshot, kName},
                               Handle{FileType::kIndex, kName}, Handle{FileType::kPack, kName}})
    EXPECT_EQ(HandleOf(PathOf(handle).value()), handle);
}

TEST(LayoutTest, OtherPathsAreNotOurs) {
  for (const std::string& path :
       {std::string(), std::string("configs"), std::string("config/x"), std::string("keys"),
        std::string("keys/"), "keys/" + kName + "x", "keys/" + kName + ".tmp-0011", "key/" + kName,
        "/keys/" + kName, "data/" + kName, "data/bb/" + kName, "data/aa/" + kName + "/x",
        "keys/" + std::string(64, 'A'), "keys/aa/" + kName})
    EXPECT_EQ(HandleOf(path), std::nullopt) << path;
}

TEST(LayoutTest, NamesThatAreNoHashHaveNoPath) {
  for (const std::string& name : {std::string(), std::string("../config"), std::string(64, 'A'),
                                  std::string(64, '/'), kName + "a"})
    EXPECT_EQ(PathOf({FileType::kPack, name}).error().code, Code::kInvalid) << name;
  EXPECT_EQ(PathOf({FileType::kConfig, kName}).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace holdfast::storage
