// The power goes at every single operation of each verb that writes, in turn. Afterwards every
// earlier snapshot restores exactly, check finds nothing but garbage, the dead holder's lock goes,
// and the same verb run again succeeds.
//
// What is assumed of the stores (storage/local.cpp, S3's contract): an object appears whole under
// its name or not at all, as it is synced before it is renamed, or put by one request; a Save that
// was acknowledged stays, and what was removed stays removed, as the folder is synced, too. The
// operation under way when the power goes may have happened or not.
#include <algorithm>
#include <map>

#include <gmock/gmock.h>
#include <spdlog/spdlog.h>

#include "jobs/engine/copier.h"
#include "jobs/engine/forget.h"
#include "jobs/engine/pruner.h"
#include "jobs/repo/lock.h"
#include "tests/fakes/fault_backend.h"
#include "tests/unit/jobs/engine/vault.h"

namespace holdfast::engine {
namespace {

using fakes::Fault;
using fakes::FaultBackend;
using fakes::FaultKind;
using ::testing::IsEmpty;

repo::LockRequest Holder(bool exclusive = false) {
  repo::LockRequest request;
  request.holder = "prod/shop/pod-1";
  request.exclusive = exclusive;
  request.settle = std::chrono::milliseconds(0);
  return request;
}

// A repository with three snapshots of a volume, what a forgotten one left, the volume, which has
// changed since, and another repository with a snapshot of it as it is now.
struct World {
  World() {
    auto repository = MakeRepository(storage);
    for (int round = -1; round < 4; ++round) {
      WriteFile(volume + "/large", Noise(90'000, 1) + Noise(60'000, Seed(10 + round)));
      WriteFile(volume + "/round " + std::to_string(round), Noise(9000, Seed(20 + round)));
      WriteFile(volume + "/dir/file", "round " + std::to_string(round));
      WriteFile(volume + "/same", std::string(30'000, 's'));
      if (round == 3) break;
      repository = TryOpen(storage).value();
      const repo::Id id = ArchiveInto(*repository, volume).value().snapshot.id;
      if (round == -1) {
        EXPECT_TRUE(storage.Remove({storage::FileType::kSnapshot, id.Hex()}, {}));
        continue;
      }
      const std::string copy = dir.path() + "/" + id.Short();
      std::filesystem::copy(volume, copy, std::filesystem::copy_options::recursive);
      states[id] = copy;
    }
    EXPECT_TRUE(ArchiveInto(*MakeRepository(other), volume));
  }

  static std::uint64_t Seed(int number) { return static_cast<std::uint64_t>(number); }

  TempDir dir{QuickPlace()};
  std::string volume = (dir.Make("volume/dir"), dir.path() + "/volume");
  storage::Memory storage, other;
  std::map<repo::Id, std::string> states;  // of each snapshot: a directory with the same content
};

World& TheWorld() {
  static World world;
  return world;
}

// A verb takes its lock, as the mover's do.
using Verb = std::function<Result<void>(storage::Backend&)>;

Result<void> BackUp(storage::Backend& storage) {
  TRY(auto repository, TryOpen(storage));
  TRY(auto lock, repo::Lock::Acquire(*repository, Holder(), {}));
  TRY_VOID(ArchiveInto(*repository, TheWorld().volume));
  return lock->Release();
}

Result<void> ForgetAllButOne(storage::Backend& storage) {
  TRY(auto repository, TryOpen(storage));
  TRY(auto lock, repo::Lock::Acquire(*repository, Holder(), {}));
  TRY(const auto snapshots, repository->ListSnapshots({}));
  ForgetOptions options;
  options.identity = {"prod", kVolume};
  options.policy.keep.front() = 1;
  TRY_VOID(Forget(*repository, snapshots, options, SystemClock().Now(), {}));
  return lock->Release();
}

Result<void> PruneAll(storage::Backend& storage) {
  TRY(auto repository, TryOpen(storage));
  TRY(auto lock, repo::Lock::Acquire(*repository, Holder(/*exclusive=*/true), {}));
  TRY(const auto snapshots, repository->ListSnapshots({}));
  TRY_VOID(repository->LoadIndex({}));
  Meter meter;
  PruneOptions options;
  options.max_unused.percent = 0;
  TRY_VOID(Prune(*repository, snapshots, options, meter, {}));
  return lock->Release();
}

Result<void> CopyFromOther(storage::Backend& storage) {
  TRY(auto from, TryOpen(TheWorld().other));
  TRY(const auto snapshots, from->ListSnapshots({}));
  TRY_VOID(from->LoadIndex({}));
  TRY(auto to, TryOpen(storage));
  TRY(auto lock, repo::Lock::Acquire(*to, Holder(), {}));
  TRY(const auto there, to->ListSnapshots({}));
  TRY_VOID(to->LoadIndex({}));
  Meter meter;
  TRY_VOID(Copy(*from, snapshots, *to, there, meter, {}));
  return lock->Release();
}

struct Case {
  const char* name;
  Verb verb;
  std::size_t may_go;  // how many of the earlier snapshots the verb is meant to remove
};

class PowerLossTest : public testing::TestWithParam<Case> {
 protected:
  // Hundreds of dead holders' locks are removed: no news.
  void SetUp() override { spdlog::set_level(spdlog::level::warn); }
  void TearDown() override { spdlog::set_level(spdlog::level::info); }

  // What everybody must find who comes after the power loss.
  void ExpectAllIsWell(storage::Backend& storage) {
    auto opened = TryOpen(storage);
    ASSERT_TRUE(opened) << opened.error().message;
    repo::Repository& repository = **opened;
    repo::LockRequest next;
    next.holder = "prod/shop/pod-2";
    next.dead_holders = {Holder().holder};
    ASSERT_TRUE(repo::RemoveLocksOfTheDead(repository, next, {}));
    EXPECT_THAT(repo::ListLocks(repository, {}).value(), IsEmpty());

    ExpectCheckIsClean(storage);
    const auto snapshots = repository.ListSnapshots({}).value();
    ASSERT_TRUE(repository.LoadIndex({}));
    std::size_t earlier = 0;
    for (const repo::Snapshot& snapshot : snapshots) {
      const auto known = TheWorld().states.find(snapshot.id);
      if (known != TheWorld().states.end()) ++earlier;
      ExpectRestores(repository, snapshot,
                     known == TheWorld().states.end() ? TheWorld().volume : known->second);
    }
    EXPECT_GE(earlier, TheWorld().states.size() - GetParam().may_go);
  }

  void ExpectCheckIsClean(storage::Backend& storage) {
    const auto repository = TryOpen(storage).value();
    const auto snapshots = repository->ListSnapshots({});
    ASSERT_TRUE(snapshots) << snapshots.error().message;
    ASSERT_TRUE(repository->LoadIndex({}));
    Meter meter;
    const auto check = Check(*repository, *snapshots, DataSubset::All(), meter, {});
    ASSERT_TRUE(check) << check.error().message;
    EXPECT_THAT(check->damage.first(), IsEmpty());
  }

  void ExpectRestores(repo::Repository& repository, const repo::Snapshot& snapshot,
                      const std::string& expected) {
    const TempDir target(QuickPlace());
    const auto report = RestoreInto(repository, snapshot, target.path(), {}, /*threads=*/1);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_THAT(report->failed.first(), IsEmpty());
    EXPECT_THAT(TreeComparer::CompareContent(expected, target.path()), IsEmpty());
  }

  std::uint64_t CountOperations() {
    storage::Memory storage;
    CopyObjects(TheWorld().storage, storage);
    FaultBackend counting(storage, {});
    EXPECT_TRUE(GetParam().verb(counting));
    ExpectAllIsWell(storage);
    return counting.operations();
  }
};

TEST_P(PowerLossTest, AtEveryOperation) {
  const std::uint64_t operations = CountOperations();
  ASSERT_GT(operations, 5u);
  for (const FaultKind kind : {FaultKind::kFail, FaultKind::kLoseAnswer}) {
    for (std::uint64_t at = 1; at <= operations; ++at) {
      SCOPED_TRACE("operation " + std::to_string(at) + " of " + std::to_string(operations) +
                   ", fault " + std::to_string(static_cast<int>(kind)));
      storage::Memory storage;
      CopyObjects(TheWorld().storage, storage);
      {
        FaultBackend faulty(storage, {.kind = kind, .at = at, .dead_after = true});
        // It may succeed: that the lock could not be released is no failure of the work.
        static_cast<void>(GetParam().verb(faulty));
      }
      ExpectAllIsWell(storage);
      const auto again = GetParam().verb(storage);
      EXPECT_TRUE(again) << again.error().message;
      ExpectCheckIsClean(storage);
      if (HasFailure()) return;  // one is enough to read
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Verbs, PowerLossTest,
                         testing::Values(Case{"backup", BackUp, 0},
                                         Case{"forget", ForgetAllButOne, 2},
                                         Case{"prune", PruneAll, 0},
                                         Case{"copy", CopyFromOther, 0}),
                         [](const auto& verb) { return verb.param.name; });

}  // namespace
}  // namespace holdfast::engine
