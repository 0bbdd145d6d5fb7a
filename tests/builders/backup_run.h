// A Backup "run" of the policy "nightly", whose StatefulSet has two volumes, with all that Decide
// wants to know of it: for tests that change what matters to them, and look at what is planned.
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "controllers/backup/decide.h"
#include "controllers/backup/volumes.h"
#include "tests/builders/kinds.h"

namespace holdfast::builders {

class BackupRunTest : public ::testing::Test {
 protected:
  BackupRunTest() {
    world_.now = At("2026-06-01T02:00:00Z");
    world_.backup = BackupNamed("run").Build();
    world_.policy = &policy_;
    world_.repository = &repository_;
    world_.stateful_sets = {&stateful_set_};
    world_.free_slots = 4;
  }
  controllers::backup::Plan Decided() const {
    return controllers::backup::Decide(world_, settings_);
  }
  static const crds::Condition& Ready(const controllers::backup::Plan& plan) {
    return *crds::FindCondition(plan.status.conditions, crds::kReady);
  }
  // The volumes are resolved, and none has a Job.
  void Resolved(const std::vector<std::string>& claims) {
    for (const std::string& claim : claims) {
      world_.backup.status.volumes.emplace_back().claim = claim;
      world_.volumes.emplace_back().claim = claim;
    }
  }
  controllers::backup::VolumeWorld& HasJob(std::size_t i, controllers::MoverPhase phase) {
    world_.backup.status.start_time = At("2026-06-01T01:59:00Z");
    world_.backup.status.phase = crds::BackupPhase::kRunning;
    controllers::backup::VolumeWorld& seen = world_.volumes[i];
    seen.job.emplace().key = {"shop", controllers::backup::JobNameFor(world_.backup, seen.claim)};
    seen.mover.phase = phase;
    seen.mover.attempts = 1;
    return seen;
  }

  crds::BackupPolicy policy_ = PolicyNamed("nightly").Build();
  crds::BackupRepository repository_ = RepositoryNamed("offsite").WithSlots(4).Build();
  controllers::StatefulSetView stateful_set_ = StatefulSetOf(2);
  controllers::Settings settings_;
  controllers::backup::World world_;
};

}  // namespace holdfast::builders
