#include "jobs/storage/open.h"

#include <map>

#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

std::string Value(const std::map<std::string, std::string>& environment, const char* name) {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

OpenOptions With(const std::map<std::string, std::string>& environment) {
  OpenOptions options;
  ReadEnvironment([&](const char* name) { return Value(environment, name); }, options);
  return options;
}

const OpenOptions kOptions = With({{"AWS_ACCESS_KEY_ID", "key"},
                                   {"AWS_SECRET_ACCESS_KEY", "hidden"},
                                   {"AZURE_ACCOUNT_NAME", "acc"},
                                   {"AZURE_ACCOUNT_KEY", "aGlkZGVu"},
                                   {"GOOGLE_ACCESS_TOKEN", "hidden"},
                                   {"RESTIC_REST_USERNAME", "user"},
                                   {"RESTIC_REST_PASSWORD", "hidden"}});

Error ErrorOfOpen(std::string_view text, const OpenOptions& options) {
  const auto opened = Open(text, options);
  return opened ? Error{Code::kInternal, "it opened"} : opened.error();
}

TEST(OpenTest, ObjectLockIsForS3Alone) {
  OpenOptions options = kOptions;
  options.object_lock = {ObjectLockMode::kCompliance, std::chrono::hours(24)};
  EXPECT_EQ(Open("s3:https://s3.example/bucket", options).value()->RetentionPeriod(),
            std::chrono::hours(24));
  for (const char* place :
       {"/backups", "local:/backups", "azure:backups:/", "gs:backups", "rest:https://host"}) {
    const Error error = ErrorOfOpen(place, options);
    EXPECT_EQ(error.code, Code::kInvalid) << place;
    EXPECT_NE(error.message.find("leave out --object-lock-mode"), std::string::npos) << place;
  }
}

TEST(OpenTest, KnownForms) {
  const auto location = [](std::string_view text) {
    return Open(text, kOptions).value()->Location();
  };
  EXPECT_EQ(location("/backups"), "/backups");
  EXPECT_EQ(location("local:/backups/"), "/backups");
  EXPECT_EQ(location("s3:https://s3.example:9000/bucket"), "s3:https://s3.example:9000/bucket");
  EXPECT_EQ(location("s3:http://s3.example/bucket/a/b/"), "s3:http://s3.example/bucket/a/b");
  EXPECT_EQ(location("azure:backups:/"), "azure:backups:/");
  EXPECT_EQ(location("azure:backups:/a/b"), "azure:backups:/a/b");
  EXPECT_EQ(location("azure:http://host:10000/acc/backups/a"),
            "azure:http://host:10000/acc/backups/a");
  EXPECT_EQ(location("gs:backups:/a/b/"), "gs:backups:/a/b");
  EXPECT_EQ(location("gs:backups"), "gs:backups:/");
  EXPECT_EQ(location("rest:https://host:8000/a/b/"), "rest:https://host:8000/a/b/");
  EXPECT_EQ(location("rest:http://host"), "rest:http://host/");
}

TEST(OpenTest, OtherFormsSayTheRightOne) {
  for (const char* text :
       {"", "backups", "local:backups", "s3:bucket", "s3:ftp://host/bucket", "s3:https://host",
        "s3:https://host/", "s3:https:///bucket", "s3:https://user:pass@host/bucket",
        "s3:https://host/bucket?x=1", "azure:", "azure:/path", "azure:http://host/account",
        "azure:c?sig=x:/", "gs:", "gs::/prefix", "rest:host", "rest:https://u:p@host/", "ftp:x"}) {
    const auto opened = Open(text, kOptions);
    ASSERT_FALSE(opened) << text;
    EXPECT_EQ(opened.error().code, Code::kInvalid) << text;
    EXPECT_NE(opened.error().message.find("s3:https://host"), std::string::npos) << text;
  }
}

TEST(OpenTest, MessagesDoNotRepeatCredentials) {
  for (const char* text :
       {"s3:https://user:pass@host/bucket", "azure:https://host/a/b?sig=pass", "azure:b?sig=pass",
        "gs:user:pass@bucket", "rest:https://user:pass@host/"}) {
    const Error error = ErrorOfOpen(text, kOptions);
    EXPECT_EQ(error.code, Code::kInvalid) << text;
    EXPECT_EQ(error.message.find("pass"), std::string::npos) << error.message;
  }
}

TEST(OpenTest, LocationsAndErrorsHideTheKeys) {
  for (const char* text :
       {"s3:https://host/bucket", "azure:backups:/a", "gs:backups:/a", "rest:https://host/a"})
    EXPECT_EQ(Open(text, kOptions).value()->Location().find("hidden"), std::string::npos);
  const OpenOptions bad = With({{"AZURE_ACCOUNT_NAME", "acc"}, {"AZURE_ACCOUNT_KEY", "hidden!"}});
  const Error error = ErrorOfOpen("azure:backups:/", bad);
  EXPECT_EQ(error.code, Code::kInvalid);
  EXPECT_EQ(error.message.find("hidden"), std::string::npos);
}

TEST(OpenTest, WithoutCredentialsIsDenied) {
  EXPECT_EQ(ErrorOfOpen("s3:https://host/bucket", {}).code, Code::kDenied);
  const OpenOptions azure = With({{"AZURE_ACCOUNT_NAME", "acc"}});
  EXPECT_EQ(ErrorOfOpen("azure:backups:/", azure).code, Code::kDenied);
}

TEST(OpenTest, AzureNeedsAnAccount) {
  const OpenOptions options = With({{"AZURE_ACCOUNT_KEY", "aGlkZGVu"}});
  const Error error = ErrorOfOpen("azure:backups:/", options);
  EXPECT_EQ(error.code, Code::kInvalid);
  EXPECT_NE(error.message.find("AZURE_ACCOUNT_NAME"), std::string::npos);
  EXPECT_TRUE(Open("azure:http://host/acc/backups", options)) << "it is in the address";
}

TEST(OpenTest, EveryWayToS3KeysIsTaken) {
  const auto opens = [](const std::map<std::string, std::string>& environment) {
    return Open("s3:https://host/bucket", With(environment)).has_value();
  };
  EXPECT_TRUE(opens({{"AWS_SHARED_CREDENTIALS_FILE", "/no/such/file"}})) << "read when needed";
  EXPECT_TRUE(opens({{"AWS_ROLE_ARN", "arn"}, {"AWS_WEB_IDENTITY_TOKEN_FILE", "/no/such/file"}}));
  EXPECT_FALSE(opens({{"AWS_ROLE_ARN", "arn"}}));
  EXPECT_FALSE(opens({{"AWS_ACCESS_KEY_ID", "key"}}));
}

}  // namespace
}  // namespace holdfast::storage
