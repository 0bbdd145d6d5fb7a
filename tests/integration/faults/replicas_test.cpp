// Two and three operators with leader election.
#include <iostream>

#include <signal.h>

#include "tests/integration/faults/scene.h"

namespace holdfast::faults {
namespace {

using Timer = std::chrono::steady_clock;
using std::chrono::milliseconds;

class ReplicasTest : public FaultTest {
 protected:
  OperatorProcess& StartReplica(const std::string& name, OperatorOptions options = {}) {
    options.arguments.insert(options.arguments.end(),
                             {"--leader-elect", "--lease-namespace=" + ns(), "--identity=" + name});
    return StartOperator(options);
  }

  Json Lease() const { return Get(kube::kLeases, "holdfast-operator"); }
  std::string Holder() const { return FindString(Lease(), {"spec", "holderIdentity"}); }
  bool AwaitHolder(const std::string& name, seconds limit) const {
    return Await(limit, [&] { return Holder().starts_with(name + "_"); });
  }
  static bool Reconciles(const OperatorProcess& one) { return one.Logged("reconciling"); }
};

TEST_F(ReplicasTest, OneOfThreeLeads) {
  MakeApp();
  std::vector<OperatorProcess*> all;
  for (const char* name : {"a", "b", "c"}) all.push_back(&StartReplica(name));
  ASSERT_TRUE(Works());
  for (OperatorProcess* one : all)
    EXPECT_TRUE(Await(seconds(30), [&] { return one->Ready(); })) << "followers are ready too";
  EXPECT_EQ(std::count_if(all.begin(), all.end(), [](auto* one) { return Reconciles(*one); }), 1);
}

// 15 s are the promise and 12.4 s what the lease's times allow; the rest is for a busy machine.
TEST_F(ReplicasTest, AKilledLeaderIsFollowedSoon) {
  MakeApp();
  OperatorProcess& first = StartReplica("first");
  ASSERT_TRUE(AwaitHolder("first", seconds(30)));
  OperatorProcess& second = StartReplica("second");
  ASSERT_TRUE(Await(seconds(30), [&] { return second.Logged("another one leads"); }));
  const auto killed = Timer::now();
  first.Kill(SIGKILL);
  ASSERT_TRUE(AwaitHolder("second", seconds(60)));
  const auto took = std::chrono::duration_cast<milliseconds>(Timer::now() - killed);
  RecordProperty("milliseconds", static_cast<int>(took.count()));
  std::cout << "followed after " << took.count() << " ms\n";
  EXPECT_LE(took, seconds(20));
  EXPECT_TRUE(Works());
}

// 2 s are the promise. Were the lease not given back, it would be 10 s at least.
TEST_F(ReplicasTest, AStoppedLeaderGivesItsLeaseBack) {
  MakeApp();
  OperatorProcess& first = StartReplica("first");
  ASSERT_TRUE(AwaitHolder("first", seconds(30)));
  OperatorProcess& second = StartReplica("second");
  ASSERT_TRUE(Await(seconds(30), [&] { return second.Logged("another one leads"); }));
  const auto stopped = Timer::now();
  first.Kill(SIGTERM);
  ASSERT_TRUE(AwaitHolder("second", seconds(60)));
  const auto took = std::chrono::duration_cast<milliseconds>(Timer::now() - stopped);
  RecordProperty("milliseconds", static_cast<int>(took.count()));
  std::cout << "followed after " << took.count() << " ms\n";
  EXPECT_LE(took, seconds(8));
  EXPECT_EQ(first.Wait(seconds(10)), 0);
  EXPECT_TRUE(Works());
}

// Cut off from its lease, but not from anything else.
TEST_F(ReplicasTest, ALeaderThatLosesItsLeaseStopsWritingBeforeTheNextStarts) {
  MakeApp();
  FaultProxy proxy(plane());
  OperatorProcess& first = StartReplica("first", Through(proxy));
  ASSERT_TRUE(AwaitHolder("first", seconds(30)));
  ASSERT_TRUE(Works());
  OperatorProcess& second = StartReplica("second");
  ASSERT_TRUE(Await(seconds(30), [&] { return second.Logged("another one leads"); }));

  proxy.SetRule([](const SeenRequest& request) {
    Fault fault;
    fault.hang = request.Concerns("/leases/");
    return fault;
  });
  // There is always something to write.
  int made = 0;
  ASSERT_TRUE(Await(seconds(60), [&] {
    if (made < 200) MakeBackup("busy-" + std::to_string(made++));
    return Holder().starts_with("second_");
  }));
  const auto taken = Timer::now();
  EXPECT_EQ(first.Wait(seconds(30)), 1) << "it ends, to start afresh";
  Timer::time_point last{};
  for (const SeenRequest& request : proxy.requests())
    if (request.IsWrite() && !request.Concerns("/leases/")) last = std::max(last, request.at);
  EXPECT_LT(last, taken);
  EXPECT_TRUE(first.Logged("lost the lease"));
  EXPECT_TRUE(BackupSucceeds("busy-0", seconds(120)));
  ExpectNoDuplicateJob();
}

// Frozen, as a virtual machine that is moved; when it thaws, another one leads.
TEST_F(ReplicasTest, ALeaderThatWasFrozenDoesNotWriteWhenItThaws) {
  MakeApp();
  FaultProxy proxy(plane());
  OperatorProcess& first = StartReplica("first", Through(proxy));
  ASSERT_TRUE(AwaitHolder("first", seconds(30)));
  ASSERT_TRUE(Works());
  StartReplica("second");
  first.Kill(SIGSTOP);
  ASSERT_TRUE(AwaitHolder("second", seconds(60)));
  const auto taken = Timer::now();
  MakeBackup("meanwhile");
  first.Kill(SIGCONT);
  EXPECT_EQ(first.Wait(seconds(30)), 1);
  for (const SeenRequest& request : proxy.requests())
    EXPECT_TRUE(!request.IsWrite() || request.at < taken)
        << request.method << " " << request.target;
  EXPECT_TRUE(BackupSucceeds("meanwhile"));
}

// libfaketime moves the wall clock of one process; the steady clock stays.
TEST_F(ReplicasTest, TheClockOfOneReplicaIsTwoMinutesOff) {
  MakeApp();
  for (const char* offset : {"+120s", "-120s"}) {
    OperatorOptions wrong;
    wrong.environment = {{"LD_PRELOAD", HOLDFAST_LIBFAKETIME},
                         {"FAKETIME", offset},
                         {"FAKETIME_DONT_FAKE_MONOTONIC", "1"}};
    const std::string right_name = std::string("right") + (offset[0] == '+' ? "1" : "2");
    const std::string wrong_name = std::string("wrong") + (offset[0] == '+' ? "1" : "2");
    OperatorProcess& right = StartReplica(right_name);
    ASSERT_TRUE(AwaitHolder(right_name, seconds(60)));
    OperatorProcess& off = StartReplica(wrong_name, wrong);
    ASSERT_TRUE(Await(seconds(30), [&] { return off.Logged("another one leads"); }));
    // It has looked at the lease often enough to take it by its own clock, if it went by that.
    const Json before = Lease();
    ASSERT_TRUE(Await(seconds(30), [&] {
      return FindString(Lease(), {"spec", "renewTime"}) > FindString(before, {"spec", "renewTime"});
    }));
    EXPECT_TRUE(Works());
    EXPECT_TRUE(Holder().starts_with(right_name + "_")) << Holder();
    EXPECT_FALSE(Reconciles(off));

    right.Kill(SIGTERM);
    ASSERT_EQ(right.Wait(seconds(10)), 0);
    ASSERT_TRUE(AwaitHolder(wrong_name, seconds(30)));
    EXPECT_TRUE(Works()) << "it works by its own clock";
    // And a right one neither takes a live lease whose times are strange, nor waits for ever.
    off.Kill(SIGKILL);
  }
  StartReplica("last");
  EXPECT_TRUE(AwaitHolder("last", seconds(30)));
}

}  // namespace
}  // namespace holdfast::faults
