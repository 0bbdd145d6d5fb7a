// Programs that make credentials, and credentials that end.
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/plugin/credential_plugin.h"
#include "operator/plugin/renewing_transport.h"
#include "tests/fakes/scripted_transport.h"

namespace holdfast::plugin {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

kube::CredentialPlugin Shell(const std::string& script) {
  kube::CredentialPlugin plugin;
  plugin.command = "sh";
  plugin.arguments = {"-c", script};
  plugin.api_version = "client.authentication.k8s.io/v1";
  return plugin;
}

TEST(CredentialPluginTest, GetsItsEnvironmentAndGivesAToken) {
  kube::CredentialPlugin plugin = Shell(
      R"sh(printf '{"kind":"ExecCredential","status":{"token":"%s-%s","expirationTimestamp":"2026-08-05T12:00:00Z"}}' "$NAME" "$(printf %s "$KUBERNETES_EXEC_INFO" | tr -d '"{}:,')")sh");
  plugin.environment = {{"NAME", "jane"}};
  plugin.cluster = R"({"server":"s"})";
  const auto credential = RunCredentialPlugin(plugin, false);
  ASSERT_TRUE(credential) << credential.error().message;
  EXPECT_EQ(credential->token,
            "jane-apiVersionclient.authentication.k8s.io/"
            "v1kindExecCredentialspecclusterserversinteractivefalse");
  EXPECT_EQ(credential->expires, *ParseTime("2026-08-05T12:00:00Z"));
}

TEST(CredentialPluginTest, GivesACertificate) {
  const auto credential = RunCredentialPlugin(
      Shell(
          R"(echo '{"kind":"ExecCredential","status":{"clientCertificateData":"c","clientKeyData":"k"}}')"),
      true);
  ASSERT_TRUE(credential) << credential.error().message;
  EXPECT_EQ(credential->client_cert_pem, "c");
  EXPECT_EQ(credential->client_key_pem, "k");
  EXPECT_FALSE(credential->expires);
}

TEST(CredentialPluginTest, SaysWhatWentWrong) {
  EXPECT_EQ(RunCredentialPlugin(Shell("exit 3"), false).error().code, Code::kDenied);
  EXPECT_EQ(RunCredentialPlugin(Shell("echo nothing"), false).error().code, Code::kInvalid);
  EXPECT_EQ(RunCredentialPlugin(Shell("echo '{}'"), false).error().code, Code::kInvalid);
  kube::CredentialPlugin missing = Shell("");
  missing.command = "no-such-credential-plugin";
  missing.install_hint = "Install it from the example.";
  const auto refused = RunCredentialPlugin(missing, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kNotFound);
  EXPECT_THAT(refused.error().message, HasSubstr("Install it from the example."));
}

class TickedClock final : public Clock {
 public:
  TimePoint Now() const override { return now; }
  TimePoint now = *ParseTime("2026-08-05T12:00:00Z");
};

TEST(RenewingTransportTest, ACredentialIsMadeAnewBeforeItEnds) {
  TickedClock clock;
  int loaded = 0;
  ConfigSource source(
      [&]() -> Result<kube::ClientConfig> {
        kube::ClientConfig config;
        config.token = std::to_string(++loaded);
        config.expires = clock.now + std::chrono::minutes(15);
        return config;
      },
      clock);
  std::vector<std::string> tokens;
  const auto make =
      [&](const kube::ClientConfig& config) -> Result<std::unique_ptr<kube::Transport>> {
    tokens.push_back(config.token);
    auto transport = std::make_unique<fakes::ScriptedTransport>();
    transport->Answer(200, {{"token", config.token}}).Answer(200, {{"token", config.token}});
    return transport;
  };
  const auto transport = MakeRenewingTransport(source, make);
  ASSERT_TRUE(transport);
  EXPECT_THAT((*transport)->Send({}, {})->body, HasSubstr("1"));
  clock.now += std::chrono::minutes(13);
  EXPECT_THAT((*transport)->Send({}, {})->body, HasSubstr("1"));
  clock.now += std::chrono::minutes(1);
  EXPECT_THAT((*transport)->Send({}, {})->body, HasSubstr("2"));
  EXPECT_THAT(tokens, ::testing::ElementsAre("1", "2"));
}

TEST(RenewingTransportTest, WhatDoesNotAnswerIsNamed) {
  TickedClock clock;
  ConfigSource source(
      []() -> Result<kube::ClientConfig> {
        kube::ClientConfig config;
        config.server = "https://shop.example:6443";
        return config;
      },
      clock);
  const auto make = [](const kube::ClientConfig&) -> Result<std::unique_ptr<kube::Transport>> {
    auto transport = std::make_unique<fakes::ScriptedTransport>();
    transport->Fail({Code::kUnavailable, "connection refused"})
        .Fail({Code::kUnavailable, "connection refused"})
        .Fail({Code::kCancelled, "stopped"});
    return transport;
  };
  const auto transport = MakeRenewingTransport(source, make);
  ASSERT_TRUE(transport);
  const Error named{Code::kUnavailable, "https://shop.example:6443: connection refused"};
  EXPECT_EQ((*transport)->Send({}, {}).error(), named);
  EXPECT_EQ((*transport)->Stream({}, {}, {}).error(), named);
  EXPECT_EQ((*transport)->Send({}, {}).error().message, "stopped");
}

TEST(RenewingTransportTest, WhatNeverEndsIsLoadedOnce) {
  TickedClock clock;
  int loaded = 0;
  ConfigSource source(
      [&]() -> Result<kube::ClientConfig> {
        ++loaded;
        return kube::ClientConfig{};
      },
      clock);
  EXPECT_TRUE(source.Current());
  clock.now += std::chrono::hours(1000);
  EXPECT_TRUE(source.Current());
  EXPECT_EQ(loaded, 1);
}

}  // namespace
}  // namespace holdfast::plugin
