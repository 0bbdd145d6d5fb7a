// Keeps a BackupRepository's status true, and its locks free of the dead, by probe Jobs in the
// repository's namespace. The operator itself never reads a Secret and never talks to a store.
#pragma once

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
  Result<void> Apply(const repository::World& world, const repository::Plan& plan,
                     std::stop_token stop);
  Result<void> StartProbe(const repository::World& world, const repository::ProbeStart& start,
                          std::stop_token stop);
  Result<void> ReportRefusal(const repository::World& world, const Error& error,
                             std::stop_token stop);

  const Context& context_;
  repository::MoverWatch movers_;
};

}  // namespace holdfast::controllers
