// The API server and etcd end and come back; the operator goes on without a restart of its own.
#include <signal.h>

#include "tests/integration/faults/scene.h"

namespace holdfast::faults {
namespace {

class ServerFaultsTest : public FaultTest {
 protected:
  void SetUp() override {
    FaultTest::SetUp();
    if (HasFatalFailure()) return;
    MakeApp();
    operator_ = &StartOperator();
    ASSERT_TRUE(Works());
  }
  void TearDown() override {
    EXPECT_TRUE(operator_ != nullptr && operator_->Running());
    ExpectNoDuplicateJob();
    FaultTest::TearDown();
  }

  OperatorProcess* operator_ = nullptr;
};

TEST_F(ServerFaultsTest, ApiServerIsKilledAndRestarted) {
  kubelet().Hold(true);
  MakeBackup("under-way");
  ASSERT_TRUE(Await(seconds(30), [&] { return All(kube::kJobs).size() >= 2; }));
  plane().Stop("apiserver");
  ASSERT_TRUE(Await(seconds(60), [&] { return operator_->Logged("watch "); }));
  plane().Start("apiserver");
  kubelet().Hold(false);
  EXPECT_TRUE(BackupSucceeds("under-way"));
  EXPECT_TRUE(Works());
}

TEST_F(ServerFaultsTest, EtcdIsKilledAndRestarted) {
  plane().Stop("etcd");
  plane().Start("etcd");
  EXPECT_TRUE(Works());
}

}  // namespace
}  // namespace holdfast::faults
