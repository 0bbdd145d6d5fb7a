// Google Cloud Storage, and what hands out its tokens, against servers that fail or refuse.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "jobs/storage/encoding.h"
#include "jobs/storage/gcs.h"
#include "tests/contract/s3_scene.h"
#include "tests/unit/jobs/storage/rfc7515_key.h"

namespace holdfast::storage {
namespace {

using testing::HasSubstr;
using testing::Not;

const Answer kAbsent = Reply(404, {}, R"({"error":{"code":404,"message":"No such object"}})");
const Answer kEmptyList = Reply(200, {}, R"({"kind":"storage#objects"})");

Answer Token(const std::string& token, int seconds) {
  return Reply(
      200, {},
      R"({"access_token":")" + token + R"(","expires_in":)" + std::to_string(seconds) + "}");
}

GcsOptions GcsFor(const std::string& endpoint) {
  GcsOptions options;
  options.address = {endpoint, "box", ""};
  options.tokens = FixedToken("tok");
  options.http.stall_timeout = std::chrono::seconds(1);
  return options;
}

struct GcsScene {
  explicit GcsScene(std::vector<Answer> script)
      : server(std::move(script)), gcs(GcsFor(server.endpoint())) {}

  ScriptedServer server;
  Gcs gcs;
};

TEST(GcsFaultTest, OverloadAndFailureAreWorthRetrying) {
  GcsScene scene({kEmptyList, Reply(503), Reply(429), Reply(408), {"", Answer::Then::kReset}});
  for (const Code code :
       {Code::kUnavailable, Code::kUnavailable, Code::kTimeout, Code::kUnavailable})
    EXPECT_EQ(scene.gcs.Load(kPack, 0, 0, {}).error().code, code);
}

TEST(GcsFaultTest, ObjectsAreOnlyCreatedAndTheirSumIsChecked) {
  GcsScene scene(
      {Reply(200, {}, R"({"generation":"7","md5Hash":"kAFQmDzST7DWlj99KOF/cg=="})"), Reply(412)});
  EXPECT_TRUE(scene.gcs.Save(kPack, AsBytes("abc"), {}));
  EXPECT_THAT(scene.server.requests().at(0).target, HasSubstr("ifGenerationMatch=0"));
  EXPECT_EQ(scene.gcs.Save(kPack, AsBytes("abc"), {}).error().code, Code::kAlreadyExists);
}

TEST(GcsFaultTest, DamagedObjectIsRemoved) {
  GcsScene scene(
      {Reply(200, {}, R"({"generation":"7","md5Hash":"AAAAAAAAAAAAAAAAAAAAAA=="})"), Reply(204)});
  EXPECT_EQ(scene.gcs.Save(kPack, AsBytes("abc"), {}).error().code, Code::kUnavailable);
  EXPECT_EQ(scene.server.requests().at(1).method, "DELETE");
  EXPECT_THAT(scene.server.requests().at(1).target, HasSubstr("generation=7"));
}

TEST(GcsFaultTest, MetadataTellsWhetherADownloadIsAbsent) {
  GcsScene scene({kEmptyList, Reply(404, {}, "No such object"), kAbsent, Reply(404, {}, "<html/>"),
                  Reply(404, {}, "<html/>")});
  EXPECT_EQ(scene.gcs.Load(kPack, 0, 0, {}).error().code, Code::kNotFound);
  EXPECT_EQ(scene.gcs.Load(kPack, 0, 0, {}).error().code, Code::kInvalid) << "a proxy's page";
}

TEST(GcsFaultTest, ListingThatIsNotAListing) {
  const auto ignore = [](const FileInfo&) -> Result<void> { return {}; };
  for (const char* body :
       {"", "{}", "[]", "<html/>", R"({"kind":"storage#objects","items":[{}]})"}) {
    GcsScene scene({Reply(200, {}, body)});
    EXPECT_EQ(scene.gcs.List(FileType::kPack, ignore, {}).error().code, Code::kUnavailable) << body;
  }
}

// A key file, the service that takes what it signs, and a bucket.
class GoogleTokenTest : public testing::Test {
 protected:
  void WriteKey(const std::string& private_key) {
    const Json key{{"type", "service_account"},
                   {"client_email", "mover@project"},
                   {"private_key_id", "k1"},
                   {"private_key", private_key},
                   {"token_uri", service_->endpoint() + "/token"}};
    std::ofstream(key_file_) << DumpJson(key);
  }

  Result<FileInfo> Stat(std::vector<Answer> service, std::vector<Answer> store, int times = 1) {
    service_ = std::make_unique<ScriptedServer>(std::move(service));
    store_ = std::make_unique<ScriptedServer>(std::move(store));
    if (!metadata_) WriteKey(kRfc7515Key);
    GcsOptions options = GcsFor(store_->endpoint());
    if (metadata_)
      options.tokens = MetadataTokens(service_->endpoint(), {}, kClock);
    else
      options.tokens = ServiceAccountTokens(key_file_, {}, kClock);
    Gcs gcs(options);
    Result<FileInfo> info = FileInfo();
    for (int i = 0; i < times; ++i) info = gcs.Stat(kPack, {});
    return info;
  }

  const std::string key_file_ = FreshFolder() + "/key.json";
  bool metadata_ = false;
  std::unique_ptr<ScriptedServer> service_;
  std::unique_ptr<ScriptedServer> store_;
};

const Answer kSize = Reply(200, {}, R"({"size":"3"})");

TEST_F(GoogleTokenTest, ServiceAccountSignsForATokenThatIsKept) {
  EXPECT_EQ(Stat({Token("one", 3600)}, {kEmptyList, kSize, kSize}, 2).value().size, 3u);
  ASSERT_EQ(service_->requests().size(), 1u);
  const std::string body = service_->requests()[0].body;
  EXPECT_TRUE(body.starts_with("assertion=eyJ")) << body;
  EXPECT_THAT(body, HasSubstr("&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"));
  EXPECT_THAT(store_->requests().at(2).head, HasSubstr("authorization: Bearer one\r\n"));
}

TEST_F(GoogleTokenTest, TokenIsRenewedBeforeItExpires) {
  EXPECT_TRUE(Stat({Token("one", 200), Token("two", 3600)}, {kEmptyList, kSize}));
  EXPECT_THAT(store_->requests().at(1).head, HasSubstr("Bearer two\r\n"));
}

TEST_F(GoogleTokenTest, RefusedTokenIsReplacedOnce) {
  EXPECT_TRUE(Stat({Token("one", 3600), Token("two", 3600)}, {Reply(401), kEmptyList, kSize}));
  EXPECT_EQ(Stat({Token("one", 3600), Token("two", 3600)}, {Reply(401), Reply(401)}).error().code,
            Code::kDenied);
}

TEST_F(GoogleTokenTest, ClockIsCorrectedByTheServicesDate) {
  EXPECT_TRUE(
      Stat({Reply(400, {{"Date", "Sat, 01 Aug 2026 15:00:00 GMT"}}, R"({"error":"invalid_grant"})"),
            Token("one", 3600)},
           {kEmptyList, kSize}));
}

TEST_F(GoogleTokenTest, RefusalNamesTheAccount) {
  const Error error = Stat({Reply(400, {}, R"({"error":"invalid_grant"})")}, {}).error();
  EXPECT_EQ(error.code, Code::kDenied);
  EXPECT_THAT(error.message, HasSubstr("mover@project"));
  EXPECT_THAT(error.message, HasSubstr("invalid_grant"));
}

TEST_F(GoogleTokenTest, BusyServiceIsWorthRetrying) {
  EXPECT_EQ(Stat({Reply(503)}, {}).error().code, Code::kUnavailable);
  EXPECT_EQ(Stat({Reply(200, {}, R"({"access_token":"hidden"})")}, {}).error().code,
            Code::kUnavailable);
}

TEST_F(GoogleTokenTest, KeyFileThatIsNoneIsInvalid) {
  service_ = std::make_unique<ScriptedServer>(std::vector<Answer>());
  WriteKey("hidden");
  for (const std::string& content : {std::string(), std::string("hidden"), std::string("{}")}) {
    const auto token = ServiceAccountTokens(key_file_, {}, kClock)->Get({});
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().code, Code::kInvalid);
    EXPECT_THAT(token.error().message, HasSubstr(key_file_));
    EXPECT_THAT(token.error().message, Not(HasSubstr("hidden")));
    std::ofstream(key_file_) << content;
  }
}

TEST_F(GoogleTokenTest, MetadataServerGivesTokens) {
  metadata_ = true;
  EXPECT_TRUE(Stat({Token("one", 3600)}, {kEmptyList, kSize}));
  EXPECT_THAT(service_->requests().at(0).head, HasSubstr("metadata-flavor: Google\r\n"));
  EXPECT_EQ(service_->requests()[0].target,
            "/computeMetadata/v1/instance/service-accounts/default/token");
  EXPECT_EQ(Stat({Reply(404)}, {}).error().code, Code::kDenied);
}

}  // namespace
}  // namespace holdfast::storage
