#include "operator/kube/config.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::kube {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// A folder with files in it, gone after the test. Sets and restores environment variables.
class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "config-test-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override {
    fs::remove_all(folder_);
    for (const char* name : {"KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"})
      ::unsetenv(name);
  }

  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }

  Result<ClientConfig> Load(const std::string& text, const std::string& context = "") const {
    return LoadKubeconfig(Write("config", text), context);
  }

  fs::path folder_;
};

// With one place to break: `cluster` and `user` are the fields of the cluster and the user.
std::string Kubeconfig(const std::string& cluster, const std::string& user) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: here\n"
         "contexts:\n- {name: here, context: {cluster: c, user: u, namespace: shop}}\n"
         "- {name: there, context: {cluster: d, user: u}}\n"
         "clusters:\n- {name: c, cluster: {" +
         cluster +
         "}}\n"
         "- {name: d, cluster: {server: 'https://there:6443'}}\n"
         "users:\n- {name: u, user: {" +
         user + "}}\n";
}

const char* const kServer = "server: 'https://here:6443'";

TEST_F(ConfigTest, DataInBase64) {
  const auto config = Load(Kubeconfig(std::string(kServer) + ", certificate-authority-data: Y2E=",
                                      "client-certificate-data: Y2VydA==, client-key-data: a2V5"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server, "https://here:6443");
  EXPECT_EQ(config->ca_pem, "ca");
  EXPECT_EQ(config->client_cert_pem, "cert");
  EXPECT_EQ(config->client_key_pem, "key");
  EXPECT_EQ(config->default_namespace, "shop");
}

TEST_F(ConfigTest, FilesStandBesideTheKubeconfig) {
  Write("ca.crt", "the ca");
  const auto config =
      Load(Kubeconfig(std::string(kServer) + ", certificate-authority: ca.crt", "tokenFile: t"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->ca_pem, "the ca");
  EXPECT_EQ(config->token_file, (folder_ / "t").string());
}

TEST_F(ConfigTest, AnotherContext) {
  const auto config = Load(Kubeconfig(kServer, "token: abc"), "there");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server, "https://there:6443");
  EXPECT_EQ(config->token, "abc");
}

TEST_F(ConfigTest, TheFirstExistingFileOfTheEnvironment) {
  const std::string file = Write("config", Kubeconfig(kServer, "token: abc"));
  ::setenv("KUBECONFIG", ("/nowhere/config:" + file).c_str(), 1);
  EXPECT_EQ(LoadKubeconfig("", "")->token, "abc");
}

// Of each name the first counts, and so does the first current-context (kubectl's rules); paths
// start at the folder of the file that has them.
TEST_F(ConfigTest, FilesOfTheEnvironmentAreMerged) {
  fs::create_directory(folder_ / "other");
  Write("other/ca.crt", "the ca");
  const std::string first = Write("first",
                                  "contexts:\n- {name: here, context: {cluster: c, user: u}}\n"
                                  "users:\n- {name: u, user: {token: first}}\n");
  const std::string second =
      Write("other/second",
            Kubeconfig(std::string(kServer) + ", certificate-authority: ca.crt", "token: second"));
  ::setenv("KUBECONFIG", (first + ":" + second).c_str(), 1);
  const auto config = LoadKubeconfig("", "");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->token, "first");
  EXPECT_EQ(config->ca_pem, "the ca");
  EXPECT_EQ(config->default_namespace, "") << "of the first context of that name";
  EXPECT_EQ(LoadKubeconfig("", "there")->server, "https://there:6443");
  EXPECT_THAT(config->files, ::testing::IsSupersetOf({first, second}));
}

TEST_F(ConfigTest, AProgramMakesTheCredential) {
  const std::string text = Kubeconfig(
      std::string(kServer) + ", certificate-authority-data: Y2E=",
      "exec: {command: ./login, args: [get, token], env: [{name: A, value: b}], apiVersion: v, "
      "installHint: get it, provideClusterInfo: true}");
  CredentialPlugin asked;
  const auto run = [&](const CredentialPlugin& plugin) -> Result<Credential> {
    asked = plugin;
    return Credential{"secret", "", "", *ParseTime("2026-08-05T12:00:00Z")};
  };
  const auto config = LoadKubeconfig(Write("config", text), "", run);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->token, "secret");
  EXPECT_EQ(config->expires, *ParseTime("2026-08-05T12:00:00Z"));
  EXPECT_EQ(fs::path(asked.command).lexically_normal(), folder_ / "login");
  EXPECT_THAT(asked.arguments, ::testing::ElementsAre("get", "token"));
  EXPECT_EQ(asked.environment[0].second, "b");
  EXPECT_THAT(asked.cluster, HasSubstr("\"certificate-authority-data\":\"Y2E=\""));
  const auto refuse = [](const CredentialPlugin&) -> Result<Credential> {
    return Fail(Code::kDenied, "who are you?");
  };
  const auto refused = LoadKubeconfig(Write("config", text), "", refuse);
  EXPECT_EQ(refused.error().code, Code::kDenied);
  EXPECT_THAT(refused.error().message, HasSubstr("who are you?"));
}

TEST_F(ConfigTest, BadOnesSayWhatIsWrong) {
  const std::string cases[][2] = {
      {"", "not a YAML object"},
      {"just text", "not a YAML object"},
      {"{unclosed: [", "not YAML"},
      {"apiVersion: v1\nkind: Config\n", "names no current-context"},
      {"current-context: x\n", "no context named \"x\""},
      {"current-context: x\ncontexts: 7\n", "no context named \"x\""},
      {"current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\n",
       "no cluster named \"c\""},
      {"current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\n"
       "clusters: [{name: c, cluster: {server: s}}]\n",
       "no user named \"\""},
      {Kubeconfig("server: 'http://here'", "token: t"), "not https://"},
      {Kubeconfig("server: {}", "token: t"), "not https://"},
      {Kubeconfig(std::string(kServer) + ", insecure-skip-tls-verify: true", "token: t"),
       "insecure-skip-tls-verify, which is not supported"},
      {Kubeconfig(std::string(kServer) + ", certificate-authority-data: '%%%'", "token: t"),
       "certificate-authority-data is not base64"},
      {Kubeconfig(std::string(kServer) + ", certificate-authority: gone.crt", "token: t"),
       "gone.crt"},
      {Kubeconfig(kServer, "exec: {command: aws}"), "exec, which is not supported"},
      {Kubeconfig(kServer, "username: a, password: b"), "username, which is not supported"},
      {Kubeconfig(kServer, "client-certificate-data: Y2VydA=="), "only one of client-certificate"},
  };
  for (const auto& [text, says] : cases) {
    const auto config = Load(text);
    ASSERT_FALSE(config) << text;
    EXPECT_EQ(config.error().code, Code::kInvalid) << text;
    EXPECT_THAT(config.error().message, HasSubstr(says)) << text;
  }
}

TEST_F(ConfigTest, FalseIsNotARefusal) {
  EXPECT_TRUE(Load(Kubeconfig(std::string(kServer) + ", insecure-skip-tls-verify: false", "")));
}

TEST_F(ConfigTest, AMissingFileNamesItself) {
  const auto config = LoadKubeconfig((folder_ / "none").string(), "");
  EXPECT_THAT(config.error().message, HasSubstr("none"));
}

TEST_F(ConfigTest, InClusterReadsTheServiceAccount) {
  EXPECT_TRUE(IsAbsent(InClusterConfig(folder_.string()).error())) << "not in a pod";
  ::setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
  ::setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  EXPECT_TRUE(IsAbsent(InClusterConfig(folder_.string()).error())) << "no token mounted";
  Write("ca.crt", "the ca");
  Write("token", "abc");
  Write("namespace", "holdfast");
  const auto config = InClusterConfig(folder_.string());
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server, "https://10.0.0.1:443");
  EXPECT_EQ(config->ca_pem, "the ca");
  EXPECT_EQ(config->token_file, (folder_ / "token").string());
  EXPECT_EQ(config->default_namespace, "holdfast");
  ::setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  EXPECT_EQ(InClusterConfig(folder_.string())->server, "https://[fd00::1]:443");
}

TEST(TransportConfigTest, BadCertificatesAreInvalidBeforeAnyRequest) {
  ClientConfig config;
  config.server = "https://127.0.0.1:1";
  config.ca_pem = "not a certificate";
  EXPECT_EQ(MakeTransport(config).error().code, Code::kInvalid);
  config.ca_pem.clear();
  config.client_cert_pem = "not a certificate";
  config.client_key_pem = "not a key";
  EXPECT_EQ(MakeTransport(config).error().code, Code::kInvalid);
}

TEST(TransportConfigTest, AServerThatIsNotThereIsUnavailable) {
  ClientConfig config;
  config.server = "https://127.0.0.1:1";
  const auto transport = MakeTransport(config);
  ASSERT_TRUE(transport) << transport.error().message;
  Request request;
  request.path = "/version";
  EXPECT_EQ((*transport)->Send(request, {}).error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace holdfast::kube
