// Azure against servers that fail, lie or have another time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/storage/azure.h"
#include "tests/contract/s3_scene.h"

namespace holdfast::storage {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr auto kIgnore = [](const FileInfo&) -> Result<void> { return {}; };

AzureOptions AzureFor(const std::string& endpoint) {
  AzureOptions options;
  options.location = "azure:box:/";
  options.account = "acc";
  options.address = {endpoint, "box", ""};
  options.credentials.key = {1, 2, 3};
  options.http.stall_timeout = std::chrono::seconds(1);
  return options;
}

Answer Refused(int status, const std::string& code) {
  return Refusal(status, code, {{"x-ms-error-code", code}});
}

struct AzureScene {
  explicit AzureScene(std::vector<Answer> script)
      : server(std::move(script)), azure(AzureFor(server.endpoint()), kClock) {}

  ScriptedServer server;
  Azure azure;
};

TEST(AzureFaultTest, OverloadAndFailureAreWorthRetrying) {
  AzureScene scene({Refused(503, "ServerBusy"),
                    Refused(500, "InternalError"),
                    Reply(429),
                    Refused(500, "OperationTimedOut"),
                    {"", Answer::Then::kReset}});
  for (const Code code : {Code::kUnavailable, Code::kUnavailable, Code::kUnavailable,
                          Code::kTimeout, Code::kUnavailable})
    EXPECT_EQ(scene.azure.Load(kPack, 0, 0, {}).error().code, code);
}

TEST(AzureFaultTest, ObjectsAreOnlyCreated) {
  AzureScene scene({Reply(201), Refused(409, "BlobAlreadyExists")});
  EXPECT_TRUE(scene.azure.Save(kPack, AsBytes("abc"), {}));
  EXPECT_EQ(scene.azure.Save(kPack, AsBytes("abc"), {}).error().code, Code::kAlreadyExists);
  const std::string head = scene.server.requests().at(0).head;
  EXPECT_THAT(head, HasSubstr("if-none-match: *\r\n"));
  EXPECT_THAT(head, HasSubstr("content-md5: kAFQmDzST7DWlj99KOF/cg==\r\n"));
}

TEST(AzureFaultTest, ClockIsCorrectedByTheServersDate) {
  AzureScene scene({Reply(403, {{"Date", "Sat, 01 Aug 2026 15:00:00 GMT"},
                                {"x-ms-error-code", "AuthenticationFailed"}}),
                    Reply(200, {}, "a")});
  EXPECT_TRUE(scene.azure.Load(kPack, 0, 0, {}));
  EXPECT_THAT(scene.server.requests().at(1).head,
              HasSubstr("x-ms-date: Sat, 01 Aug 2026 15:00:00 GMT"));
}

TEST(AzureFaultTest, HeadSaysWhetherTheContainerIsMissing) {
  AzureScene scene({Reply(404, {{"x-ms-error-code", "ContainerNotFound"}}),
                    Reply(404, {{"x-ms-error-code", "BlobNotFound"}}), Reply(404)});
  EXPECT_EQ(scene.azure.Stat(kPack, {}).error().code, kNoPlace);
  EXPECT_EQ(scene.azure.Stat(kPack, {}).error().code, Code::kNotFound);
  EXPECT_EQ(scene.azure.Stat(kPack, {}).error().code, Code::kInvalid) << "a proxy's";
}

TEST(AzureFaultTest, BlockThatFailsLeavesNothing) {
  ScriptedServer server({Reply(201), Refused(503, "ServerBusy")});
  AzureOptions options = AzureFor(server.endpoint());
  options.parts = {.threshold = 2, .part_size = 2, .at_once = 1};
  Azure azure(options, kClock);
  EXPECT_EQ(azure.Save(kPack, AsBytes("abcdef"), {}).error().code, Code::kUnavailable);
  EXPECT_EQ(server.requests().size(), 2u) << "no list of blocks, no further block";
}

TEST(AzureFaultTest, ListingThatIsNotAListing) {
  for (const char* body : {"", "<html/>", "<EnumerationResults><Blobs>"}) {
    AzureScene scene({Reply(200, {}, body)});
    EXPECT_EQ(scene.azure.List(FileType::kPack, kIgnore, {}).error().code, Code::kUnavailable);
  }
}

TEST(AzureFaultTest, EmptyPagesAreFollowedAndStandstillIsAnError) {
  const auto page = [](const std::string& next) {
    return Reply(
        200, {},
        "<EnumerationResults><Blobs/><NextMarker>" + next + "</NextMarker></EnumerationResults>");
  };
  AzureScene scene({page("a"), page("b"), page("")});
  EXPECT_TRUE(scene.azure.List(FileType::kPack, kIgnore, {}));
  EXPECT_THAT(scene.server.requests().at(2).target, HasSubstr("marker=b"));
  AzureScene still({page("a"), page("a")});
  EXPECT_EQ(still.azure.List(FileType::kPack, kIgnore, {}).error().code, Code::kUnavailable);
}

TEST(AzureFaultTest, SignatureGoesIntoTheAddressAlone) {
  ScriptedServer server({Reply(200, {}, "a")});
  AzureOptions options = AzureFor(server.endpoint());
  options.credentials = {{}, "sv=1&sig=abc%3D"};
  EXPECT_TRUE(Azure(options, kClock).Load(kPack, 0, 0, {}));
  EXPECT_THAT(server.requests().at(0).target, HasSubstr("?sv=1&sig=abc%3D"));
  EXPECT_THAT(server.requests().at(0).head, Not(HasSubstr("uthorization")));
}

}  // namespace
}  // namespace holdfast::storage
