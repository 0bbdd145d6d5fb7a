// Objects come, change and go a hundred thousand times; the operator's memory stays where it was.
#include <atomic>
#include <cstdlib>
#include <thread>

#include "tests/integration/faults/scene.h"

namespace holdfast::faults {
namespace {

int Cycles() {
  const char* cycles = std::getenv("HOLDFAST_SOAK_CYCLES");
  return cycles == nullptr ? 100'000 : std::atoi(cycles);
}

class SoakTest : public FaultTest {
 protected:
  // One object made, changed and deleted. Every kind in turn; the operator answers each with a
  // status, and may or may not get to it before it is gone.
  void Cycle(int number) {
    const kube::Resource* kinds[] = {&kBackups, &kPolicies, &kRepositories, &kRestores};
    const kube::Resource& kind = *kinds[number % 4];
    const std::string name = "soak-" + std::to_string(number);
    const auto made = plane().api().Create(kind, ns(),
                                           {{"apiVersion", kind.ApiVersion()},
                                            {"kind", kind.kind},
                                            {"metadata", {{"name", name}}},
                                            {"spec", SpecOf(kind)}},
                                           {});
    Check(made.has_value(), made ? "" : made.error().message);
    const auto changed = plane().api().MergePatch(
        kind, {ns(), name}, {{"metadata", {{"labels", {{"soak", "yes"}}}}}}, {});
    Check(changed.has_value(), changed ? "" : changed.error().message);
    const auto deleted = plane().api().Delete(kind, {ns(), name}, {}, {});
    Check(deleted.has_value(), deleted ? "" : deleted.error().message);
  }

  // Runs cycles [from, to) on a few threads.
  void Turn(int from, int to) {
    std::atomic<int> next{from};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int number; (number = next++) < to;) Cycle(number);
      });
    threads.clear();
    // The operator has seen all that came before what it has answered.
    ASSERT_TRUE(Works(seconds(300)));
  }

 private:
  static Json SpecOf(const kube::Resource& kind) {
    if (&kind == &kBackups) return {{"policy", "none"}, {"type", "Full"}};
    if (&kind == &kPolicies) return {{"target", {{"statefulSet", "none"}}}, {"repository", "none"}};
    if (&kind == &kRestores)
      return {{"source", {{"backup", "none"}}}, {"target", {{"statefulSet", "none"}}}};
    return {{"s3",
             {{"endpoint", "https://s3.example.com"},
              {"bucket", "backups"},
              {"credentialsSecret", {{"name", "store"}}}}},
            {"passwordSecret", {{"name", "repository-password"}}}};
  }
  static void Check(bool good, const std::string& why) { EXPECT_TRUE(good) << why; }
};

TEST_F(SoakTest, MemoryDoesNotGrow) {
  MakeApp();
  OperatorProcess& one = StartOperator();
  ASSERT_TRUE(Works());
  const int cycles = Cycles();
  // Caches, pools and the allocator have found their size after a tenth.
  ASSERT_NO_FATAL_FAILURE(Turn(0, cycles / 10));
  const long settled = one.ResidentKiB();
  ASSERT_NO_FATAL_FAILURE(Turn(cycles / 10, cycles));
  const long after = one.ResidentKiB();
  RecordProperty("settled_KiB", static_cast<int>(settled));
  RecordProperty("after_KiB", static_cast<int>(after));
  std::cout << cycles << " cycles: " << settled << " KiB after a tenth, " << after
            << " KiB at the end\n";
  // 20 bytes a cycle at most; one leaked object would be hundreds.
  EXPECT_LE(after, settled + 2 * 1024);
  EXPECT_TRUE(one.Running());
}

}  // namespace
}  // namespace holdfast::faults
