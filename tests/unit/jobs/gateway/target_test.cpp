#include "jobs/gateway/target.h"

#include <gtest/gtest.h>

#include "jobs/gateway/range_header.h"

namespace holdfast::gateway {
namespace {

using storage::FileType;
using Kind = Target::Kind;

const std::string kName(64, 'a');

TEST(TargetTest, WhatResticAsksFor) {
  const auto root = ParseTarget("/red/");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->kind, Kind::kRepository);
  EXPECT_EQ(root->ns, "red");
  EXPECT_EQ(ParseTarget("/red")->kind, Kind::kRepository);
  EXPECT_EQ(ParseTarget("/red/password")->kind, Kind::kPassword);
  const auto config = ParseTarget("/red/config");
  EXPECT_EQ(config->kind, Kind::kObject);
  EXPECT_EQ(config->object, (storage::Handle{FileType::kConfig, ""}));
  const std::pair<const char*, FileType> folders[] = {{"keys", FileType::kKey},
                                                      {"locks", FileType::kLock},
                                                      {"snapshots", FileType::kSnapshot},
                                                      {"index", FileType::kIndex},
                                                      {"data", FileType::kPack}};
  for (const auto& [folder, type] : folders) {
    const auto listing = ParseTarget(std::string("/team-1/") + folder + "/");
    ASSERT_TRUE(listing) << folder;
    EXPECT_EQ(listing->kind, Kind::kListing);
    EXPECT_EQ(listing->object.type, type);
    const auto object = ParseTarget(std::string("/team-1/") + folder + "/" + kName);
    ASSERT_TRUE(object) << folder;
    EXPECT_EQ(object->kind, Kind::kObject);
    EXPECT_EQ(object->object, (storage::Handle{type, kName}));
  }
}

TEST(TargetTest, NothingElse) {
  const std::string paths[] = {"",
                               "/",
                               "//",
                               "red/config",
                               "/../config",
                               "/red/../blue/config",
                               "/red//config",
                               "/red/config/",
                               "/Red/config",
                               "/-red/config",
                               "/red-/config",
                               "/red.blue/config",
                               "/r%65d/config",
                               "/" + std::string(64, 'r') + "/config",
                               "/red/keys",
                               "/red/keys/" + kName + "/",
                               "/red/keys/" + kName + "/x",
                               "/red/keys/" + kName.substr(1),
                               "/red/keys/" + std::string(64, 'A'),
                               "/red/data/aa/" + kName,
                               "/red/other/" + kName,
                               "/red/password/",
                               std::string("/red\0/config", 12)};
  for (const std::string& path : paths) EXPECT_FALSE(ParseTarget(path)) << path;
}

TEST(RangeHeaderTest, OneRangeFromAStart) {
  EXPECT_EQ(ParseRange("bytes=5-9")->offset, 5u);
  EXPECT_EQ(ParseRange("bytes=5-9")->length, 5u);
  EXPECT_EQ(ParseRange("bytes=7-")->offset, 7u);
  EXPECT_EQ(ParseRange("bytes=7-")->length, 0u);
  for (const char* other :
       {"", "bytes", "bytes=", "bytes=-5", "bytes=9-5", "bytes=1-2,4-5", "lines=1-2", "bytes=a-b",
        "bytes= 1-2", "bytes=0-18446744073709551615", "bytes=99999999999999999999-"})
    EXPECT_FALSE(ParseRange(other)) << other;
}

}  // namespace
}  // namespace holdfast::gateway
