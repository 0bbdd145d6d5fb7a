#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/restore/progress.h"

namespace holdfast::controllers::restore {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

crds::VolumeRestore Recorded(World& world, std::uint64_t metadata_failures) {
  Mover& mover = world.movers["data-pg-0"];
  mover.state.phase = MoverPhase::kSucceeded;
  mover.state.result.emplace();
  mover.state.result->bytes = 300 << 20;
  mover.state.result->duration_ms = 1500;
  mover.state.result->metadata_failures = metadata_failures;
  crds::RestoreStatus status;
  status.volumes.emplace_back().claim = "data-pg-0";
  RecordVolumes(world, status);
  return status.volumes[0];
}

TEST(RestoreProgressTest, AVolumesRateIsThatOfItsMover) {
  World world;
  const crds::VolumeRestore volume = Recorded(world, 0);
  EXPECT_EQ(volume.bytes_per_second, 200 << 20);
  EXPECT_EQ(volume.message, "");
}

TEST(RestoreProgressTest, OwnersThatCouldNotBeMappedAreSaid) {
  World world;
  EXPECT_THAT(Recorded(world, 3).message,
              EndsWith("3 owners, modes, times or attributes could not be set"));
  EXPECT_EQ(Recorded(world, 1).message, "1 owner, mode, time or attribute could not be set");
  world.restore.spec.owners.uids = {{999, 1000}};
  EXPECT_THAT(Recorded(world, 3).message,
              HasSubstr("only where the mover is root (spec.mover.securityContext.runAsUser: 0)"));
  EXPECT_EQ(Recorded(world, 0).message, "");
}

}  // namespace
}  // namespace holdfast::controllers::restore
