#include "controllers/restore/follow_observe.h"

#include <algorithm>
#include <utility>

#include "controllers/labels.h"
#include "controllers/repository/import.h"
#include "controllers/restore/observe.h"
#include "controllers/write_status.h"

namespace holdfast::controllers::restore {
namespace {

Result<void> SeeChildren(const Context& context, World& world, std::stop_token stop) {
  const crds::ObjectMeta& meta = world.restore.metadata;
  TRY(auto children, ListAll<crds::Restore>(context.api, ResourceOf<crds::Restore>(),
                                            {.ns = meta.namespace_,
                                             .label_selector = std::string(kFollowerLabel) + "=" +
                                                               LabelValue(meta.name),
                                             .field_selector = "",
                                             .page_size = 500,
                                             .not_older_than = ""},
                                            crds::Decode<crds::Restore>, stop));
  for (crds::Restore& child : children) {
    const bool ours = std::ranges::any_of(child.metadata.owner_references,
                                          [&](const auto& owner) { return owner.uid == meta.uid; });
    if (!ours) continue;
    if (child.metadata.deletion_timestamp)
      world.following.leaving = child.metadata.name;
    else
      world.following.children.push_back(std::move(child));
  }
  return {};
}

void SeeImports(const Caches& caches, World& world) {
  const crds::Restore& restore = world.restore;
  const std::string& ns = restore.metadata.namespace_;
  const std::string promotions =
      repository::Promotions(caches, ns, restore.spec.promote ? restore.metadata.uid : "");
  caches.repositories.ForEach([&](const kube::ObjectKey& key, const auto& found) {
    if (key.ns != ns || !found->spec.imports) return;
    const bool ready = crds::IsTrue(found->status.conditions, crds::kReady);
    if (repository::IsImported(*found, promotions) && (ready || restore.spec.promote)) return;
    const bool can = ready && !repository::ImportFailed(*found, promotions);
    (can ? world.following.searched : world.following.unsearchable) = key.name;
  });
}

}  // namespace

Result<std::optional<World>> ObserveFollower(const Context& context, const kube::ObjectKey& key,
                                             std::stop_token stop) {
  TRY(auto restore, ReadLive<crds::Restore>(context, key, stop));
  if (!restore) return std::nullopt;
  World world;
  world.now = std::chrono::floor<std::chrono::seconds>(context.clock.Now());
  world.restore = *std::move(restore);
  TRY_VOID(SeeChildren(context, world, stop));
  TRY_VOID(SeeSet(context, world, stop));
  SeeSource(context.caches, world);
  SeeImports(context.caches, world);
  SeeRivals(context.caches, world);
  return world;
}

}  // namespace holdfast::controllers::restore
