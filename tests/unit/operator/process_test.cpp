#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/metrics.h"
#include "operator/options.h"
#include "tests/fakes/scripted_transport.h"

namespace holdfast::op {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Result<Options> Parse(std::vector<const char*> words) {
  words.insert(words.begin(), "holdfast-operator");
  return ParseOptions(static_cast<int>(words.size()), words.data());
}

TEST(OptionsTest, DefaultsAndValues) {
  const auto options =
      Parse({"--cluster-name=prod", "--mover-image=m:1", "--log-format=json", "--leader-elect",
             "--namespace=shop,web", "--namespace=bank", "--probe-period=1h"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->cluster_name, "prod");
  EXPECT_THAT(options->namespaces, ::testing::ElementsAre("shop", "web", "bank"));
  EXPECT_EQ(options->metrics_address, ":8080");
  EXPECT_EQ(options->log_format, LogFormat::kJson);
  EXPECT_TRUE(options->leader_elect);
  EXPECT_EQ(options->probe_period, std::chrono::hours(1));
}

TEST(OptionsTest, TheEnvironmentStandsIn) {
  ::setenv("HOLDFAST_CLUSTER_NAME", "prod", 1);
  ::setenv("POD_NAMESPACE", "holdfast", 1);
  const auto options = Parse({"--mover-image=m:1"});
  ::unsetenv("HOLDFAST_CLUSTER_NAME");
  ::unsetenv("POD_NAMESPACE");
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->cluster_name, "prod");
  EXPECT_EQ(options->lease_namespace, "holdfast");
}

TEST(OptionsTest, BadOnesAreInvalidWithASentence) {
  EXPECT_THAT(Parse({"--mover-image=m"}).error().message, HasSubstr("--cluster-name"));
  for (const char* bad :
       {"--log-format=xml", "--workers=0", "--mover-image-pull-policy=Sometimes", "--unknown",
        "--workers=many", "--metrics-auth", "--metrics-tls-cert=/c.pem", "--metrics-tls-key=/k.pem",
        "--probe-period=often", "--probe-period=5s", "--api-qps=0"})
    EXPECT_EQ(Parse({"--cluster-name=c", "--mover-image=m", bad}).error().code, Code::kInvalid)
        << bad;
}

// It would have swallowed the word behind it.
TEST(OptionsTest, AnEmptyValueIsNoValue) {
  const auto empty = Parse({"--cluster-name=c", "--metrics-address=", "--mover-image=m"});
  EXPECT_EQ(empty.error().code, Code::kInvalid);
  EXPECT_EQ(empty.error().message,
            "--metrics-address= has no value; write --metrics-address=VALUE, or --metrics-address "
            "\"\" for an empty one");
  const auto none = Parse({"--cluster-name=c", "--metrics-address", "", "--mover-image=m"});
  ASSERT_TRUE(none) << none.error().message;
  EXPECT_EQ(none->metrics_address, "");
  EXPECT_EQ(none->mover_image, "m");
}

TEST(OptionsTest, TheGatewayIsNamedWithAllThatItTakes) {
  const std::vector<const char*> all = {"--cluster-name=c",
                                        "--mover-image=m",
                                        "--gateway-url=https://gateway:8443",
                                        "--gateway-definition=admin/offsite",
                                        "--gateway-ca-file=/ca",
                                        "--gateway-token-file=/token"};
  const auto parse = [](std::vector<const char*> words) {
    words.insert(words.begin(), "holdfast-operator");
    return ParseOptions(static_cast<int>(words.size()), words.data());
  };
  EXPECT_EQ(parse(all)->gateway_definition, "admin/offsite");
  for (std::size_t missing = 2; missing < all.size(); ++missing) {
    std::vector<const char*> words = all;
    words.erase(words.begin() + static_cast<std::ptrdiff_t>(missing));
    EXPECT_EQ(parse(words).error().code, Code::kInvalid) << "without " << all[missing];
  }
  std::vector<const char*> words = all;
  words[3] = "--gateway-definition=offsite";
  EXPECT_EQ(parse(words).error().code, Code::kInvalid);
}

TEST(OptionsTest, HelpAndVersionAskToPrintOnly) {
  EXPECT_THAT(Parse({"--version"})->print_only, StartsWith("holdfast-operator "));
  EXPECT_THAT(Parse({"--help"})->print_only, HasSubstr("--mover-image"));
}

TEST(MetricsTest, CountsRequestsByMethodAndCode) {
  fakes::ScriptedTransport server;
  server.Answer(200, Json::object()).Fail({Code::kTimeout, "late"});
  Metrics metrics;
  CountingTransport transport(server, metrics);
  EXPECT_TRUE(transport.Send({}, {}));
  EXPECT_FALSE(transport.Send({}, {}));
  EXPECT_THAT(metrics.Text(),
              HasSubstr(R"(rest_client_requests_total{code="200",method="GET"} 1)"));
  EXPECT_THAT(metrics.Text(),
              HasSubstr(R"(rest_client_requests_total{code="<error>",method="GET"} 1)"));
  EXPECT_THAT(metrics.Text(),
              HasSubstr(R"(rest_client_request_duration_seconds_count{verb="GET"} 2)"));
  EXPECT_THAT(metrics.Text(), HasSubstr("process_resident_memory_bytes "));
  EXPECT_THAT(metrics.Text(), HasSubstr("# TYPE process_cpu_seconds_total counter"));
  EXPECT_THAT(metrics.Text(), HasSubstr("holdfast_build_info{version=\""));
}

}  // namespace
}  // namespace holdfast::op
