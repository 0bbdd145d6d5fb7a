// The plan of one look at a Restore while it is being made, and the words in which its status and
// events are written.
#pragma once

#include <string>

#include "controllers/restore/decide.h"
#include "controllers/restore/steps.h"

namespace holdfast::controllers::restore {

struct Draft {
  Draft(const World& of, const Settings& with);

  // What a Restore that is not over says whatever becomes of it.
  void Open();

  // --- Steps ---
  crds::RestoreStep* FindStep(const char* name);
  // The message of a step that runs already is replaced, except by an empty one.
  void BeginStep(const char* name, const std::string& message);
  void EndStep(const char* name);

  // --- Conditions and events ---
  crds::Verdict Verdict(const char* why, const std::string& message) const;
  void Ready(const char* why, const std::string& message);
  void Progressing(const char* why, std::string message);
  // Comes back at the deadline if nothing changes before.
  void Wait(const char* why, const std::string& message);
  void Stall(const char* why, const std::string& message);
  // Over, and not well.
  void Condemn(const char* why, const std::string& message);
  void Announce(kube::EventType type, const char* why, const std::string& message,
                bool on_set = false);
  // What the Restore was waiting for.
  std::string LastWords() const;

  // --- Time ---
  TimePoint Deadline() const;
  bool Late() const { return world.now >= Deadline(); }
  Requeue LookAgain() const;  // pods that are not our movers are not watched

  bool HasFinalizer() const;
  const std::string& SetName() const { return restore.spec.target.stateful_set; }
  // "Backup before-upgrade"
  std::string Origin() const;
  // "2 replicas of StatefulSet db are ready"
  std::string ReplicasReady(std::int64_t count) const;

  const World& world;
  const Settings& settings;
  const crds::Restore& restore;
  Plan plan;
};

// Whether BackupRepository status.repository is there and ready; says so and waits where it is not.
bool RepositoryReady(Draft& d);

}  // namespace holdfast::controllers::restore
