// S3's uploads in parts against servers that fail half-way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/storage/retry.h"
#include "tests/contract/s3_scene.h"

namespace holdfast::storage {
namespace {

using testing::HasSubstr;
using testing::Not;

const Answer kBegun = Reply(200, {},
                            "<InitiateMultipartUploadResult><UploadId>u&amp;1</UploadId>"
                            "</InitiateMultipartUploadResult>");
const Answer kStoredPart = Reply(200, {{"ETag", "\"e\""}, {"x-amz-checksum-sha256", "sum"}});
const Answer kCompleted = Reply(200, {},
                                "<CompleteMultipartUploadResult><ETag>x</ETag>"
                                "</CompleteMultipartUploadResult>");
const Answer kAborted = Reply(204);

// Objects above two bytes go in parts of two, one after the other.
class S3UploadTest : public testing::Test {
 protected:
  Result<void> Save(std::vector<Answer> script, std::stop_token stop = {}) {
    server_ = std::make_unique<ScriptedServer>(std::move(script));
    S3Options options = OptionsFor(server_->endpoint());
    options.parts = {.threshold = 2, .part_size = 2, .at_once = 1};
    s3_ = std::make_unique<S3>(options, kClock);
    return s3_->Save(kPack, AsBytes("abc"), std::move(stop));
  }

  // "POST", "PUT" and so on, in the order of arrival.
  std::string Methods() const {
    std::string methods;
    for (const SeenRequest& request : server_->requests()) methods += request.method + " ";
    return methods;
  }
  SeenRequest Request(std::size_t index) const { return server_->requests().at(index); }

  std::unique_ptr<ScriptedServer> server_;
  std::unique_ptr<S3> s3_;
};

TEST_F(S3UploadTest, LargeObjectsGoInPartsThatBecomeOne) {
  ASSERT_TRUE(Save({kBegun, kStoredPart, kStoredPart, kCompleted}));
  EXPECT_EQ(Methods(), "POST PUT PUT POST ");
  EXPECT_THAT(Request(0).target, HasSubstr("?uploads="));
  EXPECT_THAT(Request(1).target, HasSubstr("?partNumber=1&uploadId=u%261"));
  EXPECT_EQ(Request(1).body, "ab");
  EXPECT_EQ(Request(2).body, "c");
  EXPECT_THAT(Request(3).head, HasSubstr("if-none-match: *"));
  EXPECT_THAT(Request(3).body, HasSubstr("<PartNumber>2</PartNumber><ETag>\"e\"</ETag>"));
}

TEST_F(S3UploadTest, SmallObjectsDoNot) {
  ASSERT_FALSE(Save({}));
  server_ = std::make_unique<ScriptedServer>(std::vector<Answer>{Reply(200)});
  S3Options options = OptionsFor(server_->endpoint());
  ASSERT_TRUE(S3(options, kClock).Save(kPack, AsBytes("abc"), {}));
  EXPECT_EQ(Methods(), "PUT ");
}

TEST_F(S3UploadTest, PartThatFailsAbortsTheUpload) {
  EXPECT_EQ(Save({kBegun, kStoredPart, Refusal(503, "SlowDown"), kAborted}).error().code,
            Code::kUnavailable);
  EXPECT_EQ(Methods(), "POST PUT PUT DELETE ");
  EXPECT_THAT(Request(3).target, HasSubstr("?uploadId=u%261"));
}

TEST_F(S3UploadTest, ConnectionThatBreaksAbortsTheUpload) {
  EXPECT_EQ(Save({kBegun,
                  {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", Answer::Then::kReset},
                  kAborted})
                .error()
                .code,
            Code::kUnavailable);
  EXPECT_EQ(Methods(), "POST PUT DELETE ");
}

TEST_F(S3UploadTest, ErrorWithinASuccessfulAnswerIsAnError) {
  EXPECT_EQ(Save({kBegun, kStoredPart, kStoredPart, Refusal(200, "InternalError"), kAborted})
                .error()
                .code,
            Code::kUnavailable);
  EXPECT_EQ(Methods(), "POST PUT PUT POST DELETE ");
  EXPECT_EQ(
      Save({kBegun, kStoredPart, kStoredPart, Refusal(200, "AccessDenied"), kAborted}).error().code,
      Code::kDenied);
}

TEST_F(S3UploadTest, AnswerThatDoesNotSaySoIsNoSuccess) {
  for (const char* body : {"", "   ", "<html>welcome</html>", "<CompleteMultipartUploadResult>"}) {
    const auto saved = Save({kBegun, kStoredPart, kStoredPart, Reply(200, {}, body), kAborted});
    EXPECT_EQ(saved.error().code, Code::kUnavailable) << body;
  }
}

TEST_F(S3UploadTest, ObjectThatIsThereStays) {
  EXPECT_EQ(Save({kBegun, kStoredPart, kStoredPart, Refusal(412, "PreconditionFailed"), kAborted})
                .error()
                .code,
            Code::kAlreadyExists);
  EXPECT_EQ(Methods(), "POST PUT PUT POST DELETE ");
}

TEST_F(S3UploadTest, UploadThatTheStoreForgotIsWorthRepeating) {
  EXPECT_EQ(Save({kBegun, Refusal(404, "NoSuchUpload"), Refusal(404, "NoSuchUpload")}).error().code,
            Code::kUnavailable);
}

TEST_F(S3UploadTest, AnswersWithoutANameOrATagAreWorthRepeating) {
  EXPECT_EQ(Save({Reply(200, {}, "<InitiateMultipartUploadResult/>")}).error().code,
            Code::kUnavailable);
  EXPECT_EQ(Save({kBegun, Reply(200), kAborted}).error().code, Code::kUnavailable);
}

TEST_F(S3UploadTest, StopAbortsTheUploadAndReturnsSoon) {
  std::stop_source source;
  std::jthread stopper;
  const auto start = std::chrono::steady_clock::now();
  std::vector<Answer> script = {kBegun, {"", Answer::Then::kHang}, kAborted};
  server_ = std::make_unique<ScriptedServer>(script);
  S3Options options = OptionsFor(server_->endpoint());
  options.parts = {.threshold = 2, .part_size = 2, .at_once = 1};
  options.http.stall_timeout = std::chrono::seconds(60);
  stopper = std::jthread([&] {
    while (server_->requests().size() < 2) std::this_thread::yield();
    source.request_stop();
  });
  S3 s3(options, kClock);
  EXPECT_EQ(s3.Save(kPack, AsBytes("abc"), source.get_token()).error().code, Code::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  EXPECT_EQ(Methods(), "POST PUT DELETE ");
}

TEST_F(S3UploadTest, StoreThatKnowsNoConditionsGetsNone) {
  ASSERT_TRUE(Save({Refusal(501, "NotImplemented"), kBegun, kStoredPart, kStoredPart, kCompleted}));
  EXPECT_THAT(Request(0).head, HasSubstr("x-amz-checksum-algorithm"));
  for (std::size_t i = 1; i < 5; ++i) {
    EXPECT_THAT(Request(i).head, Not(HasSubstr("x-amz-checksum")));
    EXPECT_THAT(Request(i).head, Not(HasSubstr("if-none-match")));
  }
}

TEST_F(S3UploadTest, RetryStartsOver) {
  ScriptedServer server({kBegun, Refusal(500, "InternalError"), kAborted, kBegun, kStoredPart,
                         kStoredPart, kCompleted});
  S3Options options = OptionsFor(server.endpoint());
  options.parts = {.threshold = 2, .part_size = 2, .at_once = 1};
  RetryOptions retry;
  retry.first_delay = std::chrono::milliseconds(1);
  EXPECT_TRUE(Retry(std::make_unique<S3>(options, kClock), retry).Save(kPack, AsBytes("abc"), {}));
}

}  // namespace
}  // namespace holdfast::storage
