// Keeps a BackupRepository's status true, and its locks free of the dead, by probe Jobs in the
// repository's namespace. The operator itself never reads a Secret and never talks to a store.
#pragma once

#include <map>
#include <mutex>
#include <optional>

#include "controllers/context.h"
#include "controllers/reconciler.h"
#include "controllers/repository/decide.h"
#include "controllers/repository/holders.h"

namespace holdfast::controllers {

// To be reconciled when the BackupRepository changes, and when a Job (or its pods) of it does:
// probes by owner, other movers by index::kRepository.
class RepositoryController final : public Reconciler {
 public:
  explicit RepositoryController(const Context& context) : context_(context) {}

  std::string_view Name() const override { return "repository"; }
  Result<Requeue> Reconcile(const kube::ObjectKey& key, std::stop_token stop) override;

 private:
  // What is remembered of a repository goes with it.
  Requeue Forget(const kube::ObjectKey& key);
  // Decides about what was read live, and does it.
  Result<Requeue> Carry(const repository::World& world, std::stop_token stop);
  // Completes plan.status by what an import came to.
  Result<void> Apply(const repository::World& world, repository::Plan& plan, std::stop_token stop);
  // Makes Backups of what plan.read_import lists, and says in the plan how far that is.
  Result<void> Import(const repository::World& world, repository::Plan& plan, std::stop_token stop);
  Result<void> Remove(const std::vector<crds::Backup>& backups, std::stop_token stop);
  // Chooses the volume, and writes down in the plan's status what is to be made.
  Result<void> BeginDrill(const repository::World& world, repository::Plan& plan);
  Result<Json> ClaimOf(const crds::RepositoryDrill& drill, const std::string& ns,
                       std::stop_token stop);
  Result<void> MakeDrill(const repository::World& world, const repository::Plan& plan,
                         std::stop_token stop);
  Result<void> StartProbe(const repository::World& world, const repository::ProbeStart& start,
                          std::stop_token stop);
  Result<void> ReportRefusal(const repository::World& world, const Error& error,
                             std::stop_token stop);

  std::optional<TimePoint> WaitingTold(const kube::ObjectKey& key);
  void NoteTold(const repository::World& world, const repository::Plan& plan);

  const Context& context_;
  repository::MoverWatch movers_;
  std::mutex mutex_;
  std::map<kube::ObjectKey, TimePoint> waiting_told_;  // guarded by mutex_
};

}  // namespace holdfast::controllers
