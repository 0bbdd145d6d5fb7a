// A StatefulSet moves from one real cluster to another while it is at work, as
// docs/guide/migration.md has it; its downtime is measured.
#include <chrono>
#include <iostream>

#include "tests/e2e/migration_scene.h"

namespace holdfast::e2e {
namespace {

using std::chrono::seconds;

using MigrationTest = MigrationScene;

TEST_F(MigrationTest, OnlyTheLastIncrementMovesWhileTheWorkloadIsAway) {
  ASSERT_NO_FATAL_FAILURE(MakeProtectedApp(1, 64));
  ASSERT_TRUE(BackedUp("first"));
  SecondCluster second;
  const Kubectl here = kubectl_;
  const Kubectl there = FollowThere(second);
  ASSERT_FALSE(HasFailure());
  EXPECT_GT(Sum(there, "move", "bytesWritten"), 64 * kMiB);

  // The workload goes on meanwhile: one part of a large file, and a new one.
  here.Shell("app-0",
             "dd if=/dev/urandom of=/data/big bs=1M seek=20 count=1 conv=notrunc 2>/dev/null;"
             "dd if=/dev/urandom of=/data/new bs=1M count=1 2>/dev/null");
  const std::string content = Content(here);

  const auto begun = std::chrono::steady_clock::now();
  ASSERT_NO_FATAL_FAILURE(StopHere());
  TakeLastBackup();
  ASSERT_TRUE(WaitForPhase("bk", "before-the-move", "Succeeded", seconds(180)));
  const auto saved = std::chrono::steady_clock::now();
  Promote(there, "move");
  ASSERT_TRUE(AwaitPromoted(there, "move"));
  const auto up = std::chrono::steady_clock::now();

  EXPECT_EQ(FindString(Follow(there, "move"), {"backup"}), "before-the-move")
      << "also if it was not known before the wish";
  EXPECT_EQ(Content(there), content);
  const std::int64_t read = Sum(there, "move", "bytesRead");
  const std::int64_t written = Sum(there, "move", "bytesWritten");
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
