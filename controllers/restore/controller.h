// Brings the data of a backup back (decide.h tells the story).
#pragma once

#include "controllers/context.h"
#include "controllers/progress_book.h"
#include "controllers/reconciler.h"
#include "controllers/restore/decide.h"

namespace holdfast::controllers {

// To be reconciled when the Restore changes; when its Jobs or their pods do; when what it names
// appears or changes: Backup, BackupPolicy and its Backups, BackupRepository (index::kRepository
// holds status.repository too), StatefulSet; and when another Restore of the namespace ends.
class RestoreController final : public Reconciler {
 public:
  explicit RestoreController(const Context& context) : context_(context) {}

  std::string_view Name() const override { return "restore"; }
  Result<Requeue> Reconcile(const kube::ObjectKey& key, std::stop_token stop) override;

 private:
  Result<void> Apply(const restore::World& world, const restore::Plan& plan, std::stop_token stop);
  Result<void> CreateClaim(const Json& claim, std::stop_token stop);
  Result<void> CreateChild(const crds::Restore& child, std::stop_token stop);
  Result<void> Scale(const restore::World& world, std::int64_t replicas, std::stop_token stop);
  Result<void> StartMover(const restore::World& world, const restore::Plan& plan,
                          const std::string& claim, std::stop_token stop);
  // With what it owns, which goes before it does. One that is gone is success.
  Result<void> Remove(const kube::Resource& resource, const kube::ObjectKey& key,
                      const std::string& uid, std::stop_token stop);
  Result<void> ReportRefusal(const restore::World& world, const Error& error, std::stop_token stop);
  // Once the status is stored.
  void CarryOutHooks(const restore::World& world, const restore::Plan& plan);
  void Announce(const restore::World& world, const restore::Plan& plan);
  // The audit trail of a Restore: asked for by whom, ended how.
  Result<void> AuditRequest(const restore::World& world, std::stop_token stop);
  static void AuditEnd(const restore::World& world, const restore::Plan& plan);

  const Context& context_;
  ProgressBook book_;
};

}  // namespace holdfast::controllers
