#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "operator/http_server.h"
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
  const auto options = Parse({"--cluster-name=prod", "--mover-image=m:1", "--log-format=json",
                              "--leader-elect", "--namespace=shop"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->cluster_name, "prod");
  EXPECT_EQ(options->ns, "shop");
  EXPECT_EQ(options->metrics_address, ":8080");
  EXPECT_EQ(options->log_format, LogFormat::kJson);
  EXPECT_TRUE(options->leader_elect);
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
  for (const char* bad : {"--log-format=xml", "--workers=0", "--mover-image-pull-policy=Sometimes",
                          "--unknown", "--workers=many"})
    EXPECT_EQ(Parse({"--cluster-name=c", "--mover-image=m", bad}).error().code, Code::kInvalid)
        << bad;
}

TEST(OptionsTest, HelpAndVersionAskToPrintOnly) {
  EXPECT_THAT(Parse({"--version"})->print_only, StartsWith("holdfast-operator "));
  EXPECT_THAT(Parse({"--help"})->print_only, HasSubstr("--mover-image"));
}

// The whole answer to a GET.
std::string Get(int port, const std::string& path) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
    const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
    EXPECT_GT(::send(fd, request.data(), request.size(), 0), 0);
    char buffer[4096];
    for (ssize_t got = 0; (got = ::recv(fd, buffer, sizeof(buffer), 0)) > 0;)
      answer.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(fd);
  return answer;
}

TEST(HttpServerTest, ServesItsPathsAndNoOthers) {
  const auto server =
      HttpServer::Start({"127.0.0.1:0", "", "127.0.0.1:0"}, {{"/readyz",
                                                              [] {
                                                                return HttpAnswer{503, "not yet\n"};
                                                              }},
                                                             {"/healthz", [] {
                                                                return HttpAnswer{200, "ok\n"};
                                                              }}});
  ASSERT_TRUE(server) << server.error().message;
  ASSERT_EQ((*server)->ports().size(), 1u);
  const int port = (*server)->ports()[0];
  EXPECT_THAT(Get(port, "/readyz"), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(Get(port, "/readyz"), ::testing::EndsWith("\r\n\r\nnot yet\n"));
  EXPECT_THAT(Get(port, "/healthz"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get(port, "/etc/passwd"), HasSubstr(" 404 "));
  const auto taken = HttpServer::Start({"127.0.0.1:" + std::to_string(port)}, {});
  EXPECT_EQ(taken.error().code, Code::kInvalid);
}

TEST(HttpServerTest, WithoutAddressesServesNothing) {
  const auto server = HttpServer::Start({"", ""}, {});
  ASSERT_TRUE(server);
  EXPECT_TRUE((*server)->ports().empty());
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
  EXPECT_THAT(metrics.Text(), HasSubstr("process_resident_memory_bytes "));
}

}  // namespace
}  // namespace holdfast::op
