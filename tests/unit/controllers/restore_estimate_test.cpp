#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/policy/recovery.h"
#include "controllers/restore/decide.h"
#include "controllers/restore/estimate.h"
#include "controllers/restore/steps.h"
#include "tests/builders/kinds.h"

namespace holdfast::controllers::restore {
namespace {

using namespace std::chrono_literals;
using crds::RestorePhase;
using crds::RunState;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::int64_t kMiB = 1 << 20;
const TimePoint kNoon = *ParseTime("2026-08-01T12:00:00Z");

crds::VolumeRestore Volume(std::int64_t bytes, std::int64_t bytes_per_second,
                           std::int64_t written) {
  crds::VolumeRestore volume;
  volume.bytes = bytes;
  volume.bytes_per_second = bytes_per_second;
  volume.bytes_written = written;
  return volume;
}

// One that began at `start`, wrote for `restore` and needed `around` for the pods.
std::shared_ptr<crds::Restore> Restored(TimePoint start, std::chrono::seconds restore,
                                        std::chrono::seconds around,
                                        std::vector<crds::VolumeRestore> volumes) {
  auto done = std::make_shared<crds::Restore>();
  done->metadata.name = "r" + FormatTime(start);
  done->spec.target.stateful_set = "pg";
  done->status.phase = RestorePhase::kSucceeded;
  done->status.volumes = std::move(volumes);
  done->status.start_time = start - 1h;  // it waited
  done->status.steps = {
      {kResolveStep, RunState::kSucceeded, start - 1h, start - 1h, ""},
      {kScaleDownStep, RunState::kSucceeded, start, start + around / 2, ""},
      {kRestoreStep, RunState::kSucceeded, start + around / 2, start + around / 2 + restore, ""}};
  done->status.completion_time = start + around + restore;
  return done;
}

TEST(EstimateTest, TheRateIsThatOfTheLastRestoresByTheirBytes) {
  EXPECT_EQ(MeasuredRate({}), std::nullopt);
  const auto slow = Restored(kNoon, 10s, 0s, {Volume(100 * kMiB, 10 * kMiB, 100 * kMiB)});
  EXPECT_EQ(MeasuredRate({slow}), 10 * kMiB);
  const auto fast = Restored(kNoon + 1h, 10s, 0s, {Volume(300 * kMiB, 30 * kMiB, 300 * kMiB)});
  EXPECT_EQ(MeasuredRate({slow, fast}), 20 * kMiB);
  EXPECT_EQ(MeasuredRate({fast, slow}), 20 * kMiB) << "in whatever order a cache gives them";
  Restores many = {slow};
  for (int i = 1; i <= 5; ++i)
    many.push_back(Restored(kNoon + i * 1h, 10s, 0s, {Volume(300 * kMiB, 30 * kMiB, 300 * kMiB)}));
  EXPECT_EQ(MeasuredRate(many), 30 * kMiB) << "five of them";
}

TEST(EstimateTest, WhatSaysNothingAboutTheRateIsLeftOut) {
  const auto changed = Restored(kNoon, 1s, 0s, {Volume(900 * kMiB, 900 * kMiB, 9 * kMiB)});
  EXPECT_EQ(MeasuredRate({changed}), std::nullopt) << "the volume held its data already";
  const auto small = Restored(kNoon, 1s, 0s, {Volume(kMiB, kMiB, kMiB)});
  EXPECT_EQ(MeasuredRate({small}), std::nullopt) << "that is opening the repository";
  const auto failed = Restored(kNoon, 1s, 0s, {Volume(100 * kMiB, kMiB, 100 * kMiB)});
  failed->status.phase = RestorePhase::kFailed;
  EXPECT_EQ(MeasuredRate({failed}), std::nullopt);
  const auto old = Restored(kNoon, 1s, 0s, {Volume(100 * kMiB, 0, 100 * kMiB)});
  EXPECT_EQ(MeasuredRate({old}), std::nullopt) << "its rate was not measured";
}

TEST(EstimateTest, ThePaceSaysWhereItComesFrom) {
  crds::BackupRepository repository = builders::RepositoryNamed("offsite").WithSlots(4).Build();
  const Pace assumed = PaceOf(repository, nullptr, {}, "");
  EXPECT_GT(assumed.bytes_per_second, 0);
  EXPECT_THAT(assumed.basis, StartsWith("an assumed 50.0 MiB/s a volume: "));

  crds::Backup backup = builders::BackupNamed("b").Build();
  backup.status.start_time = kNoon;
  backup.status.completion_time = kNoon + 10s;
  backup.status.bytes_read = 200 * kMiB;
  const Pace backed_up = PaceOf(repository, &backup, {}, "");
  EXPECT_EQ(backed_up.bytes_per_second, 20 * kMiB);
  EXPECT_THAT(backed_up.basis, StartsWith("the speed of the Backup, 20.0 MiB/s: nothing"));
  backup.status.bytes_read = 1000;
  EXPECT_EQ(PaceOf(repository, &backup, {}, "").basis, assumed.basis) << "an incremental one";

  repository.status.restore_bytes_per_second = 30 * kMiB;
  const Pace measured = PaceOf(repository, &backup, {}, "");
  EXPECT_EQ(measured.bytes_per_second, 30 * kMiB);
  EXPECT_EQ(measured.basis, "the last restores from this repository, 30.0 MiB/s a volume");
}

TEST(EstimateTest, PodsTakeWhatTheyTookLastTime) {
  const crds::BackupRepository repository =
      builders::RepositoryNamed("offsite").WithSlots(2).Build();
  const auto volume = Volume(100 * kMiB, 10 * kMiB, 100 * kMiB);
  const Restores past = {Restored(kNoon, 13s, 8s, {volume}),
                         Restored(kNoon + 1h, 33s, 20s, {volume})};
  const Pace pace = PaceOf(repository, nullptr, past, "pg");
  EXPECT_EQ(pace.start, 3s) << "13 s for 10 s of transfer; the other one had to pull its image";
  EXPECT_EQ(pace.around, 20s) << "the last one's";
  EXPECT_EQ(PaceOf(repository, nullptr, past, "other").around, std::nullopt);
  EXPECT_EQ(PaceOf(repository, nullptr, past, "").around, std::nullopt);
  const Restores queued = {Restored(kNoon, 33s, 8s, {volume, volume, volume})};
  EXPECT_EQ(PaceOf(repository, nullptr, queued, "pg").start,
            PaceOf(repository, nullptr, {}, "pg").start)
      << "three volumes in two slots wait for one another";
}

struct LoadCase {
  const char* name;
  std::vector<std::int64_t> volumes;  // MiB
  std::int64_t slots;
  std::int64_t seconds;  // at 10 MiB/s and 2 s a pod
};

class EstimateOfTest : public ::testing::TestWithParam<LoadCase> {};

TEST_P(EstimateOfTest, VolumesTakeTheSlotThatIsFreeFirst) {
  Load load;
  for (const std::int64_t size : GetParam().volumes) load.volumes.push_back(size * kMiB);
  load.slots = GetParam().slots;
  const crds::RestoreEstimate estimate = EstimateOf(load, {10 * kMiB, "a guess", 2s, 7s});
  EXPECT_EQ(estimate.seconds, GetParam().seconds);
  EXPECT_EQ(estimate.basis, "a guess");
  load.in_place = true;
  EXPECT_EQ(EstimateOf(load, {10 * kMiB, "a guess", 2s, 7s}).seconds, GetParam().seconds + 7);
}

INSTANTIATE_TEST_SUITE_P(Loads, EstimateOfTest,
                         ::testing::Values(LoadCase{"Nothing", {}, 4, 0},
                                           LoadCase{"Empty", {0}, 4, 2},
                                           LoadCase{"One", {100}, 4, 12},
                                           LoadCase{"RoundedUp", {101}, 4, 13},
                                           LoadCase{"SideBySide", {100, 50, 100}, 4, 12},
                                           LoadCase{"OneSlot", {100, 50, 100}, 1, 31},
                                           LoadCase{"InTheirOrder", {10, 100, 50}, 2, 12},
                                           LoadCase{"NoSlots", {100}, 0, 12}),
                         [](const auto& test) { return test.param.name; });

TEST(EstimateTest, WhatItDoesNotKnowItSays) {
  Load load{{1432 * kMiB}, 4, true};
  const auto estimate = EstimateOf(load, {10 * kMiB, "a guess", 2s, std::nullopt});
  EXPECT_EQ(estimate.basis, "a guess; without the time that the pods take to stop and to start");
  EXPECT_EQ(estimate.bytes, 1432 * kMiB);
  EXPECT_EQ(estimate.bytes_per_second, 10 * kMiB);
  EXPECT_EQ(Expectation(estimate),
            "Expected to take " + estimate.duration + ", with 1.4 GiB to read at most.");
}

TEST(EstimateTest, TheErrorIsMeasuredFromTheFirstStep) {
  crds::RestoreStatus status = Restored(kNoon, 50s, 10s, {})->status;
  EXPECT_EQ(ErrorOf(status), "") << "nothing was estimated";
  status.estimate.emplace().seconds = 80;
  EXPECT_EQ(ErrorOf(status), "took " + HumanDuration(60s) + ", 25 % less");
  status.estimate->seconds = 40;
  EXPECT_EQ(ErrorOf(status), "took " + HumanDuration(60s) + ", 50 % more");
  status.estimate->seconds = 60;
  EXPECT_EQ(ErrorOf(status), "took " + HumanDuration(60s) + ", as expected");
  status.estimate->seconds = 0;
  EXPECT_EQ(ErrorOf(status), "took " + HumanDuration(60s) + ", " + HumanDuration(60s) + " more");
}

// The first pass after the source is resolved writes it down; nothing changes it later.
TEST(EstimateTest, ARestoreSaysItBeforeItDoesAnything) {
  World world;
  world.now = kNoon;
  world.restore.metadata.name = "back";
  world.restore.spec.source.backup = "nightly";
  world.restore.spec.target.claims.emplace_back().to = "x";
  world.restore.status.start_time = kNoon;
  world.restore.status.backup = "nightly";
  world.restore.status.repository = "offsite";
  world.restore.status.volumes.emplace_back().claim = "x";
  world.repository = builders::RepositoryNamed("offsite").Build();
  world.claims["x"].exists = true;
  world.prospect = Prospect{{{100 * kMiB}, 1, false}, {10 * kMiB, "a guess", 2s, std::nullopt}};
  const Plan plan = Decide(world, Settings{});
  ASSERT_TRUE(plan.status.estimate);
  EXPECT_EQ(plan.status.estimate->seconds, 12);
  EXPECT_THAT(crds::FindCondition(plan.status.conditions, crds::kReady)->message,
              EndsWith("Expected to take 12s, with 100.0 MiB to read at most."));
  world.restore.status = plan.status;
  world.prospect->pace.bytes_per_second = kMiB;
  EXPECT_EQ(Decide(world, Settings{}).status.estimate, plan.status.estimate);
}

TEST(RecoveryTimeTest, APolicySaysWhatItsLastGoodBackupTakes) {
  crds::BackupRepository repository = builders::RepositoryNamed("offsite").WithSlots(4).Build();
  repository.status.restore_bytes_per_second = 10 * kMiB;
  policy::World world;
  world.policy = builders::PolicyNamed("nightly").Build();
  world.repository = &repository;
  crds::Backup backup = builders::BackupNamed("b")
                            .Volume("data-db-0", RunState::kSucceeded, "4a5b")
                            .Volume("data-db-1", RunState::kSucceeded, "4a5c")
                            .Volume("dump/orders", RunState::kSucceeded, "4a5d")
                            .Volume("data-db-2", RunState::kFailed)
                            .Build();
  for (crds::VolumeBackup& volume : backup.status.volumes) volume.bytes = 100 * kMiB;
  backup.status.volumes[2].bytes = 9000 * kMiB;
  world.backups = {backup};
  crds::BackupPolicyStatus status;
  policy::NoteRecovery(world, status);
  EXPECT_EQ(status.recovery_seconds, std::nullopt) << "there is no good Backup";
  status.last_success = crds::PolicyRun{"b", kNoon, "", ""};
  policy::NoteRecovery(world, status);
  const auto start = PaceOf(repository, &backup, {}, "db").start;
  EXPECT_EQ(status.recovery_seconds, 10 + start.count()) << "a dump is not restored in place";
  EXPECT_EQ(status.recovery_time, HumanDuration(std::chrono::seconds(*status.recovery_seconds)));
  world.backups.clear();
  const crds::BackupPolicyStatus before = status;
  policy::NoteRecovery(world, status);
  EXPECT_EQ(status, before) << "its object went, and nothing else is known";
}

}  // namespace
}  // namespace holdfast::controllers::restore
