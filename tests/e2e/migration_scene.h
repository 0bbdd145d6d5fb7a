// A StatefulSet that moves to a second cluster, as docs/guide/migration.md has it.
#pragma once

#include <string>

#include "tests/e2e/follow_scene.h"
#include "tests/e2e/second_cluster.h"

namespace holdfast::e2e {

class MigrationScene : public FollowScene {
 protected:
  // The new cluster, in which Restore "move" follows into a StatefulSet of no pods and holds Backup
  // "first". `limits` as for RepositoryYaml.
  Kubectl FollowThere(SecondCluster& second, const std::string& limits = "");
  // The workload here stops for good.
  void StopHere() const;
  void TakeLastBackup() const { kubectl_.Apply(Named("migration/30-last-backup.yaml")); }

  // Names and contents of all files below /data.
  static std::string Content(const Kubectl& there);

 private:
  std::string RepositoryThere(const std::string& limits) const;
  std::string Named(const std::string& path) const;
};

}  // namespace holdfast::e2e
