// Who is next for a repository's slots, by the caches.
#include "controllers/backup/queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/reasons.h"
#include "tests/builders/caches.h"
#include "tests/builders/kinds.h"

namespace holdfast::controllers::backup {
namespace {

using builders::At;
using builders::BackupNamed;
using builders::RepositoryNamed;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class QueueTest : public ::testing::Test {
 protected:
  QueueTest() { caches_.Add(RepositoryNamed("offsite").WithSlots(2).Build()); }

  // Made at that minute, and told that it waits for a slot.
  crds::Backup Waiting(const std::string& name, int minute, int volumes = 1) {
    BackupNamed builder(name);
    for (int i = 0; i < volumes; ++i) builder.Volume("data-" + std::to_string(i));
    crds::Backup backup = builder.Build();
    backup.metadata.creation_timestamp = At("2026-06-01T00:00:00Z") + std::chrono::minutes(minute);
    backup.status.repository = "offsite";
    crds::SetReconciling(backup.status.conditions, {1, reason::kWaitingForSlot, "waits"},
                         At("2026-06-01T00:00:00Z"));
    caches_.Add(backup);
    return backup;
  }

  std::vector<std::string> Head() const {
    std::vector<std::string> names;
    for (const kube::ObjectKey& key : HeadOfQueue(caches_.caches(), {"shop", "offsite"}))
      names.push_back(key.name);
    return names;
  }

  builders::FilledCaches caches_;
};

TEST_F(QueueTest, TheOldestAreItsHead) {
  Waiting("d", 4);
  Waiting("b", 2);
  Waiting("c", 3);
  Waiting("a", 1);
  EXPECT_THAT(Head(), ElementsAre("a", "b", "c")) << "two slots, and the one after them";
}

TEST_F(QueueTest, WhatRunsOrIsOverIsNotInIt) {
  crds::Backup running = Waiting("running", 0);
  running.status.volumes[0].job = "running-data-0";
  running.status.volumes[0].state = crds::RunState::kRunning;
  caches_.Add(running);
  crds::Backup over = Waiting("over", 0);
  over.status.phase = crds::BackupPhase::kFailed;
  caches_.Add(over);
  Waiting("a", 1);
  EXPECT_THAT(Head(), ElementsAre("a"));
  EXPECT_THAT(HeadOfQueue(caches_.caches(), {"shop", "unknown"}), IsEmpty());
}

TEST_F(QueueTest, FarBackIsWhoIsNotNextHoweverManySlotsThereAre) {
  const crds::Backup a = Waiting("a", 1);
  const crds::Backup b = Waiting("b", 2);
  EXPECT_FALSE(IsFarBack(caches_.caches(), a));
  EXPECT_TRUE(IsFarBack(caches_.caches(), b));
}

TEST_F(QueueTest, WhoWaitsForSomethingElseKeepsNoMoreThanItsSlots) {
  crds::Backup a = Waiting("a", 1);
  crds::SetReconciling(a.status.conditions, {1, reason::kJobRefused, "refused"},
                       At("2026-06-01T00:00:00Z"));
  caches_.Add(a);
  EXPECT_FALSE(IsFarBack(caches_.caches(), Waiting("b", 2)));
}

TEST_F(QueueTest, EveryVolumeTakesAPlace) {
  Waiting("a", 1, 2);
  EXPECT_TRUE(IsFarBack(caches_.caches(), Waiting("b", 2)));
}

TEST_F(QueueTest, WhoWasNotToldWhyItWaitsIsLookedAt) {
  Waiting("a", 1);
  Waiting("b", 2);
  crds::Backup c = Waiting("c", 3);
  c.status.conditions.clear();
  EXPECT_FALSE(IsFarBack(caches_.caches(), c));
}

TEST_F(QueueTest, WhoGoesMakesRoom) {
  crds::Backup a = Waiting("a", 1);
  const crds::Backup b = Waiting("b", 2);
  EXPECT_TRUE(IsFarBack(caches_.caches(), b));
  a.metadata.deletion_timestamp = At("2026-06-01T01:00:00Z");
  caches_.Add(a);
  EXPECT_FALSE(IsFarBack(caches_.caches(), b));
}

}  // namespace
}  // namespace holdfast::controllers::backup
