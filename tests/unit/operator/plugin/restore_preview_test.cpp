#include "operator/plugin/restore_preview.h"

#include <date/tz.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/plugin/choose.h"
#include "operator/plugin/progress.h"
#include "tests/builders/kinds.h"

namespace holdfast::plugin {
namespace {

using builders::At;
using controllers::restore::Resolve;
using controllers::restore::World;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kFirst(64, 'a');
const std::string kSecond(64, 'b');

crds::Backup GoodBackup(const std::string& name, const std::string& start,
                        const std::string& snapshot) {
  crds::Backup backup;
  backup.metadata.name = name;
  backup.metadata.namespace_ = "shop";
  backup.spec.policy = "nightly";
  backup.status.phase = crds::BackupPhase::kSucceeded;
  backup.status.repository = "offsite";
  backup.status.start_time = At(start);
  for (int i = 0; i < 2; ++i) {
    crds::VolumeBackup volume;
    volume.claim = "data-db-" + std::to_string(i);
    volume.pod = "db-" + std::to_string(i);
    volume.snapshot = snapshot;
    volume.snapshot.back() = static_cast<char>('0' + i);
    volume.bytes = 1 << 30;
    backup.status.volumes.push_back(std::move(volume));
  }
  return backup;
}

World InPlaceWorld() {
  World world;
  world.now = At("2026-08-05T12:00:00Z");
  world.restore.metadata.namespace_ = "shop";
  world.restore.spec.target.stateful_set = "db";
  world.restore.spec.source.policy = "nightly";
  world.restore.spec.delete_extra = true;
  world.policy = builders::PolicyNamed("nightly").Build();
  world.backups = {GoodBackup("old", "2026-08-03T00:00:00Z", kFirst),
                   GoodBackup("new", "2026-08-05T00:00:00Z", kSecond)};
  world.set.emplace();
  world.set->key = {"shop", "db"};
  world.set->replicas = 2;
  world.set->claim_templates = {"data"};
  world.repository = builders::RepositoryNamed("offsite").Build();
  return world;
}

std::string Text(const World& world) {
  const auto resolution = Resolve(world);
  EXPECT_TRUE(resolution) << resolution.error().message;
  std::string text;
  for (const std::string& line : Preview(world, *resolution, *date::locate_zone("Europe/Berlin")))
    text += line + "\n";
  return text;
}

TEST(RestorePreviewTest, SaysWhatWillHappen) {
  World world = InPlaceWorld();
  world.restore.spec.source.as_of = At("2026-08-04T00:00:00Z");
  world.repository->status.restore_bytes_per_second = 100 << 20;
  EXPECT_EQ(Text(world),
            "Restore StatefulSet/db in namespace shop in place, to how it was at 2026-08-03 "
            "02:00:00 CEST (2d12h ago):\n"
            "  from      Backup old in BackupRepository offsite\n"
            "  volume    data-db-0  1.0 GiB  snapshot aaaaaaaa\n"
            "  volume    data-db-1  1.0 GiB  snapshot aaaaaaaa\n"
            "  reads     2.0 GiB at most\n"
            "  takes     about 21s, at 100.0 MiB/s as earlier Restores were\n"
            "  stops     pods db-0, db-1, until it is over\n"
            "  extra     files that are not in the backup are removed\n"
            "What was written since then is lost in these volumes.\n");
}

TEST(RestorePreviewTest, ThePolicysExpectedTimeComesFirst) {
  World world = InPlaceWorld();
  world.policy->status.recovery_time = "3m10s";
  EXPECT_THAT(Text(world), HasSubstr("about 3m10s"));
}

TEST(RestorePreviewTest, WhatIsNotKnownIsNotSaid) {
  World world = InPlaceWorld();
  world.repository.reset();
  world.set->replicas = 0;
  EXPECT_THAT(Text(world), Not(HasSubstr("takes")));
  EXPECT_THAT(Text(world), Not(HasSubstr("stops")));
}

TEST(RestorePreviewTest, WhatWasAgreedToIsWhatIsRestored) {
  World world = InPlaceWorld();
  const auto resolution = Resolve(world);
  ASSERT_TRUE(resolution);
  const crds::RestoreSource source = Pinned(world, *resolution);
  EXPECT_EQ(source.backup, "new");
  EXPECT_EQ(source.policy, "");
}

// One volume is taken from an older Backup: no single Backup says that.
TEST(RestorePreviewTest, AVolumeOfAnOlderBackupKeepsThePolicyAndTheTime) {
  World world = InPlaceWorld();
  world.backups[1].status.phase = crds::BackupPhase::kPartiallyFailed;
  world.backups[1].status.volumes[1].snapshot.clear();
  const auto resolution = Resolve(world);
  ASSERT_TRUE(resolution);
  const crds::RestoreSource source = Pinned(world, *resolution);
  EXPECT_EQ(source.policy, "nightly");
  EXPECT_EQ(source.backup, "");
  EXPECT_EQ(source.as_of, At("2026-08-05T00:00:00Z"));
  EXPECT_THAT(Text(world), HasSubstr("older Backup old"));
}

TEST(RestorePreviewTest, TargetsAreTheSetOrPairsOfClaims) {
  RestoreCommand command;
  command.what = "sts/db";
  EXPECT_EQ(TargetsOf(command, "db")->stateful_set, "db");
  EXPECT_THAT(TargetsOf(command, "").error().message, HasSubstr("--into FROM=TO"));
  command.into = {"data-db-0=inspect"};
  const auto targets = TargetsOf(command, "db");
  ASSERT_TRUE(targets);
  EXPECT_EQ(targets->stateful_set, "");
  EXPECT_EQ(targets->claims[0].from, "data-db-0");
  EXPECT_EQ(targets->claims[0].to, "inspect");
  for (const char* bad : {"data", "=x", "x="}) {
    command.into = {bad};
    EXPECT_THAT(TargetsOf(command, "db").error().message, HasSubstr("write FROM=TO")) << bad;
  }
}

TEST(ChooseTest, ThePolicyOfAWorkload) {
  const auto by_name = builders::PolicyNamed("nightly").Build();
  auto by_label = builders::PolicyNamed("labels").Build();
  by_label.spec.target = {};
  by_label.spec.target.selector.emplace().match_labels = {{"app", "db"}};
  controllers::StatefulSetView set;
  set.key = {"shop", "db"};
  EXPECT_EQ(PolicyFor({by_name, by_label}, "db", &set, "")->metadata.name, "nightly");
  set.labels = {{"app", "db"}};
  EXPECT_THAT(PolicyFor({by_name, by_label}, "db", &set, "").error().message,
              HasSubstr("nightly, labels"));
  EXPECT_EQ(PolicyFor({by_name, by_label}, "db", &set, "labels")->metadata.name, "labels");
  EXPECT_EQ(PolicyFor({by_name, by_label}, "db", nullptr, "")->metadata.name, "nightly");
  EXPECT_THAT(PolicyFor({by_name}, "web", nullptr, "").error().message, HasSubstr("nightly"));
  EXPECT_THAT(PolicyFor({by_name}, "db", nullptr, "other").error().message,
              HasSubstr("there is no BackupPolicy other"));
}

TEST(ChooseTest, TheBackupOfATime) {
  const World world = InPlaceWorld();
  EXPECT_EQ(BackupAt(world.backups, "nightly", {})->metadata.name, "new");
  EXPECT_EQ(BackupAt(world.backups, "nightly", At("2026-08-04T23:59:59Z"))->metadata.name, "old");
  EXPECT_THAT(BackupAt(world.backups, "nightly", At("2026-08-01T00:00:00Z")).error().message,
              HasSubstr("its oldest one, old, started at 2026-08-03T00:00:00Z"));
  EXPECT_THAT(BackupAt(world.backups, "other", {}).error().message,
              HasSubstr("kubectl holdfast backup bkp/other"));
  EXPECT_EQ(VolumeIn(world.backups[0], "data-db-1")->claim, "data-db-1");
  EXPECT_THAT(VolumeIn(world.backups[0], "").error().message, HasSubstr("--claim"));
  EXPECT_THAT(VolumeIn(world.backups[0], "x").error().message, HasSubstr("data-db-0, data-db-1"));
}

crds::Restore AtWork() {
  crds::Restore restore;
  const TimePoint start = At("2026-08-05T12:00:00Z");
  restore.status.steps = {
      {"ScaleDown", crds::RunState::kSucceeded, start, start + std::chrono::seconds(3),
       "from 2 replicas to 0"},
      {"Restore", crds::RunState::kRunning, start + std::chrono::seconds(3), {}, ""}};
  crds::VolumeRestore volume;
  volume.claim = "data-db-0";
  volume.state = crds::RunState::kRunning;
  volume.progress = "50%";
  restore.status.volumes = {volume};
  restore.status.progress = "50%";
  restore.status.eta = "10s";
  restore.status.throughput = "52.3 MiB/s";
  crds::SetReconciling(restore.status.conditions, {1, "Restoring", "Restoring 1 volume."}, start);
  return restore;
}

TEST(ProgressTest, StepsVolumesAndWhatIsLeft) {
  EXPECT_THAT(Lines(AtWork(), At("2026-08-05T12:00:10Z")),
              ElementsAre("ScaleDown      Succeeded       3s  from 2 replicas to 0",
                          "Restore        Running         7s  ",
                          "  data-db-0                    [===========>           ]  50%",
                          "  50%, 52.3 MiB/s, still 10s", "Restoring 1 volume."));
}

TEST(ProgressTest, WithoutATerminalEachThingIsSaidOnce) {
  Milestones milestones;
  crds::Restore restore = AtWork();
  EXPECT_THAT(milestones.Next(restore), ElementsAre("ScaleDown Succeeded after 3s", "Restore",
                                                    "  data-db-0 Running", "Restoring 1 volume."));
  restore.status.volumes[0].progress = "60%";
  EXPECT_THAT(milestones.Next(restore), ElementsAre());
  restore.status.volumes[0].state = crds::RunState::kSucceeded;
  EXPECT_THAT(milestones.Next(restore), ElementsAre("  data-db-0 Succeeded"));
}

}  // namespace
}  // namespace holdfast::plugin
