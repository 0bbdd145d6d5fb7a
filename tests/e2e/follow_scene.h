// What the tests of standbys share: StatefulSets and Restores that follow, here or in another
// namespace, what they hold, and the child at work.
#pragma once

#include <string>

#include "tests/e2e/fixture.h"

namespace holdfast::e2e {

class FollowScene : public EndToEnd {
 protected:
  static constexpr std::int64_t kMiB = 1 << 20;

  // StatefulSet "copy" of the same pods.
  std::string CopyYaml(int replicas) const;
  // The Restore "standby" of policy "app"; `target` is YAML in one line.
  static std::string FollowYaml(const std::string& target, const std::string& more = "");
  // A namespace with examples/follow-standby.yaml: StatefulSet "app" of no pods, Restore "standby".
  Kubectl MakeStandbyElsewhere();

  // status.follow; empty while there is none.
  static Json Follow(const Kubectl& there, const std::string& name);
  static bool AwaitHolds(const Kubectl& there, const std::string& name, const std::string& backup);
  // Of all volumes.
  static std::int64_t Sum(const Kubectl& there, const std::string& name, const char* member);

  static void Promote(const Kubectl& there, const std::string& name);
  static bool AwaitPromoted(const Kubectl& there, const std::string& name);

  // The child at work, once its mover runs.
  static std::string AwaitWriting(const Kubectl& there, const std::string& name);
  static std::string RunningMover(const Kubectl& there, const std::string& child);

  // --- Of Restore "standby" in the namespace of the test ---

  Json Children() const;
  std::string AwaitWriting() const { return AwaitWriting(kubectl_, "standby"); }
  std::string RunningMover(const std::string& child) const { return RunningMover(kubectl_, child); }
  // Neither presented as what it is to become, nor run on.
  void ExpectNotYet(const std::string& backup) const;
};

}  // namespace holdfast::e2e
