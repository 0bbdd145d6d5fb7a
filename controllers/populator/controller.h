// Fills claims whose dataSourceRef names a Backup, or a Restore with target.populator (decide.h
// tells the story).
#pragma once

#include "controllers/context.h"
#include "controllers/populator/decide.h"
#include "controllers/reconciler.h"

namespace holdfast::controllers {

// Keys are claims. To be reconciled when a claim that asks to be filled changes, as long as it has
// no volume and when it gets one; when the Restore that belongs to it does; and while it waits,
// when a Backup, Restore, BackupPolicy or BackupRepository of its namespace does.
class PopulatorController final : public Reconciler {
 public:
  explicit PopulatorController(const Context& context) : context_(context) {}

  std::string_view Name() const override { return "populator"; }
  Result<Requeue> Reconcile(const kube::ObjectKey& key, std::stop_token stop) override;

 private:
  Result<void> Apply(const populator::Plan& plan, std::stop_token stop);
  Result<void> RemoveChild(const crds::ObjectMeta& child, std::stop_token stop);
  void Announce(const populator::Claim& claim, const std::vector<populator::Announcement>& events);

  const Context& context_;
};

}  // namespace holdfast::controllers
