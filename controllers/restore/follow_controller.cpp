// The part of RestoreController that serves mode Follow: reads what follow.h decides by, and does
// what it says.
#include <utility>

#include "controllers/labels.h"
#include "controllers/repository/import.h"
#include "controllers/restore/controller.h"
#include "controllers/restore/follow.h"
#include "controllers/restore/rivals.h"
#include "controllers/write_status.h"

namespace holdfast::controllers {

using restore::FollowPlan;
using restore::FollowWorld;

namespace {

// Children are listed, since a cache that lags would make two of them write at once.
class Observer {
 public:
  Observer(const Context& context, crds::Restore restore, std::stop_token stop)
      : context_(context), caches_(context.caches), stop_(std::move(stop)) {
    world_.now = std::chrono::floor<std::chrono::seconds>(context.clock.Now());
    world_.restore = std::move(restore);
  }

  Result<FollowWorld> Look() {
    TRY_VOID(LookAtChildren());
    TRY_VOID(LookAtSet());
    LookAtSource();
    LookAtRepositories();
    LookAtRivals();
    return std::move(world_);
  }

 private:
  const std::string& Namespace() const { return world_.restore.metadata.namespace_; }

  Result<void> LookAtChildren() {
    const std::string ours =
        std::string(kFollowerLabel) + "=" + LabelValue(world_.restore.metadata.name);
    TRY(auto children, ListAll<crds::Restore>(context_.api, ResourceOf<crds::Restore>(),
                                              {.ns = Namespace(),
                                               .label_selector = ours,
                                               .field_selector = "",
                                               .page_size = 500,
                                               .not_older_than = ""},
                                              crds::Decode<crds::Restore>, stop_));
    for (crds::Restore& child : children) {
      if (!IsOurs(child)) continue;
      if (child.metadata.deletion_timestamp)
        world_.leaving = child.metadata.name;
      else
        world_.children.push_back(std::move(child));
    }
    return {};
  }

  bool IsOurs(const crds::Restore& child) const {
    for (const crds::OwnerReference& owner : child.metadata.owner_references)
      if (owner.uid == world_.restore.metadata.uid) return true;
    return false;
  }

  Result<void> LookAtSet() {
    if (!restore::InPlace(world_.restore)) return {};
    const auto object = context_.api.Get(
        kube::kStatefulSets, {Namespace(), world_.restore.spec.target.stateful_set}, stop_);
    if (!object && IsAbsent(object.error())) return {};
    if (!object) return tl::make_unexpected(object.error());
    TRY(world_.set, DecodeStatefulSet(*object));
    return {};
  }

  void LookAtSource() {
    const kube::ObjectKey policy = {Namespace(), world_.restore.spec.source.policy};
    world_.policy = caches_.policies.Get(policy) != nullptr;
    for (const auto& [key, backup] : caches_.backups.Find(index::kPolicy, kube::ToString(policy)))
      world_.backups.push_back(*backup);
  }

  void LookAtRepositories() {
    const crds::Restore& restore = world_.restore;
    const std::string promotions = repository::Promotions(
        caches_, Namespace(), restore.spec.promote ? restore.metadata.uid : "");
    caches_.repositories.ForEach([&](const kube::ObjectKey& key, const auto& found) {
      if (key.ns != Namespace() || !found->spec.imports) return;
      const bool ready = crds::IsTrue(found->status.conditions, crds::kReady);
      if (repository::IsImported(*found, promotions) && (ready || restore.spec.promote)) return;
      const bool can = ready && !repository::ImportFailed(*found, promotions);
      (can ? world_.searched : world_.unsearchable) = key.name;
    });
  }

  void LookAtRivals() {
    std::vector<crds::Restore> others;
    caches_.restores.ForEach([&](const kube::ObjectKey& key, const auto& other) {
      if (key.ns == Namespace() && key.name != world_.restore.metadata.name)
        others.push_back(*other);
    });
    world_.earlier = restore::EarlierRestore(world_.restore, others);
  }

  const Context& context_;
  const Caches& caches_;
  std::stop_token stop_;
  FollowWorld world_;
};

// With its movers, before it goes itself.
Result<void> RemoveChild(const Context& context, const crds::Restore& child, std::stop_token stop) {
  const auto removed =
      context.api.Delete(ResourceOf<crds::Restore>(), KeyOf(child.metadata),
                         {.uid = child.metadata.uid, .propagation = "Foreground"}, stop);
  if (removed || IsAbsent(removed.error())) return {};
  return removed;
}

// One that is there already is one that was made before a crash, and is seen next time.
Result<void> MakeChild(const Context& context, const crds::Restore& child, std::stop_token stop) {
  const auto made = context.api.Create(ResourceOf<crds::Restore>(), child.metadata.namespace_,
                                       crds::Encode(child), stop);
  NoteWrite(context.caches.restores.freshness(), KeyOf(child.metadata), made);
  if (made || made.error().code == Code::kAlreadyExists) return {};
  return tl::make_unexpected(made.error());
}

}  // namespace

Result<Requeue> RestoreController::Follow(const kube::ObjectKey& key, std::stop_token stop) {
  TRY(auto restore, ReadLive<crds::Restore>(context_, key, stop));
  if (!restore) return AwaitChange();
  TRY(const FollowWorld world, Observer(context_, *std::move(restore), stop).Look());
  restore::World shown;  // what the audit trail tells of
  shown.restore = world.restore;
  shown.set = world.set;
  if (world.restore.status.conditions.empty()) TRY_VOID(AuditRequest(shown, stop));
  const FollowPlan plan = restore::DecideFollow(world);
  if (const auto done = ApplyFollow(world, plan, stop); !done) {
    TRY_VOID(ReportRefusal(shown, done.error(), stop));
    return tl::make_unexpected(done.error());
  }
  restore::Plan told;
  told.status = plan.status;
  told.events = plan.events;
  TRY(const auto written, WriteStatus(context_, world.restore, plan.status, stop));
  if (written) AuditEnd(shown, told);
  Announce(shown, told);
  return plan.requeue;
}

Result<void> RestoreController::ApplyFollow(const FollowWorld& world, const FollowPlan& plan,
                                            std::stop_token stop) {
  for (const crds::Restore& child : plan.remove) TRY_VOID(RemoveChild(context_, child, stop));
  if (plan.create) TRY_VOID(MakeChild(context_, *plan.create, stop));
  if (!plan.scale) return {};
  const Json patch = {{"spec", {{"replicas", *plan.scale}}}};
  TRY_VOID(context_.api.MergePatch(kube::kStatefulSets, world.set->key, patch, stop, "scale"));
  return {};
}

}  // namespace holdfast::controllers
