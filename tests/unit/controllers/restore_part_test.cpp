// A part of a StatefulSet: target.volumeClaims and target.ordinals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/reasons.h"
#include "controllers/restore/resolve.h"

namespace holdfast::controllers::restore {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Backup "nightly" of templates data and wal of pg-0, pg-1 and pg-2, and StatefulSet "pg".
World NightlyInto(int replicas) {
  World world;
  world.restore.spec.source.backup = "nightly";
  world.restore.spec.target.stateful_set = "pg";
  world.backup.emplace();
  world.backup->metadata.name = "nightly";
  world.backup->status.phase = crds::BackupPhase::kSucceeded;
  for (const std::string pod : {"pg-0", "pg-1", "pg-2"})
    for (const std::string part : {"data", "wal"}) {
      crds::VolumeBackup volume;
      volume.claim = part + "-" + pod;
      volume.pod = pod;
      volume.snapshot = std::string(64, 'a');
      world.backup->status.volumes.push_back(volume);
    }
  world.set.emplace();
  world.set->key = {"shop", "pg"};
  world.set->replicas = replicas;
  world.set->claim_templates = {"data", "wal"};
  return world;
}

std::vector<std::string> Claims(const World& world) {
  const auto resolution = Resolve(world);
  EXPECT_TRUE(resolution) << resolution.error().message;
  std::vector<std::string> claims;
  if (resolution)
    for (const crds::VolumeRestore& volume : resolution->volumes) claims.push_back(volume.claim);
  return claims;
}

std::string Refusal(const World& world) {
  const auto resolution = Resolve(world);
  EXPECT_FALSE(resolution);
  if (resolution) return "";
  EXPECT_TRUE(resolution.error().final);
  EXPECT_EQ(resolution.error().reason, reason::kInvalidSpec);
  return resolution.error().message;
}

TEST(RestorePartTest, OneOrdinalAlone) {
  World world = NightlyInto(3);
  world.restore.spec.target.ordinals = {1};
  EXPECT_THAT(Claims(world), ElementsAre("data-pg-1", "wal-pg-1"));
  EXPECT_EQ(Resolve(world)->note,
            "All pods of the StatefulSet stop meanwhile: its controller keeps no single one away.");
}

TEST(RestorePartTest, OneTemplateOfAllPods) {
  World world = NightlyInto(3);
  world.restore.spec.target.volume_claims = {"wal"};
  EXPECT_THAT(Claims(world), ElementsAre("wal-pg-0", "wal-pg-1", "wal-pg-2"));
  EXPECT_EQ(Resolve(world)->note, "") << "what is not asked for is not spoken of";
}

TEST(RestorePartTest, BothTogether) {
  World world = NightlyInto(3);
  world.restore.spec.target.volume_claims = {"data"};
  world.restore.spec.target.ordinals = {0, 2};
  EXPECT_THAT(Claims(world), ElementsAre("data-pg-0", "data-pg-2"));
}

TEST(RestorePartTest, WhatTheSourceLacksOfThePartIsSaid) {
  World world = NightlyInto(5);
  world.restore.spec.target.ordinals = {2, 4};
  EXPECT_THAT(Claims(world), ElementsAre("data-pg-2", "wal-pg-2"));
  EXPECT_THAT(Resolve(world)->note,
              HasSubstr("Not in the source, and left as they are: data-pg-4, wal-pg-4."));
  world.restore.spec.target.ordinals = {4};
  EXPECT_EQ(Refusal(world), "The source has no volume of ordinal 4 of StatefulSet pg.");
}

TEST(RestorePartTest, WhatTheStatefulSetLacksIsRefused) {
  World world = NightlyInto(2);
  world.restore.spec.target.ordinals = {2};
  EXPECT_EQ(Refusal(world), "target.ordinals: StatefulSet pg has no pod pg-2; its replicas are 2.");
  world.set->replicas = 0;
  EXPECT_THAT(Claims(world), ElementsAre("data-pg-2", "wal-pg-2")) << "nobody says how many it has";
  world.restore.spec.target.ordinals = {};
  world.restore.spec.target.volume_claims = {"date"};
  EXPECT_EQ(Refusal(world),
            "target.volumeClaims: StatefulSet pg has no volumeClaimTemplate date; it has data, "
            "wal.");
}

// Before, it was resolved to nothing, again and again.
TEST(RestorePartTest, ASourceWhosePodsAreAllGoneIsRefused) {
  World world = NightlyInto(1);
  auto& volumes = world.backup->status.volumes;
  volumes.erase(volumes.begin(), volumes.begin() + 2);
  EXPECT_THAT(Refusal(world),
              HasSubstr("for which StatefulSet pg has no pod: its replicas are 1. Scale it, or"));
}

// A snapshot of VolSync says neither claim nor pod.
TEST(RestorePartTest, ASourceOfOneVolumeFitsWhereOneIsAskedFor) {
  World world = NightlyInto(3);
  world.restore.spec.source = {};
  world.restore.spec.source.repository = "old";
  world.restore.spec.source.host = "volsync";
  world.restore.spec.source.path = "/data";
  EXPECT_THAT(Refusal(world), HasSubstr("The source has data, but the claims of StatefulSet pg"));
  world.restore.spec.target.volume_claims = {"wal"};
  EXPECT_THAT(Refusal(world), HasSubstr("restore into claims instead"));
  world.restore.spec.target.ordinals = {1};
  EXPECT_THAT(Claims(world), ElementsAre("wal-pg-1"));
  world.restore.spec.target.ordinals = {};
  world.set->replicas = 1;
  EXPECT_THAT(Claims(world), ElementsAre("wal-pg-0"));
}

TEST(RestorePartTest, AnAbsurdNumberOfReplicasCostsNothing) {
  World world = NightlyInto(2'000'000'000);
  EXPECT_EQ(Claims(world).size(), 6u);
  EXPECT_THAT(Resolve(world)->note, HasSubstr("and 3999999984 more"));
}

}  // namespace
}  // namespace holdfast::controllers::restore
