#include "base/command_line.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(CommandLineTest, AnEmptyValueIsRefusedInASentence) {
  EXPECT_EQ(CheckOptionValues({"ls", "--repo=", "--json"}).error(),
            (Error{Code::kInvalid,
                   "--repo= has no value; write --repo=VALUE, or --repo \"\" for an empty one"}));
}

TEST(CommandLineTest, WhatElseEndsInAnEqualsSignIsAValue) {
  EXPECT_TRUE(CheckOptionValues({}));
  EXPECT_TRUE(CheckOptionValues({"--repo=/a=", "--as-path", "", "name=", "-e=", "--"}));
  EXPECT_TRUE(CheckOptionValues({"ls", "--", "--repo="}));
}

}  // namespace
}  // namespace holdfast
