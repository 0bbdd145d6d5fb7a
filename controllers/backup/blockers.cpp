#include "controllers/backup/blockers.h"

#include "controllers/reasons.h"

namespace holdfast::controllers::backup {
namespace {

std::string Quoted(const std::string& name) { return "\"" + name + "\""; }

std::optional<Blocker> CheckPolicyExists(const World& world) {
  if (world.policy != nullptr) return std::nullopt;
  return Blocker{{reason::kPolicyNotFound, "there is no BackupPolicy " +
                                               Quoted(world.backup.spec.policy) + " in namespace " +
                                               world.backup.metadata.namespace_ +
                                               "; create it, and this Backup runs by itself"}};
}

std::optional<Blocker> CheckPolicyIsSound(const World& world) {
  const auto finding = CheckPolicy(*world.policy, world.allowed);
  // A cron expression does not concern a run that has been asked for.
  if (!finding || finding->reason == reason::kInvalidSchedule) return std::nullopt;
  return Blocker{{reason::kPolicyNotReady,
                  "BackupPolicy " + Quoted(world.backup.spec.policy) + ": " + finding->message}};
}

std::optional<Blocker> CheckWorkload(const World& world) {
  if (const auto finding = CheckTarget(*world.policy, world.stateful_sets))
    return Blocker{*finding};
  return std::nullopt;
}

std::optional<Blocker> CheckRepository(const World& world) {
  const std::string name = Quoted(world.policy->spec.repository);
  if (world.repository == nullptr)
    return Blocker{
        {reason::kRepositoryNotFound, "there is no BackupRepository " + name + " in namespace " +
                                          world.backup.metadata.namespace_ +
                                          "; create it, and this Backup runs by itself"}};
  if (const auto finding = CheckSecretsAccepted(world.policy->spec, *world.repository))
    return Blocker{*finding};
  const crds::Condition* ready =
      crds::FindCondition(world.repository->status.conditions, crds::kReady);
  if (ready != nullptr && ready->status == crds::ConditionStatus::kTrue) return std::nullopt;
  return Blocker{{reason::kRepositoryNotReady, "BackupRepository " + name + " is not ready" +
                                                   (ready == nullptr ? "" : ": " + ready->message)},
                 false};
}

std::optional<Blocker> CheckTurn(const World& world) {
  if (world.older.empty()) return std::nullopt;
  return Blocker{{reason::kBackupRunning,
                  "waits for Backup " + Quoted(world.older) + " of the same policy to end"},
                 false};
}

// What a restore has half written must not become the latest backup.
std::optional<Blocker> CheckNoRestore(const World& world) {
  if (world.restoring.empty()) return std::nullopt;
  return Blocker{{reason::kWaitingForRestore, "waits until Restore " + Quoted(world.restoring) +
                                                  " has brought its StatefulSet back"},
                 false};
}

}  // namespace

std::optional<Blocker> FindBlocker(const World& world) {
  if (auto blocker = CheckPolicyExists(world)) return blocker;
  for (const auto check :
       {CheckPolicyIsSound, CheckWorkload, CheckRepository, CheckNoRestore, CheckTurn})
    if (auto blocker = check(world)) return blocker;
  return std::nullopt;
}

}  // namespace holdfast::controllers::backup
