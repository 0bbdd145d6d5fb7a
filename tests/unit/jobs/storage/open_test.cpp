#include "jobs/storage/open.h"

#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

const OpenOptions kOptions{.s3_credentials = {"key", "secret", ""},
                           .s3_region = "",
                           .s3_virtual_host_style = false,
                           .ca_file = ""};

TEST(OpenTest, KnownForms) {
  const auto location = [](std::string_view text) {
    return Open(text, kOptions).value()->Location();
  };
  EXPECT_EQ(location("/backups"), "/backups");
  EXPECT_EQ(location("local:/backups/"), "/backups");
  EXPECT_EQ(location("s3:https://s3.example:9000/bucket"), "s3:https://s3.example:9000/bucket");
  EXPECT_EQ(location("s3:http://s3.example/bucket/a/b/"), "s3:http://s3.example/bucket/a/b");
}

TEST(OpenTest, OtherFormsSayTheRightOne) {
  for (const char* text :
       {"", "backups", "local:backups", "s3:bucket", "s3:ftp://host/bucket", "s3:https://host",
        "s3:https://host/", "s3:https:///bucket", "s3:https://user:pass@host/bucket",
        "s3:https://host/bucket?x=1", "azure:container"}) {
    const auto opened = Open(text, kOptions);
    ASSERT_FALSE(opened) << text;
    EXPECT_EQ(opened.error().code, Code::kInvalid) << text;
    EXPECT_NE(opened.error().message.find("s3:https://host"), std::string::npos) << text;
  }
}

TEST(OpenTest, MessagesDoNotRepeatCredentials) {
  const auto opened = Open("s3:https://user:pass@host/bucket", kOptions);
  EXPECT_EQ(opened.error().message.find("pass"), std::string::npos);
}

TEST(OpenTest, S3WithoutCredentialsIsDenied) {
  EXPECT_EQ(Open("s3:https://host/bucket", {}).error().code, Code::kDenied);
}

}  // namespace
}  // namespace holdfast::storage
