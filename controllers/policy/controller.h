// Runs a BackupPolicy: makes Backups when they are due, one at a time, watches volumes where it is
// to, and applies retention.
//
// Backups are not owned by their policy: deleting a policy must not delete the record of what was
// saved (data outlives objects). They are found by spec.policy.
//
// Most looks find nothing to do; those cost no request, for they look at the cache.
#pragma once

#include "controllers/context.h"
#include "controllers/policy/decide.h"
#include "controllers/reconciler.h"

namespace holdfast::controllers {

class PolicyController final : public Reconciler {
 public:
  // `context` must outlive it.
  explicit PolicyController(const Context& context) : context_(context) {}

  std::string_view Name() const override { return "policy"; }
  Result<Requeue> Reconcile(const kube::ObjectKey& key, std::stop_token stop) override;

 private:
  // Decides about what was read live, and does it.
  Result<Requeue> Carry(const policy::World& world, std::stop_token stop);
  Result<void> Apply(const policy::World& world, const policy::Plan& plan, std::stop_token stop);
  Result<void> CreateBackup(const crds::Backup& backup, std::stop_token stop);
  Result<void> StartForget(const policy::World& world, const policy::ForgetStart& start,
                           std::stop_token stop);
  Result<void> ForgetShared(const policy::World& world, const policy::Plan& plan,
                            std::stop_token stop);
  Result<void> StartWatchers(const policy::World& world, const policy::Plan& plan,
                             std::stop_token stop);
  Result<void> CleanUp(const policy::Plan& plan, std::stop_token stop);
  // The audit trail of retention: whose rule it is by which snapshots go.
  Result<void> AuditForget(const policy::World& world, const policy::ForgetStart& start,
                           std::stop_token stop);

  const Context& context_;
};

}  // namespace holdfast::controllers
