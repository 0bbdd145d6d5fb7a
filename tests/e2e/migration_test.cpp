// A StatefulSet moves from one real cluster to another while it is at work, as
// docs/guide/migration.md has it; its downtime is measured.
#include <chrono>
#include <iostream>

#include "tests/e2e/fixture.h"
#include "tests/e2e/second_cluster.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

constexpr std::int64_t kMiB = 1 << 20;

class MigrationTest : public EndToEnd {
 protected:
  std::string RepositoryThere() const {
    return Replaced(InStore(Example("migration/10-repository.yaml")), "cluster: old",
                    "cluster: test");
  }
  std::string Adapted(const std::string& path) const {
    return Replaced(Example(path), ": postgres", ": app");
  }
  static std::int64_t Sum(const Kubectl& there, const char* member) {
    std::int64_t sum = 0;
    const Json restore = there.Get("rst", "move");
    if (const Json* volumes = Find(restore, {"status", "volumes"}))
      for (const Json& volume : *volumes) sum += FindInt(volume, {member}).value_or(0);
    return sum;
  }
  static std::string Held(const Kubectl& there) {
    return FindString(there.Get("rst", "move"), {"status", "follow", "backup"});
  }
  // Names and contents of all files below /data.
  static std::string Content(const Kubectl& there) {
    return there.Shell("app-0", "cd /data && find . -type f -exec md5sum {} + | sort | md5sum");
  }
};

TEST_F(MigrationTest, OnlyTheLastIncrementMovesWhileTheWorkloadIsAway) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 64));
  ASSERT_TRUE(BackedUp("first"));

  SecondCluster second;
  Kubectl here = kubectl_;
  const Kubectl there = second.In(here.ns());
  there.Must({"create", "namespace", there.ns()});
  kubectl_ = there;
  MakeSecrets();
  kubectl_.Apply(StatefulSetYaml(0));
  kubectl_.Apply(RepositoryThere());
  kubectl_.Apply(Adapted("migration/20-follow.yaml"));
  kubectl_ = here;
  ASSERT_TRUE(WaitUntil("the new cluster holds the first backup", seconds(240),
                        [&] { return Held(there) == "first"; }));
  EXPECT_GT(Sum(there, "bytesWritten"), 64 * kMiB);

  // The workload goes on meanwhile: one part of a large file, and a new one.
  here.Shell("app-0",
             "dd if=/dev/urandom of=/data/big bs=1M seek=20 count=1 conv=notrunc 2>/dev/null;"
             "dd if=/dev/urandom of=/data/new bs=1M count=1 2>/dev/null");
  const std::string content = Content(here);

  const auto begun = std::chrono::steady_clock::now();
  here.Must({"patch", "bkp", "app", "--type=merge", "-p", R"({"spec":{"suspend":true}})"});
  here.Must({"scale", "statefulset/app", "--replicas=0"});
  here.Must({"wait", "pod", "-l", "app=app", "--for=delete", "--timeout=120s"});
  here.Apply(Adapted("migration/30-last-backup.yaml"));
  ASSERT_TRUE(WaitForPhase("bk", "before-the-move", "Succeeded", seconds(180)));
  const auto saved = std::chrono::steady_clock::now();
  there.Must({"patch", "rst", "move", "--type=merge", "-p", R"({"spec":{"promote":true}})"});
  ASSERT_TRUE(WaitUntil("the new cluster is promoted", seconds(240), [&] {
    return FindString(there.Get("rst", "move"), {"status", "phase"}) == "Succeeded";
  }));
  const auto up = std::chrono::steady_clock::now();

  EXPECT_EQ(Held(there), "before-the-move") << "also if it was not known before the wish";
  EXPECT_EQ(Content(there), content);
  const std::int64_t read = Sum(there, "bytesRead"), written = Sum(there, "bytesWritten");
  EXPECT_LT(read, 12 * kMiB) << "the last increment";
  EXPECT_LT(written, 12 * kMiB);
  const auto took = [](auto from, auto to) {
    return std::chrono::duration<double>(to - from).count();
  };
  std::cout << "downtime of a volume of 65 MiB: " << took(begun, up) << " s, of which "
            << took(begun, saved) << " s were the end of its pod and the last backup, and "
            << took(saved, up) << " s its last restore and start; " << read
            << " bytes were fetched, " << written
            << " written; steps: " << there.Get("rst", "move")["status"]["steps"] << std::endl;
}

}  // namespace
}  // namespace holdfast::e2e
