// S3's keys that expire, and the token service that renews them.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/contract/s3_scene.h"

namespace holdfast::storage {
namespace {

using testing::HasSubstr;
using testing::Not;

void Write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

std::string Profile(const std::string& id) {
  return "[default]\naws_access_key_id=" + id + "\naws_secret_access_key=s\n";
}

Answer Keys(const std::string& id, const std::string& until) {
  return Reply(200, {},
               "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
               "<AccessKeyId>" +
                   id + "</AccessKeyId><SecretAccessKey>hidden</SecretAccessKey><SessionToken>st-" +
                   id + "</SessionToken><Expiration>" + until +
                   "</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
                   "</AssumeRoleWithWebIdentityResponse>");
}

TEST(S3KeysTest, FileIsReadAnewWhenItsKeysExpire) {
  const std::string path = FreshFolder() + "/keys";
  Write(path, Profile("old"));
  ScriptedServer server({Reply(200, {}, "a"), Refusal(400, "ExpiredToken"), Reply(200, {}, "b")});
  S3Options options = OptionsFor(server.endpoint());
  options.credentials = CredentialsFile(path, "default");
  S3 s3(options, kClock);
  ASSERT_TRUE(s3.Load(kPack, 0, 0, {}));
  Write(path, Profile("new"));
  EXPECT_EQ(AsText(s3.Load(kPack, 0, 0, {}).value()), "b");
  EXPECT_THAT(server.requests().at(1).head, HasSubstr("Credential=old/"));
  EXPECT_THAT(server.requests().at(2).head, HasSubstr("Credential=new/"));
}

TEST(S3KeysTest, KeysThatStayExpiredAreDeniedAtOnce) {
  const std::string path = FreshFolder() + "/keys";
  Write(path, Profile("old"));
  ScriptedServer server({Refusal(400, "ExpiredToken"), Refusal(400, "ExpiredToken")});
  S3Options options = OptionsFor(server.endpoint());
  options.credentials = CredentialsFile(path, "default");
  EXPECT_EQ(S3(options, kClock).Load(kPack, 0, 0, {}).error().code, Code::kDenied);
  EXPECT_EQ(server.requests().size(), 1u);
}

class WebIdentityTest : public testing::Test {
 protected:
  void SetUp() override { Write(token_file_, "service.account.token"); }

  Result<Bytes> Load(std::vector<Answer> service, std::vector<Answer> store, int times = 1) {
    service_ = std::make_unique<ScriptedServer>(std::move(service));
    store_ = std::make_unique<ScriptedServer>(std::move(store));
    S3Options options = OptionsFor(store_->endpoint());
    options.credentials = WebIdentityCredentials(
        {"arn:aws:iam::1:role/r", token_file_, "run", service_->endpoint()}, {}, kClock);
    S3 s3(options, kClock);
    Result<Bytes> loaded = Bytes();
    for (int i = 0; i < times; ++i) loaded = s3.Load(kPack, 0, 0, {});
    return loaded;
  }

  const std::string token_file_ = FreshFolder() + "/token";
  std::unique_ptr<ScriptedServer> service_;
  std::unique_ptr<ScriptedServer> store_;
};

TEST_F(WebIdentityTest, TokenBuysKeysThatAreKept) {
  ASSERT_TRUE(Load({Keys("one", "2026-08-01T13:00:00Z")}, {Reply(200), Reply(200)}, 2));
  ASSERT_EQ(service_->requests().size(), 1u);
  EXPECT_EQ(service_->requests()[0].body,
            "Action=AssumeRoleWithWebIdentity&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&"
            "RoleSessionName=run&Version=2011-06-15&WebIdentityToken=service.account.token");
  EXPECT_THAT(service_->requests()[0].head, Not(HasSubstr("token")));
  EXPECT_THAT(store_->requests().at(0).head, HasSubstr("x-amz-security-token: st-one"));
}

TEST_F(WebIdentityTest, KeysAreRenewedBeforeTheyExpire) {
  const std::string soon = "2026-08-01T12:04:00Z";  // it is 12:00
  ASSERT_TRUE(Load({Keys("one", soon), Keys("two", soon)}, {Reply(200), Reply(200)}, 2));
  EXPECT_THAT(store_->requests().at(1).head, HasSubstr("Credential=two/"));
}

TEST_F(WebIdentityTest, KeysThatTheStoreCallsExpiredAreRenewed) {
  const std::string late = "2026-08-01T18:00:00Z";
  EXPECT_TRUE(Load({Keys("one", late), Keys("two", late)},
                   {Refusal(400, "ExpiredToken"), Reply(200, {}, "a")}));
  EXPECT_THAT(store_->requests().at(1).head, HasSubstr("Credential=two/"));
}

TEST_F(WebIdentityTest, RefusalSaysWhichRole) {
  const Error error =
      Load(
          {Reply(403, {},
                 "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no: service.account.token"
                 ".and.what.else.belongs.to.it.0123456789</Message></Error></ErrorResponse>")},
          {})
          .error();
  EXPECT_EQ(error.code, Code::kDenied);
  EXPECT_THAT(error.message, HasSubstr("arn:aws:iam::1:role/r"));
  EXPECT_THAT(error.message, Not(HasSubstr("service.account.token")));
}

TEST_F(WebIdentityTest, BusyServiceIsWorthRetrying) {
  EXPECT_EQ(Load({Reply(503)}, {}).error().code, Code::kUnavailable);
  EXPECT_EQ(Load({Reply(200, {}, "<html/>")}, {}).error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace holdfast::storage
