#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/reasons.h"
#include "controllers/restore/browse.h"
#include "controllers/restore/rivals.h"
#include "jobs/protocol/args.h"
#include "tests/builders/kinds.h"

namespace holdfast::controllers::restore {
namespace {

using namespace std::chrono_literals;
using builders::At;
using crds::RestorePhase;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const TimePoint kNow = *ParseTime("2026-08-01T12:00:00Z");

World BrowseWorld() {
  World world;
  world.now = kNow;
  world.restore.metadata = builders::InShop("look");
  world.restore.metadata.generation = 1;
  world.restore.spec.source.repository = "offsite";
  world.restore.spec.target.browse.emplace();
  world.repository = builders::RepositoryNamed("offsite").Build();
  return world;
}

// What one pass wrote is what the next one reads.
Plan Pass(World& world) {
  Plan plan = Decide(world, Settings{});
  world.restore.status = plan.status;
  return plan;
}

Mover MoverIn(MoverPhase phase, const std::string& pod = "look-abc") {
  Mover mover;
  mover.job.complete = phase == MoverPhase::kSucceeded;
  mover.job.broken = phase == MoverPhase::kFailed;
  mover.state.phase = phase;
  mover.state.pod = pod;
  return mover;
}

const crds::Condition& ReadyOf(const Plan& plan) {
  const crds::Condition* ready = crds::FindCondition(plan.status.conditions, crds::kReady);
  if (ready != nullptr) return *ready;
  ADD_FAILURE() << "no condition Ready";
  static const crds::Condition kNone;
  return kNone;
}

TEST(RestoreBrowseTest, StartsAJobSaysWhichPodAndEndsWithIt) {
  World world = BrowseWorld();
  EXPECT_EQ(Pass(world).status.repository, "offsite");
  EXPECT_TRUE(Pass(world).start_browser);
  world.movers[kBrowser] = MoverIn(MoverPhase::kWaiting, "");
  EXPECT_EQ(Pass(world).status.pod, "");

  world.movers[kBrowser] = MoverIn(MoverPhase::kRunning);
  Plan plan = Pass(world);
  EXPECT_EQ(plan.status.pod, "look-abc");
  EXPECT_EQ(plan.status.phase, RestorePhase::kBrowsing);
  EXPECT_EQ(ReadyOf(plan).status, crds::ConditionStatus::kTrue);
  EXPECT_THAT(ReadyOf(plan).message,
              HasSubstr("kubectl -n shop exec look-abc -- holdfast-mover snapshots"));
  EXPECT_EQ(plan.events.size(), 1u);
  plan = Pass(world);
  EXPECT_THAT(plan.events, IsEmpty()) << "said once";
  EXPECT_FALSE(plan.start_browser);

  world.movers[kBrowser] = MoverIn(MoverPhase::kSucceeded);
  plan = Pass(world);
  EXPECT_EQ(plan.status.phase, RestorePhase::kSucceeded);
  EXPECT_EQ(plan.status.pod, "");
  EXPECT_EQ(Pass(world).expire.size(), 1u);
}

TEST(RestoreBrowseTest, AnotherPodIsNamedAnew) {
  World world = BrowseWorld();
  Pass(world);
  world.movers[kBrowser] = MoverIn(MoverPhase::kRunning);
  Pass(world);
  world.movers[kBrowser] = MoverIn(MoverPhase::kWaiting, "");
  EXPECT_EQ(Pass(world).status.pod, "") << "evicted";
  world.movers[kBrowser] = MoverIn(MoverPhase::kRunning, "look-def");
  EXPECT_EQ(Pass(world).status.pod, "look-def");
}

TEST(RestoreBrowseTest, TheSourcesSnapshotsAreNamed) {
  World world = BrowseWorld();
  world.restore.spec.source = {};
  world.restore.spec.source.backup = "nightly";
  world.backup.emplace();
  world.backup->metadata.name = "nightly";
  world.backup->status.phase = crds::BackupPhase::kSucceeded;
  world.backup->status.repository = "offsite";
  crds::VolumeBackup volume;
  volume.claim = "data-pg-0";
  volume.snapshot = std::string(64, 'a');
  world.backup->status.volumes = {volume};
  Pass(world);
  EXPECT_EQ(world.restore.status.repository, "offsite");
  EXPECT_EQ(world.restore.status.backup, "nightly");
  EXPECT_THAT(world.restore.status.volumes, IsEmpty()) << "nothing is restored";
  world.movers[kBrowser] = MoverIn(MoverPhase::kRunning);
  EXPECT_THAT(ReadyOf(Pass(world)).message, HasSubstr("data-pg-0 aaaaaaaa"));
}

TEST(RestoreBrowseTest, WaitsForTheRepositoryAndGivesUpAtTheDeadline) {
  World world = BrowseWorld();
  world.repository = builders::RepositoryNamed("offsite").NotReadyBecause("gone").Build();
  Pass(world);
  Plan plan = Pass(world);
  EXPECT_FALSE(plan.start_browser);
  EXPECT_EQ(ReadyOf(plan).reason, reason::kRepositoryNotReady);
  world.now += 25h;
  plan = Pass(world);
  EXPECT_EQ(plan.status.phase, RestorePhase::kFailed);
  EXPECT_EQ(ReadyOf(plan).reason, reason::kDeadlineExceeded);
}

TEST(RestoreBrowseTest, APodThatCannotStartSaysWhyAndAFailedOneEndsIt) {
  World world = BrowseWorld();
  Pass(world);
  world.movers[kBrowser] = MoverIn(MoverPhase::kWaiting, "");
  world.movers[kBrowser].state.reason = reason::kImageUnavailable;
  world.movers[kBrowser].state.message = "no such image";
  EXPECT_EQ(ReadyOf(Pass(world)).reason, reason::kImageUnavailable);
  world.movers[kBrowser] = MoverIn(MoverPhase::kFailed);
  world.movers[kBrowser].state.reason = reason::kDeadlineExceeded;
  world.movers[kBrowser].state.message = "it took too long";
  const Plan plan = Pass(world);
  EXPECT_EQ(plan.status.phase, RestorePhase::kFailed);
  EXPECT_TRUE(crds::IsTrue(plan.status.conditions, crds::kStalled));
}

TEST(RestoreBrowseTest, NothingIsInItsWayAndItIsInNobodys) {
  World world = BrowseWorld();
  crds::Restore other;
  other.metadata = builders::InShop("other");
  other.metadata.creation_timestamp = kNow - 1h;
  crds::RestoreClaim claim;
  claim.to = "data-pg-0";
  other.spec.target.claims = {claim};
  world.restore.metadata.creation_timestamp = kNow;
  EXPECT_EQ(EarlierRestore(world.restore, {other}), "");
  EXPECT_EQ(EarlierRestore(other, {world.restore}), "");
}

TEST(RestoreBrowseTest, DeletedItDoesNothingMore) {
  World world = BrowseWorld();
  world.restore.metadata.deletion_timestamp = kNow;
  const Plan plan = Decide(world, Settings{});
  EXPECT_FALSE(plan.start_browser);
  EXPECT_EQ(plan.status, world.restore.status);
}

TEST(RestoreBrowseTest, TheJobStaysForThePeriodAndTellsOthersTheRepository) {
  World world = BrowseWorld();
  world.restore.spec.target.browse->period = "2m";
  world.restore.status.repository = "offsite";
  Settings settings;
  settings.cluster_name = "prod";
  const auto job = BuildBrowser(world, settings);
  ASSERT_TRUE(job) << job.error().message;
  EXPECT_EQ((*job)["spec"]["activeDeadlineSeconds"], 2 * 60 + 5 * 60);
  const Json& pod = (*job)["spec"]["template"]["spec"];
  EXPECT_EQ(pod["automountServiceAccountToken"], false);
  EXPECT_EQ(pod["securityContext"]["runAsNonRoot"], true);
  const Json& container = pod["containers"][0];
  EXPECT_EQ(container["args"], (Json{"stay", "--json", "--for=120s"}));
  std::string options;
  for (const Json& variable : container["env"])
    if (variable["name"] == protocol::kOptionsVariable) options = variable["value"];
  const auto words = protocol::DecodeWords(options);
  ASSERT_TRUE(words) << options;
  EXPECT_THAT(*words, Contains("--repo=s3:https://s3.example.com/backups/prod"));
  EXPECT_THAT(*words, Contains("--holder=prod/$(POD_NAMESPACE)/$(POD_NAME)"))
      << "which the kubelet expands";
  EXPECT_THAT(*words, Contains("--lock-wait=60s"));
}

}  // namespace
}  // namespace holdfast::controllers::restore
