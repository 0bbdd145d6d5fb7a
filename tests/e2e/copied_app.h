// A StatefulSet "app" whose pod counts in two volumes of the CSI driver in lock step, and what its
// Backups stage: for tests of VolumeSnapshots, clones and VolumeGroupSnapshots.
#pragma once

#include <string>
#include <vector>

#include "tests/e2e/fixture.h"

namespace holdfast::e2e {

// A mover so slow that a test can step in while it reads: spec.limits of the repository.
inline constexpr const char* kSlow = "{uploadPerSecond: 4Mi, downloadPerSecond: 4Mi}";

// The writer holds still while /dev/shm/hold is there. As in examples/policy-snapshot.yaml.
inline constexpr const char* kHooks = R"(  hooks:
    pre: [{command: [sh, -c, 'touch /dev/shm/hold; until [ -e /dev/shm/held ]; do sleep 0.05; done; cat /data/count']}]
    post: [{command: [sh, -c, 'rm -f /dev/shm/hold']}]
)";

class CopiedApp : public EndToEnd {
 protected:
  // One pod with two claims, a large file in the first and a counter in both.
  void MakeApp(const std::string& limits = "", const std::string& of_data = "csi",
               const std::string& of_log = "csi") const;
  static std::string AppYaml(const std::string& of_data, const std::string& of_log);

  void Policy(const std::string& more) const;
  void BackUp(const std::string& name) const;
  // By a policy of its own, which goes to no other's turn.
  void BackUpBy(const std::string& name, const std::string& more) const;

  Json Status(const std::string& backup) const;
  Json Volume(const std::string& backup, std::size_t i) const;
  int Count() const;
  std::vector<Json> Items(const std::string& kind) const;
  // What is there beyond the workload's own two claims and their volumes.
  std::string Staged() const;
  void ExpectNothingLeft(const std::string& after) const;
  bool AwaitReading(const std::string& backup) const;
  std::string OtherNode() const;
  std::string Dumped(const std::string& snapshot, const std::string& path) const;
};

}  // namespace holdfast::e2e
