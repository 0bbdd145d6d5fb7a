// S3 against servers that fail, lie, stall or point elsewhere.
#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/storage/retry.h"
#include "jobs/storage/s3.h"
#include "tests/contract/backend_contract.h"
#include "tests/contract/s3_scene.h"
#include "tests/unit/jobs/storage/manual_sleeper.h"

namespace holdfast::storage {
namespace {

using testing::HasSubstr;
using testing::Not;
using Then = Answer::Then;

constexpr auto kIgnore = [](const FileInfo&) -> Result<void> { return {}; };

std::string Page(const std::string& inner) {
  return "<?xml version=\"1.0\"?><ListBucketResult>" + inner + "</ListBucketResult>";
}

TEST(S3FaultTest, OverloadAndFailureAreWorthRetrying) {
  Scene scene({Refusal(500, "InternalError"), Refusal(503, "SlowDown"), Reply(429), Reply(502),
               Refusal(400, "RequestTimeout"), Reply(408)});
  EXPECT_EQ(scene.CodeOfLoad(), Code::kUnavailable);
  EXPECT_EQ(scene.CodeOfLoad(), Code::kUnavailable);
  EXPECT_EQ(scene.CodeOfLoad(), Code::kUnavailable);
  EXPECT_EQ(scene.CodeOfLoad(), Code::kUnavailable);
  EXPECT_EQ(scene.CodeOfLoad(), Code::kTimeout);
  EXPECT_EQ(scene.CodeOfLoad(), Code::kTimeout);
}

TEST(S3FaultTest, RetryGetsThroughAnOutage) {
  ScriptedServer server({Refusal(503, "SlowDown"), {"", Then::kReset}, Reply(200, {}, "content")});
  RetryOptions options;
  options.first_delay = std::chrono::milliseconds(1);
  Retry retry(std::make_unique<S3>(OptionsFor(server.endpoint()), kClock), options);
  EXPECT_EQ(AsText(retry.Load(kConfig, 0, 0, {}).value()), "content");
}

TEST(S3FaultTest, KeepsItsConnection) {
  Scene scene({Reply(200), Reply(200, {}, "a"), Refusal(404, "NoSuchKey"), Reply(204)});
  EXPECT_TRUE(scene.s3.Save(kPack, AsBytes("a"), {}));
  EXPECT_TRUE(scene.s3.Load(kPack, 0, 0, {}));
  EXPECT_EQ(scene.CodeOfLoad(), Code::kNotFound);
  EXPECT_TRUE(scene.s3.Remove(kPack, {}));
  EXPECT_EQ(scene.server.connections(), 1);
}

TEST(S3FaultTest, ResetAmidTheBody) {
  Scene scene({{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", Then::kReset}});
  EXPECT_EQ(scene.CodeOfLoad(), Code::kUnavailable);
}

TEST(S3FaultTest, TruncatedBody) {
  Scene scene({{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", Then::kClose}});
  EXPECT_EQ(scene.CodeOfLoad(), Code::kUnavailable);
}

TEST(S3FaultTest, BodyWithoutLengthMayHaveBeenCut) {
  Scene scene({{"HTTP/1.1 200 OK\r\n\r\nhalf", Then::kClose}});
  EXPECT_EQ(scene.CodeOfLoad(), Code::kUnavailable);
}

TEST(S3FaultTest, ShortRangeOfALongObjectIsNotTheEndOfTheObject) {
  Scene scene({Reply(206, {{"Content-Range", "bytes 0-4/100"}}, "01234")});
  EXPECT_EQ(scene.CodeOfLoad(0, 10), Code::kUnavailable);
}

TEST(S3FaultTest, ShortRangeOfAShortObjectIsCorrupt) {
  Scene scene({Reply(206, {{"Content-Range", "bytes 0-4/5"}}, "01234")});
  EXPECT_EQ(scene.CodeOfLoad(0, 10), Code::kCorrupt);
}

TEST(S3FaultTest, MoreThanWasAskedForIsNotTaken) {
  Scene scene({Reply(206, {{"Content-Range", "bytes 0-19/100"}}, "01234567890123456789"),
               Reply(200, {}, std::string(100'000, 'x'))});
  EXPECT_EQ(scene.CodeOfLoad(0, 10), Code::kUnavailable);
  EXPECT_EQ(scene.CodeOfLoad(0, 10), Code::kUnavailable);
}

TEST(S3FaultTest, WholeAnswerToARangeIsCutToIt) {
  Scene scene({Reply(200, {}, "0123456789")});
  EXPECT_EQ(AsText(scene.s3.Load(kPack, 4, 0, {}).value()), "456789");
}

TEST(S3FaultTest, GarbageInsteadOfHttp) {
  Scene scene({{"SSH-2.0-OpenSSH_9.2\r\n", Then::kClose}});
  EXPECT_EQ(scene.CodeOfLoad(), Code::kUnavailable);
}

TEST(S3FaultTest, SilenceIsATimeout) {
  Scene scene(
      {{"", Then::kHang}, {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", Then::kHang}});
  EXPECT_EQ(scene.CodeOfLoad(), Code::kTimeout);
  EXPECT_EQ(scene.CodeOfLoad(), Code::kTimeout);
}

TEST(S3FaultTest, StopEndsAWait) {
  ScriptedServer server({{"", Then::kHang}});
  S3Options options = OptionsFor(server.endpoint());
  options.http.stall_timeout = std::chrono::seconds(60);
  S3 s3(options, kClock);
  std::stop_source source;
  const std::jthread stopper([&] {
    while (server.requests().empty()) std::this_thread::yield();
    source.request_stop();
  });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(s3.Load(kPack, 0, 0, source.get_token()).error().code, Code::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST(S3FaultTest, NobodyListens) {
  std::string endpoint;
  { endpoint = ScriptedServer({}).endpoint(); }
  S3 s3(OptionsFor(endpoint), kClock);
  EXPECT_EQ(s3.Load(kPack, 0, 0, {}).error().code, Code::kUnavailable);
}

TEST(S3FaultTest, NameThatDoesNotResolve) {
  S3 s3(OptionsFor("http://store.invalid"), kClock);
  const Error error = s3.Load(kPack, 0, 0, {}).error();
  EXPECT_EQ(error.code, Code::kUnavailable);
  EXPECT_THAT(error.message, HasSubstr("http://store.invalid"));
}

TEST(S3FaultTest, RedirectToARegionIsSignedAgainForIt) {
  Scene scene({Refusal(301, "PermanentRedirect", {{"x-amz-bucket-region", "eu-central-1"}}),
               Reply(200, {}, "a"), Reply(200, {}, "b")});
  EXPECT_EQ(AsText(scene.s3.Load(kPack, 0, 0, {}).value()), "a");
  EXPECT_EQ(AsText(scene.s3.Load(kPack, 0, 0, {}).value()), "b");
  const auto requests = scene.server.requests();
  ASSERT_EQ(requests.size(), 3u) << "the region is remembered";
  EXPECT_THAT(requests[0].head, HasSubstr("/us-east-1/s3/"));
  EXPECT_THAT(requests[1].head, HasSubstr("/eu-central-1/s3/"));
  EXPECT_THAT(requests[2].head, HasSubstr("/eu-central-1/s3/"));
}

TEST(S3FaultTest, HeadLearnsTheRegionFromTheHeader) {
  Scene scene({Reply(200, {}, Page("")), Reply(301, {{"x-amz-bucket-region", "eu-central-1"}}),
               Reply(200, {}, "")});
  EXPECT_EQ(scene.s3.Stat(kPack, {}).value().size, 0u);
}

TEST(S3FaultTest, MalformedHeaderNamesTheRegionInItsBody) {
  Scene scene(
      {Refusal(400, "AuthorizationHeaderMalformed", {}, "<Region>eu-west-2</Region>"), Reply(200)});
  EXPECT_TRUE(scene.s3.Save(kPack, AsBytes("x"), {}));
  EXPECT_THAT(scene.server.requests().at(1).head, HasSubstr("/eu-west-2/s3/"));
}

TEST(S3FaultTest, RegionsThatPointAtEachOtherEnd) {
  const auto to = [](const std::string& region) {
    return Refusal(301, "PermanentRedirect", {{"x-amz-bucket-region", region}});
  };
  Scene scene({to("a"), to("b"), to("a"), to("b"), to("a")});
  EXPECT_EQ(scene.CodeOfLoad(), Code::kInvalid);
  EXPECT_LE(scene.server.requests().size(), 4u);
}

TEST(S3FaultTest, RegionMustBeAName) {
  Scene scene({Refusal(301, "PermanentRedirect", {{"x-amz-bucket-region", "evil.example/"}})});
  EXPECT_EQ(scene.CodeOfLoad(), Code::kInvalid);
  EXPECT_EQ(scene.server.requests().size(), 1u);
}

TEST(S3FaultTest, RedirectToAnotherHostIsNotFollowed) {
  ScriptedServer other({Reply(200, {}, "trap")});
  Scene scene({Refusal(307, "TemporaryRedirect", {{"Location", other.endpoint() + "/x"}})});
  const Error error = scene.s3.Load(kPack, 0, 0, {}).error();
  EXPECT_EQ(error.code, Code::kInvalid);
  EXPECT_THAT(error.message, HasSubstr(other.endpoint()));
  EXPECT_EQ(other.connections(), 0);
}

TEST(S3FaultTest, ClockIsCorrectedByTheServersDate) {
  Scene scene({Refusal(403, "RequestTimeTooSkewed", {{"Date", "Sat, 01 Aug 2026 15:00:00 GMT"}}),
               Reply(200, {}, "a")});
  EXPECT_TRUE(scene.s3.Load(kPack, 0, 0, {}));
  const auto requests = scene.server.requests();
  EXPECT_THAT(requests.at(0).head, HasSubstr("x-amz-date: 20260801T120000Z"));
  EXPECT_THAT(requests.at(1).head, HasSubstr("x-amz-date: 20260801T150000Z"));
}

TEST(S3FaultTest, ClockIsCorrectedOnlyOnce) {
  const Answer skewed =
      Refusal(403, "RequestTimeTooSkewed", {{"Date", "Sat, 01 Aug 2026 15:00:00 GMT"}});
  Scene scene({skewed, skewed, skewed});
  EXPECT_EQ(scene.CodeOfLoad(), Code::kDenied);
  EXPECT_EQ(scene.server.requests().size(), 2u);
}

TEST(S3FaultTest, ListingThatIsNotAListing) {
  const auto code = [](const std::string& body) {
    Scene scene({Reply(200, {}, body)});
    const Result<void> listed = scene.s3.List(FileType::kPack, kIgnore, {});
    return listed ? Code::kGone : listed.error().code;
  };
  EXPECT_EQ(code("<ListBucketResult><Contents>"), Code::kUnavailable);
  EXPECT_EQ(code("<html>please log in</html>"), Code::kUnavailable);
  EXPECT_EQ(code(""), Code::kUnavailable);
  EXPECT_EQ(code(Page("<IsTruncated>true</IsTruncated>")), Code::kUnavailable);
  EXPECT_EQ(code(std::string(9 << 20, '<')), Code::kUnavailable) << "huge";
}

TEST(S3FaultTest, ListingThatDoesNotAdvanceEnds) {
  const Answer page = Reply(
      200, {},
      Page("<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"));
  Scene scene({page, page, page});
  EXPECT_EQ(scene.s3.List(FileType::kPack, kIgnore, {}).error().code, Code::kUnavailable);
  EXPECT_EQ(scene.server.requests().size(), 2u);
}

TEST(S3FaultTest, ListingSkipsWhatIsNotOurs) {
  const std::string ours = "locks/" + ObjectName(1);
  Scene scene({Reply(200, {},
                     Page("<Contents><Key>locks/readme.txt</Key><Size>1</Size></Contents>"
                          "<Contents><Key>other/" +
                          ours +
                          "</Key><Size>1</Size></Contents>"
                          "<Contents><Key>" +
                          ours + "</Key><Size>12</Size></Contents>"))});
  std::vector<std::string> names;
  const auto collect = [&](const FileInfo& info) -> Result<void> {
    names.push_back(info.name);
    EXPECT_EQ(info.size, 12u);
    return {};
  };
  ASSERT_TRUE(scene.s3.List(FileType::kLock, collect, {}));
  EXPECT_THAT(names, testing::ElementsAre(ObjectName(1)));
}

TEST(S3FaultTest, HeadOfAMissingBucketAsksWhy) {
  Scene scene({Refusal(404, "NoSuchBucket")});
  EXPECT_EQ(scene.s3.Stat(kConfig, {}).error().code, kNoPlace);
}

TEST(S3FaultTest, ProxysPageIsNotAnAbsentObject) {
  Scene scene({Reply(404, {}, "<html>no such page</html>"), Reply(404)});
  EXPECT_EQ(scene.CodeOfLoad(), Code::kInvalid);
  EXPECT_EQ(scene.s3.Remove(kPack, {}).error().code, Code::kInvalid);
}

TEST(S3FaultTest, StoreWithoutConditionalWritesGetsPlainOnes) {
  Scene scene({Refusal(501, "NotImplemented"), Reply(200), Reply(200)});
  EXPECT_TRUE(scene.s3.Save(kPack, AsBytes("x"), {}));
  EXPECT_TRUE(scene.s3.Save(kPack, AsBytes("x"), {}));
  const auto requests = scene.server.requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_THAT(requests[0].head, HasSubstr("if-none-match: *"));
  EXPECT_THAT(requests[1].head, Not(HasSubstr("if-none-match")));
  EXPECT_THAT(requests[2].head, Not(HasSubstr("if-none-match")));
  EXPECT_EQ(requests[2].body, "x");
}

TEST(S3FaultTest, PreconditionThatFailsMeansAlreadyThere) {
  Scene scene({Refusal(412, "PreconditionFailed")});
  EXPECT_EQ(scene.s3.Save(kPack, AsBytes("x"), {}).error().code, Code::kAlreadyExists);
}

TEST(S3FaultTest, EndlessErrorPageIsCut) {
  Scene scene({Reply(500, {}, std::string(1 << 20, 'x'))});
  const Error error = scene.s3.Load(kPack, 0, 0, {}).error();
  EXPECT_EQ(error.code, Code::kUnavailable);
  EXPECT_LT(error.message.size(), 1000u);
}

TEST(S3FaultTest, TemporaryRedirectThatNamesTheRegionIsSignedAgain) {
  Scene scene(
      {Refusal(307, "TemporaryRedirect",
               {{"x-amz-bucket-region", "eu-central-1"}, {"Location", "https://evil.example/"}}),
       Reply(200, {}, "a")});
  EXPECT_EQ(AsText(scene.s3.Load(kPack, 0, 0, {}).value()), "a");
}

TEST(S3FaultTest, RetryAfterHoldsForEveryRequest) {
  ScriptedServer server({Refusal(503, "SlowDown", {{"Retry-After", "4"}}), Reply(200, {}, "a")});
  ManualSleeper sleeper;
  S3 s3(OptionsFor(server.endpoint()), kClock, sleeper);
  EXPECT_EQ(s3.Load(kPack, 0, 0, {}).error().code, Code::kUnavailable);
  EXPECT_TRUE(sleeper.slept().empty()) << "whether to come again is for others to say";
  EXPECT_TRUE(s3.Load(kConfig, 0, 0, {}));
  ASSERT_EQ(sleeper.slept().size(), 1u);
  EXPECT_GE(sleeper.slept()[0], std::chrono::seconds(4));
}

TEST(S3FaultTest, SessionTokenIsSentAndSigned) {
  ScriptedServer server({Reply(200, {}, "a")});
  S3Options options = OptionsFor(server.endpoint());
  options.credentials = FixedCredentials({"key", "secret", "token"});
  EXPECT_TRUE(S3(options, kClock).Load(kPack, 0, 0, {}));
  const std::string head = server.requests().at(0).head;
  EXPECT_THAT(head, HasSubstr("x-amz-security-token: token\r\n"));
  EXPECT_THAT(head, HasSubstr("x-amz-date;x-amz-security-token,"));
}

}  // namespace
}  // namespace holdfast::storage
