// Keys, tokens and signatures appear nowhere but in the request that needs them: not in errors,
// locations or the log of every request, even if the store quotes them.
#include <sstream>

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "jobs/storage/azure.h"
#include "jobs/storage/encoding.h"
#include "jobs/storage/gcs.h"
#include "jobs/storage/rest.h"
#include "jobs/storage/retry.h"
#include "jobs/storage/trace.h"
#include "tests/contract/s3_scene.h"

namespace holdfast::storage {
namespace {

// Forty characters, as the shortest of the real ones.
const std::string kSecret = "verySecret/0123456789/0123456789/abcdefg";

// Everything that is logged, from the debug level up.
class LogCapture {
 public:
  LogCapture() {
    auto logger = std::make_shared<spdlog::logger>(
        "captured", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_));
    logger->set_level(spdlog::level::debug);
    spdlog::set_default_logger(logger);
  }
  ~LogCapture() { spdlog::set_default_logger(before_); }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  std::string text() const { return text_.str(); }

 private:
  const std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  std::ostringstream text_;
};

struct Row {
  const char* name;
  std::unique_ptr<Backend> (*make)(const std::string& endpoint);
};

std::unique_ptr<Backend> MakeS3(const std::string& endpoint) {
  S3Options options = OptionsFor(endpoint);
  options.credentials = FixedCredentials({"id", kSecret, kSecret});
  return std::make_unique<S3>(options, kClock);
}

AzureOptions AzureFor(const std::string& endpoint) {
  AzureOptions options;
  options.location = "azure:box:/";
  options.account = "acc";
  options.address = {endpoint, "box", ""};
  return options;
}

std::unique_ptr<Backend> MakeAzureWithKey(const std::string& endpoint) {
  AzureOptions options = AzureFor(endpoint);
  options.credentials.key = FromBase64(kSecret).value();
  return std::make_unique<Azure>(options, kClock);
}

std::unique_ptr<Backend> MakeAzureWithSas(const std::string& endpoint) {
  AzureOptions options = AzureFor(endpoint);
  options.credentials.sas = "sv=1&sig=" + kSecret;
  return std::make_unique<Azure>(options, kClock);
}

std::unique_ptr<Backend> MakeGcs(const std::string& endpoint) {
  return std::make_unique<Gcs>(GcsOptions{{endpoint, "box", ""}, FixedToken(kSecret), {}});
}

std::unique_ptr<Backend> MakeRest(const std::string& endpoint) {
  return std::make_unique<Rest>(RestOptions{{endpoint, "", "box"}, "id", kSecret, {}, {}});
}

class SecretsTest : public testing::TestWithParam<Row> {};

INSTANTIATE_TEST_SUITE_P(Stores, SecretsTest,
                         testing::Values(Row{"S3", MakeS3}, Row{"AzureKey", MakeAzureWithKey},
                                         Row{"AzureSas", MakeAzureWithSas}, Row{"Gcs", MakeGcs},
                                         Row{"Rest", MakeRest}),
                         [](const auto& row) { return row.param.name; });

// A body that is an error to each of the stores, or a page, and quotes what was sent.
std::vector<Answer> Quoting() {
  const std::string xml =
      "<Error><Code>Odd</Code><Message>you sent " + kSecret + "</Message></Error>";
  const std::string json = R"({"error":{"code":400,"message":"you sent )" + kSecret + "\"}}";
  return {Reply(400, {}, xml),       Reply(400, {}, json),    Reply(503, {}, xml),
          Reply(503, {}, json),      Reply(200, {}, kSecret), {kSecret, Answer::Then::kClose},
          {"", Answer::Then::kReset}};
}

TEST_P(SecretsTest, AreNeitherInErrorsNorInTheLog) {
  const LogCapture log;
  std::string seen;
  for (const Answer& answer : Quoting()) {
    ScriptedServer server({answer, answer});
    auto traced = std::make_unique<Trace>(GetParam().make(server.endpoint()));
    Retry backend(std::move(traced), {.attempts = 2, .first_delay = std::chrono::milliseconds(1)});
    const auto ignore = [](const FileInfo&) -> Result<void> { return {}; };
    const Result<void> listed = backend.List(FileType::kPack, ignore, {});
    EXPECT_FALSE(listed);
    seen += backend.Location() + "\n" + listed.error().message + "\n";
  }
  EXPECT_EQ(seen.find("verySecret"), std::string::npos) << seen;
  EXPECT_NE(log.text().find("list"), std::string::npos) << "the log was captured";
  EXPECT_EQ(log.text().find("verySecret"), std::string::npos) << log.text();
}

}  // namespace
}  // namespace holdfast::storage
