#include "tests/contract/shared_gateway.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>

#include "base/json.h"
#include "jobs/gateway/cluster.h"
#include "tests/contract/backend_contract.h"
#include "tests/contract/s3_scene.h"
#include "tests/contract/server_process.h"

namespace holdfast::storage {
namespace {

using fakes::FakeCluster;
using testing::HasSubstr;
using Made = Result<std::unique_ptr<Backend>>;

// Each test has a namespace of its own.
Made Make() {
  constexpr int kMost = 200;
  static int used = 0;
  static const auto started = [] {
    std::vector<std::string> namespaces;
    for (int i = 0; i < kMost; ++i) namespaces.push_back("team-" + std::to_string(i));
    return SharedGateway::Start(std::move(namespaces), false);
  }();
  if (!started) return tl::make_unexpected(started.error());
  const std::string ns = "team-" + std::to_string(used++);
  return std::make_unique<Rest>((*started)->Options(ns, FakeCluster::TokenOf("admin", "operator")));
}

INSTANTIATE_TEST_SUITE_P(SharedGateway, BackendContract, testing::Values(Place{"Gateway", Make}),
                         testing::PrintToStringParamName());

class SharedGatewayTest : public testing::Test {
 protected:
  void SetUp() override {
    auto started = SharedGateway::Start({"red", "blue"}, true);
    ASSERT_TRUE(started) << started.error().message;
    gateway_ = *std::move(started);
  }
  Rest By(const std::string& ns, const std::string& user) const {
    return Rest(gateway_->Options(ns, user));
  }

  std::unique_ptr<SharedGateway> gateway_;
};

TEST_F(SharedGatewayTest, ATenantAddsAndReadsAndRemovesLocks) {
  Rest red = By("red", FakeCluster::TokenOf("red"));
  const Handle snapshot{FileType::kSnapshot, NameOf(AsBytes("snapshot"))};
  const Handle lock{FileType::kLock, NameOf(AsBytes("lock"))};
  ASSERT_TRUE(red.Save({FileType::kConfig, ""}, AsBytes("config"), {}));
  ASSERT_TRUE(red.Save(snapshot, AsBytes("snapshot"), {}));
  ASSERT_TRUE(red.Save(lock, AsBytes("lock"), {}));
  EXPECT_TRUE(red.Remove(lock, {}));
  const Error kept = red.Remove(snapshot, {}).error();
  EXPECT_EQ(kept.code, Code::kDenied);
  EXPECT_THAT(kept.message, HasSubstr("append-only"));
  EXPECT_EQ(red.Save({FileType::kConfig, ""}, AsBytes("another"), {}).error().code,
            Code::kAlreadyExists);
  EXPECT_EQ(
      red.Save({FileType::kPack, NameOf(AsBytes("new"))}, AsBytes("damaged"), {}).error().code,
      Code::kInvalid);
  EXPECT_TRUE(By("red", SharedGateway::kRemover).Remove(snapshot, {}));
  EXPECT_EQ(red.Stat(snapshot, {}).error().code, Code::kNotFound);
}

TEST_F(SharedGatewayTest, AnotherTenantsRepositoryIsOutOfReach) {
  const Handle snapshot{FileType::kSnapshot, NameOf(AsBytes("snapshot"))};
  ASSERT_TRUE(By("red", FakeCluster::TokenOf("red")).Save(snapshot, AsBytes("snapshot"), {}));
  Rest blue = By("red", FakeCluster::TokenOf("blue"));
  const Error refused = blue.Load(snapshot, 0, 0, {}).error();
  EXPECT_EQ(refused.code, Code::kDenied);
  EXPECT_THAT(refused.message, HasSubstr("system:serviceaccount:blue:default may not use"));
  const auto ignore = [](const FileInfo&) -> Result<void> { return {}; };
  EXPECT_EQ(blue.List(FileType::kSnapshot, ignore, {}).error().code, Code::kDenied);
  EXPECT_EQ(blue.Save({FileType::kConfig, ""}, AsBytes("x"), {}).error().code, Code::kDenied);
  EXPECT_EQ(blue.Remove(snapshot, {}).error().code, Code::kDenied);
  EXPECT_EQ(blue.Password({}).error().code, Code::kDenied);
  const Error green = By("green", FakeCluster::TokenOf("green")).Load(snapshot, 0, 0, {}).error();
  EXPECT_EQ(green.code, Code::kDenied);
  EXPECT_THAT(green.message, HasSubstr("not shared with namespace green"));
}

TEST_F(SharedGatewayTest, APasswordIsHandedToItsNamespace) {
  EXPECT_EQ(By("red", FakeCluster::TokenOf("red")).Password({}).value(),
            gateway::DerivePassword(SharedGateway::kSecret, "admin/offsite", "red"));
}

TEST_F(SharedGatewayTest, ALargeObjectComesWholeAndInParts) {
  Rest red = By("red", FakeCluster::TokenOf("red"));
  const Bytes content = Pattern(3 * gateway::kPiece + 7, 1);
  const Handle pack{FileType::kPack, NameOf(content)};
  ASSERT_TRUE(red.Save(pack, content, {}));
  EXPECT_TRUE(red.Load(pack, 0, 0, {}).value() == content);
  const std::uint64_t offset = 5;
  const std::uint64_t length = 2 * gateway::kPiece;
  const Bytes part(content.begin() + offset, content.begin() + offset + length);
  EXPECT_TRUE(red.Load(pack, offset, length, {}).value() == part);
}

// More at once than there is memory or threads for: all come through.
TEST_F(SharedGatewayTest, ManyAtOnceWaitForEachOther) {
  Rest red = By("red", FakeCluster::TokenOf("red"));
  std::vector<std::jthread> threads;
  std::atomic<int> good{0};
  for (unsigned i = 0; i < 16; ++i)
    threads.emplace_back([&, i] {
      const Bytes content = Pattern(10 << 20, i);
      const Handle pack{FileType::kPack, NameOf(content)};
      const auto saved = red.Save(pack, content, {});
      const auto loaded = red.Load(pack, 0, 0, {});
      if (saved && loaded && *loaded == content) ++good;
    });
  threads.clear();
  EXPECT_EQ(good, 16);
}

// restic knows no bearer tokens, but takes one for a password.
TEST_F(SharedGatewayTest, StockResticBacksUpAndRestores) {
  const std::string folder = FreshFolder();
  std::filesystem::create_directories(folder + "/data");
  for (int i = 0; i < 20; ++i) {
    const Bytes content = Pattern(static_cast<std::size_t>(i) << 16, static_cast<unsigned>(i));
    std::ofstream(folder + "/data/" + std::to_string(i)) << AsText(content);
  }
  const std::string token = "x:system%3Aserviceaccount%3Ared%3Adefault@";
  const std::string password = By("red", FakeCluster::TokenOf("red")).Password({}).value();
  const auto restic = [&](const std::string& repository, std::vector<std::string> arguments) {
    std::vector<std::string> command = {"env",
                                        "RESTIC_PASSWORD=" + password,
                                        "restic",
                                        "--cacert",
                                        gateway_->ca_file(),
                                        "--no-cache",
                                        "-r",
                                        repository};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return RunProgram(command).has_value();
  };
  const std::string shared = "rest:https://" + token + gateway_->address() + "/red/";
  ASSERT_TRUE(restic(shared, {"init"}));
  ASSERT_TRUE(restic(shared, {"backup", folder + "/data"}));
  ASSERT_TRUE(restic(shared, {"restore", "latest", "--target", folder + "/restored"}));
  EXPECT_TRUE(
      RunProgram({"diff", "-r", folder + "/data", folder + "/restored" + folder + "/data"}));
  EXPECT_TRUE(restic(shared, {"check", "--read-data"}));
  EXPECT_FALSE(restic(shared, {"forget", "latest"}));
  // The same without the gateway: what a cluster that is lost leaves.
  EXPECT_TRUE(restic(gateway_->FolderOf("red"), {"check", "--read-data"}));
  EXPECT_TRUE(restic(gateway_->FolderOf("red"), {"dump", "latest", folder + "/data/7"}));
}

// --- The API server ---

struct ClusterScene {
  explicit ClusterScene(std::vector<Answer> script) : server(std::move(script)) {
    std::ofstream(folder + "/token") << "our own\n";
    cluster = gateway::MakeCluster({server.endpoint(), "", folder + "/token"}, "admin", "offsite");
  }

  const std::string folder = FreshFolder();
  ScriptedServer server;
  std::unique_ptr<gateway::Cluster> cluster;
};

std::string ReviewOf(bool known, const Json& audiences) {
  return DumpJson({{"status",
                    {{"authenticated", known},
                     {"audiences", audiences},
                     {"user", {{"username", "system:serviceaccount:red:default"}}}}}});
}

TEST(GatewayClusterTest, ATokenIsReviewedForOurAudience) {
  ClusterScene scene({Reply(201, {}, ReviewOf(true, {"holdfast-gateway"}))});
  EXPECT_EQ(scene.cluster->UserOf("abc", {}).value(), "system:serviceaccount:red:default");
  const SeenRequest seen = scene.server.requests().at(0);
  EXPECT_EQ(seen.method + " " + seen.target, "POST /apis/authentication.k8s.io/v1/tokenreviews");
  EXPECT_THAT(seen.head, HasSubstr("authorization: Bearer our own\r\n"));
  EXPECT_EQ(Json::parse(seen.body)["spec"],
            Json::parse(R"({"token": "abc", "audiences": ["holdfast-gateway"]})"));
}

TEST(GatewayClusterTest, OthersTokensAreDenied) {
  ClusterScene scene({Reply(201, {}, ReviewOf(false, {"holdfast-gateway"})),
                      Reply(201, {}, ReviewOf(true, {"https://kubernetes.default.svc"})),
                      Reply(201, {}, ReviewOf(true, Json::array())), Reply(201, {}, "{}")});
  for (const char* what : {"unknown", "for the API server", "of any audience", "nothing said"})
    EXPECT_EQ(scene.cluster->UserOf("abc", {}).error().code, Code::kDenied) << what;
}

TEST(GatewayClusterTest, ATroubleOfOursIsNoVerdict) {
  ClusterScene scene(
      {Reply(403), Reply(500), Reply(201, {}, "no JSON"), {"", Answer::Then::kReset}});
  for (const char* what : {"no right", "failure", "nonsense", "broken off"}) {
    const Error error = scene.cluster->UserOf("abc", {}).error();
    EXPECT_NE(error.code, Code::kDenied) << what;
    EXPECT_THAT(error.message, testing::Not(HasSubstr("our own")));
  }
}

TEST(GatewayClusterTest, TheDefinitionIsReadAsItIs) {
  ClusterScene scene({Reply(200, {}, R"({"spec": {"s3": {"region": "eu", "forcePathStyle": false},
                           "shareWith": {"namespaces": ["red", "blue"]}},
                           "status": {"location": "s3:https://host/bucket"}})"),
                      Reply(200, {}, R"({"spec": {"s3": {}}})"), Reply(404)});
  EXPECT_EQ(scene.cluster->ReadDefinition({}).value(),
            (gateway::Definition{"s3:https://host/bucket", "eu", true, {"red", "blue"}}));
  EXPECT_EQ(scene.cluster->ReadDefinition({}).value(), gateway::Definition{});
  EXPECT_EQ(scene.cluster->ReadDefinition({}).error().code, Code::kNotFound);
  EXPECT_EQ(scene.server.requests().at(0).target,
            "/apis/holdfast.dev/v1alpha1/namespaces/admin/backuprepositories/offsite");
}

}  // namespace
}  // namespace holdfast::storage
