// What the tests share that interrupt a restore in place: a StatefulSet whose data is lost,
// Restores of it, and the means to stop at a step.
#pragma once

#include <string>

#include "tests/e2e/fixture.h"

namespace holdfast::e2e {

class InterruptionScene : public EndToEnd {
 protected:
  // For RepositoryYaml: slow enough that the interruption falls into the middle, fast enough to
  // wait for.
  static constexpr const char* kSlow = "{uploadPerSecond: 32Mi, downloadPerSecond: 4Mi}";

  // A StatefulSet "app" of one pod whose data is in Backup "good", and lost since.
  void MakeLostApp(int megabytes);
  // The data is as it was before it was lost, in a pod that is ready.
  void ExpectGood() const;

  // A Restore of Backup "good" in place; `more` is YAML below spec.
  void Restore(const std::string& name, const std::string& more = "") const;
  void Delete(const std::string& restore) const;
  bool AwaitGone(const std::string& restore) const;

  // A step of status.steps; null when there is none.
  Json Step(const std::string& restore, const std::string& name) const;
  bool AwaitStep(const std::string& restore, const std::string& name) const;
  // The mover's pod, once it writes, of at least the `attempt`th attempt.
  std::string AwaitMover(const std::string& restore, std::int64_t attempt) const;

  std::int64_t Replicas() const;

 private:
  std::string good_;
};

}  // namespace holdfast::e2e
