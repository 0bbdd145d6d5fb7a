// Objects that the schema allows and nobody should make: answered with conditions, not with memory.
#include <spdlog/fmt/fmt.h>

#include "base/clock.h"
#include "tests/integration/faults/scene.h"

namespace holdfast::faults {
namespace {

// maxItems of spec.schedules.
constexpr int kMostSchedules = 32;

class AbsurdObjectsTest : public FaultTest {
 protected:
  void SetUp() override {
    FaultTest::SetUp();
    if (HasFatalFailure()) return;
    operator_ = &StartOperator();
    ASSERT_TRUE(Await(seconds(60), [&] { return operator_->Ready(); }));
  }
  // What the operator takes at most, with all that these tests do to it: an empty one takes about
  // 19 MiB.
  void TearDown() override {
    if (operator_ != nullptr) {
      EXPECT_LT(PeakKiB(), 64 * 1024);
      EXPECT_TRUE(operator_->Running());
    }
    FaultTest::TearDown();
  }

  long PeakKiB() const {
    const std::string status = ReadFile("/proc/" + std::to_string(operator_->pid()) + "/status");
    return std::stol(status.substr(status.find("VmHWM:") + 6));
  }
  bool AwaitReason(const kube::Resource& kind, const std::string& name, const std::string& type,
                   const std::string& reason) const {
    return Await(seconds(60), [&] {
      const Json condition = Condition(kind, name, type);
      return FindString(condition, {"status"}) == "True" &&
             FindString(condition, {"reason"}) == reason;
    });
  }

  OperatorProcess* operator_ = nullptr;
};

TEST_F(AbsurdObjectsTest, TenThousandVolumes) {
  MakeApp();
  ASSERT_TRUE(Works());
  // The controller of StatefulSets takes memory for each replica that is asked for: 16 GiB here.
  plane().Stop("controller-manager");
  for (const char* replicas : {"10000", "2147483647"}) {
    AdminKubectl(plane(), {"-n", ns(), "patch", "statefulset", "app", "--type=merge", "--patch",
                           std::string(R"({"spec": {"replicas": )") + replicas + "}}"});
    const std::string name = std::string("many-") + replicas;
    MakeBackup(name);
    EXPECT_TRUE(AwaitReason(kBackups, name, "Stalled", "TooManyVolumes"));
    EXPECT_TRUE(AwaitReason(kPolicies, "app", "Stalled", "TooManyVolumes"));
  }
  AdminKubectl(plane(), {"-n", ns(), "patch", "statefulset", "app", "--type=merge", "--patch",
                         R"({"spec": {"replicas": 1}})"});
  plane().Start("controller-manager");
  EXPECT_TRUE(BackupSucceeds("many-10000", seconds(120))) << "recovers by itself";
}

TEST_F(AbsurdObjectsTest, NamesOf253Characters) {
  MakeApp();
  const std::string long_name = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                                std::string(63, 'c') + "." + std::string(61, 'd');
  ASSERT_EQ(long_name.size(), 253u);
  ApplyYaml(fmt::format(R"(apiVersion: holdfast.dev/v1alpha1
kind: BackupRepository
metadata: {{name: {0}}}
spec:
  s3: {{endpoint: "https://s3.example.com", bucket: backups, credentialsSecret: {{name: store}}}}
  passwordSecret: {{name: repository-password}}
---
apiVersion: holdfast.dev/v1alpha1
kind: BackupPolicy
metadata: {{name: {0}}}
spec: {{target: {{statefulSet: app}}, repository: {0}, retention: {{keepLast: 1}}}}
---
apiVersion: holdfast.dev/v1alpha1
kind: Backup
metadata: {{name: {0}}}
spec: {{policy: {0}, type: Full}}
---
apiVersion: holdfast.dev/v1alpha1
kind: Restore
metadata: {{name: {0}}}
spec: {{source: {{backup: {0}}}, target: {{statefulSet: app}}}}
)",
                        long_name));
  EXPECT_TRUE(BackupSucceeds(long_name, seconds(120)));
  EXPECT_TRUE(Await(seconds(120), [&] { return Phase(kRestores, long_name) == "Succeeded"; }));
  ExpectNoDuplicateJob();
}

TEST_F(AbsurdObjectsTest, AnnotationsOf250KiB) {
  MakeApp();
  ASSERT_TRUE(Works());
  const long before = operator_->ResidentKiB();
  const std::string annotation(250 * 1024, 'x');
  for (int i = 0; i < 100; ++i) {
    const Json policy = {
        {"apiVersion", kPolicies.ApiVersion()},
        {"kind", kPolicies.kind},
        {"metadata",
         {{"name", "big-" + std::to_string(i)}, {"annotations", {{"example.com/a", annotation}}}}},
        {"spec", {{"target", {{"statefulSet", "app"}}}, {"repository", "offsite"}}}};
    const auto made = plane().api().Create(kPolicies, ns(), policy, {});
    ASSERT_TRUE(made) << made.error().message;
  }
  EXPECT_TRUE(Await(seconds(120), [&] {
    return FindString(Condition(kPolicies, "big-99", "Ready"), {"status"}) == "True";
  }));
  EXPECT_TRUE(Works());
  // 25 MB of annotations went by.
  EXPECT_TRUE(Await(seconds(60), [&] { return operator_->ResidentKiB() - before < 12 * 1024; }))
      << before << " KiB before, " << operator_->ResidentKiB() << " after";
}

// Cron has minutes, so this is as often as it gets: every schedule that a policy can hold, each
// minute.
TEST_F(AbsurdObjectsTest, AllSchedulesEveryMinute) {
  std::string schedules = "  schedules:\n";
  for (int i = 0; i < kMostSchedules; ++i)
    schedules += fmt::format("    - {{name: s{}, cron: \"* * * * *\", type: Incremental}}\n", i);
  MakeApp(schedules);
  // A minute begins while this looks, at the latest after sixty seconds.
  std::size_t most = 0;
  EXPECT_TRUE(Await(seconds(120), [&] {
    std::size_t unfinished = 0;
    std::size_t finished = 0;
    for (const Json& backup : All(kBackups))
      ++(FindString(backup, {"status", "phase"}) == "Succeeded" ? finished : unfinished);
    most = std::max(most, unfinished);
    return finished >= 3;
  }));
  EXPECT_LE(most, 1u) << "one run of a policy at a time";
}

TEST_F(AbsurdObjectsTest, AYearOfMissedRuns) {
  MakeApp(
      "  suspend: true\n  schedules: [{name: often, cron: \"* * * * *\", type: Incremental}]\n");
  ASSERT_TRUE(Await(seconds(60), [&] {
    return FindInt(Get(kPolicies, "app"), {"status", "observedGeneration"}) == 1;
  }));
  // As if the operator had been away for a year.
  const std::string last = FormatTime(SystemClock().Now() - std::chrono::hours(365 * 24));
  const auto patched = plane().api().MergePatch(
      kPolicies, {ns(), "app"},
      {{"status", {{"schedules", {{{"name", "often"}, {"lastSchedule", last}}}}}}}, {}, "status");
  ASSERT_TRUE(patched) << patched.error().message;
  kubelet().Hold(true);  // so that the minutes to come make no further run
  const auto resumed =
      plane().api().MergePatch(kPolicies, {ns(), "app"}, {{"spec", {{"suspend", false}}}}, {});
  ASSERT_TRUE(resumed);
  EXPECT_TRUE(Await(seconds(60), [&] { return !All(kBackups).empty(); }));
  EXPECT_TRUE(Await(seconds(60), [&] {
    const Json policy = Get(kPolicies, "app");
    const Json* told = Find(policy, {"status", "schedules"});
    return told != nullptr && !told->empty() && !FindString(told->front(), {"lastBackup"}).empty();
  }));
  EXPECT_EQ(All(kBackups).size(), 1u) << "one catch-up, not half a million";
}

}  // namespace
}  // namespace holdfast::faults
