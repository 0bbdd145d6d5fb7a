// Many writers of one repository at once, while prune waits its turn.
#include <algorithm>
#include <chrono>
#include <thread>

#include <gmock/gmock.h>

#include "tests/integration/mover/run.h"

namespace holdfast::engine {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ConcurrencyTest : public MoverTest {
 protected:
  static constexpr int kWriters = 4;

  std::string Volume(int writer) const { return dir_.path() + "/volume-" + std::to_string(writer); }
  std::string Output(const std::string& name) const { return dir_.path() + "/output/" + name; }

  // Half of it in all volumes, so that the writers meet over the same blobs.
  void FillVolumes() {
    for (int writer = 0; writer <= kWriters; ++writer) {
      std::filesystem::create_directory(Volume(writer));
      for (int i = 0; i < 12; ++i) {
        const int seed = i % 2 == 0 ? i : 100 * (writer + 1) + i;
        WriteFile(Volume(writer) + "/" + std::to_string(i),
                  Noise(1'500'000, static_cast<std::uint64_t>(seed)));
      }
    }
  }
  std::unique_ptr<Process> StartMover(const std::string& name, std::vector<std::string> words) {
    words.insert(words.end(), {"--repo=" + repo_, "--holder=shop/" + name, "--json"});
    return std::make_unique<Process>(Words(HOLDFAST_MOVER, words), Output(name));
  }
  std::vector<std::string> BackupOf(int writer) const {
    return {"backup", "--host=prod", "--as-path=/shop/" + std::to_string(writer), Volume(writer)};
  }
  bool LockStands() const {
    std::error_code absent;
    const std::filesystem::directory_iterator locks(repo_ + "/locks", absent);
    // Longer names are files on their way.
    return std::any_of(begin(locks), end(locks), [](const auto& entry) {
      return entry.path().filename().native().size() == 64;
    });
  }
  void AwaitLock() {
    for (int i = 0; i < 3000 && !LockStands(); ++i) std::this_thread::sleep_for(10ms);
    ASSERT_TRUE(LockStands());
  }
};

TEST_F(ConcurrencyTest, FourMoversAndResticWhilePruneWaits) {
  MoverSucceeds({"init"});
  FillVolumes();
  // Something for prune to free.
  MoverSucceeds({"backup", "--host=old", "--as-path=/old", Volume(0)});
  std::filesystem::remove_all(repo_ + "/snapshots");
  std::filesystem::create_directory(repo_ + "/snapshots");

  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<Process>> writers;
    for (int writer = 0; writer < kWriters; ++writer)
      writers.push_back(StartMover("pod-" + std::to_string(writer), BackupOf(writer)));
    writers.push_back(std::make_unique<Process>(
        Words("restic", {"-r", repo_, "backup", Volume(kWriters)}), Output("restic")));
    AwaitLock();
    auto prune = StartMover("prune", {"prune", "--lock-wait=5m", "--max-unused=0"});
    for (auto& writer : writers) {
      const Finished finished = writer->Wait();
      // 11, or restic's words for it: who comes while prune works finds its lock, and tries again.
      const bool locked =
          finished.exit == 11 || finished.output.find("already locked") != std::string::npos;
      EXPECT_TRUE(finished.exit == 0 || locked) << finished.output;
    }
    const Finished pruned = prune->Wait();
    EXPECT_EQ(pruned.exit, 0) << pruned.output;
  }
  // Nobody is left without a snapshot.
  for (int writer = 0; writer < kWriters; ++writer) MoverSucceeds(BackupOf(writer));
  ResticSucceeds({"backup", Volume(kWriters)});

  EXPECT_EQ(Count("locks"), 0u);
  ResticSucceeds({"check", "--read-data"});
  MoverSucceeds({"check", "--read-data"});
  for (int writer = 0; writer < kWriters; ++writer) {
    const std::string target = target_ + "/" + std::to_string(writer);
    MoverSucceeds({"restore", "latest", "--host=prod", "--as-path=/shop/" + std::to_string(writer),
                   "--target=" + target});
    EXPECT_THAT(TreeComparer::Compare(Volume(writer), target), IsEmpty());
  }
  MoverSucceeds({"restore", "latest:" + Volume(kWriters), "--target=" + target_ + "/restic"});
  EXPECT_THAT(TreeComparer::Compare(Volume(kWriters), target_ + "/restic"), IsEmpty());
}

// A lock is as old as it is: without word that its holder is dead it stands.
TEST_F(ConcurrencyTest, OnlyTheListOfTheDeadMakesALockStale) {
  MoverSucceeds({"init"});
  FillVolumes();
  auto killed = StartMover("pod-1", BackupOf(0));
  AwaitLock();
  killed->Signal(SIGKILL);
  killed->Wait();
  ASSERT_TRUE(LockStands()) << "the mover was done before it was killed";
  EXPECT_EQ(Mover({"prune"}).exit, 11);
  EXPECT_EQ(Mover({"prune", "--dead-holder=shop/pod-2"}).exit, 11);
  MoverSucceeds({"unlock"});
  EXPECT_TRUE(LockStands()) << "a young lock is nobody's to remove";
  MoverSucceeds({"prune", "--dead-holder=shop/pod-1"});
  EXPECT_FALSE(LockStands());
}

}  // namespace
}  // namespace holdfast::engine
