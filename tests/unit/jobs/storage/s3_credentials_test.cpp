#include "jobs/storage/s3_credentials.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

namespace holdfast::storage {
namespace {

constexpr const char* kFile = R"(# written by hand
[default]
aws_access_key_id = first
aws_secret_access_key=one = two
[ other ]
  aws_access_key_id=second
  aws_secret_access_key=secret
  aws_session_token=token
[empty]
)";

TEST(S3CredentialsTest, ReadsAProfile) {
  EXPECT_EQ(ParseCredentialsFile(kFile, "default"), (Credentials{"first", "one = two", ""}));
  EXPECT_EQ(ParseCredentialsFile(kFile, "other"), (Credentials{"second", "secret", "token"}));
  EXPECT_EQ(ParseCredentialsFile("[a]\r\naws_access_key_id=x\r\naws_secret_access_key=y\r\n", "a"),
            (Credentials{"x", "y", ""}));
}

TEST(S3CredentialsTest, SaysWhichProfileLacksKeys) {
  for (const char* profile : {"empty", "absent", ""}) {
    const auto parsed = ParseCredentialsFile(kFile, profile);
    ASSERT_FALSE(parsed) << profile;
    EXPECT_EQ(parsed.error().code, Code::kInvalid);
    EXPECT_EQ(parsed.error().message.find("secret\n"), std::string::npos);
  }
  EXPECT_FALSE(ParseCredentialsFile("", "default"));
  EXPECT_FALSE(ParseCredentialsFile("[", "default"));
}

class CredentialsFileTest : public testing::Test {
 protected:
  void SetUp() override { Write("old"); }
  void TearDown() override { std::filesystem::remove(path_); }

  void Write(const std::string& id) {
    std::ofstream(path_) << "[default]\naws_access_key_id=" << id << "\naws_secret_access_key=s\n";
  }

  const std::string path_ =
      std::filesystem::temp_directory_path() / ("holdfast-keys-" + std::to_string(::getpid()));
  const std::shared_ptr<CredentialsSource> source_ = CredentialsFile(path_, "default");
};

TEST_F(CredentialsFileTest, IsReadAnewWhenKeysExpire) {
  const Credentials old = source_->Get({}).value();
  Write("new");
  EXPECT_EQ(source_->Get({}), old) << "nobody complained";
  EXPECT_EQ(source_->Renew(old, {}), true);
  EXPECT_EQ(source_->Get({}).value().access_key_id, "new");
  EXPECT_EQ(source_->Renew(old, {}), true) << "another thread's late complaint";
}

TEST_F(CredentialsFileTest, SameKeysAreNoNews) {
  EXPECT_EQ(source_->Renew(source_->Get({}).value(), {}), false);
}

TEST_F(CredentialsFileTest, MissingFileIsInvalid) {
  const auto source = CredentialsFile("/no/such/file", "default");
  EXPECT_EQ(source->Get({}).error().message,
            "cannot read /no/such/file: No such file or directory");
}

}  // namespace
}  // namespace holdfast::storage
