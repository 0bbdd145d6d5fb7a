#include "controllers/backup/mounts.h"

#include <algorithm>
#include <functional>

#include "controllers/backup/mover_jobs.h"
#include "controllers/labels.h"
#include "controllers/workload.h"

namespace holdfast::controllers::backup {
namespace {

using Securities = std::map<std::string, crds::MoverSecurityContext>;
using Visit = std::function<void(const PodView&, const Json& spec)>;

// Those that run and have a claim; movers aside.
Result<void> EachPod(const Context& context, const std::string& ns, const Visit& visit,
                     std::stop_token stop) {
  kube::ListOptions options;
  options.ns = ns;
  options.not_older_than = kube::kAnyVersion;
  TRY_VOID(context.api.List(
      kube::kPods, options,
      [&](const Json& object) -> Result<void> {
        const auto pod = DecodePod(object);
        if (pod && !pod->Finished() && !pod->labels.contains(kVerbLabel))
          visit(*pod, *Find(object, {"spec"}));
        return {};
      },
      std::move(stop)));
  return {};
}

bool Mounts(const PodView& pod, const std::string& claim) {
  return std::ranges::find(pod.claims, claim) != pod.claims.end();
}

Securities OfTemplates(const World& world) {
  Securities securities;
  for (const StatefulSetView* set : world.stateful_sets)
    for (const auto& [name, security] : set->security)
      for (const VolumeWorld& volume : world.volumes)
        if (volume.claim.starts_with(name + "-" + set->key.name + "-"))
          securities[volume.claim] = security;
  return securities;
}

}  // namespace

Result<Securities> LookAtMounts(const Context& context, World& world, std::stop_token stop) {
  Securities securities = OfTemplates(world);
  const auto note = [&](const PodView& pod, const Json& spec) {
    for (VolumeWorld& volume : world.volumes) {
      if (!AwaitsMover(world, volume) || !Mounts(pod, volume.claim)) continue;
      volume.pod = pod.key.name;
      if (!pod.node.empty()) volume.node = pod.node;
      const std::string name = VolumeOfClaim(spec, volume.claim);
      volume.source.block = IsDevice(spec, name);
      securities[volume.claim] = SecurityOf(spec, name);
    }
  };
  TRY_VOID(EachPod(context, world.backup.metadata.namespace_, note, std::move(stop)));
  return securities;
}

Result<void> LookWherePodsAre(const Context& context, World& world, std::stop_token stop) {
  const auto note = [&](const PodView& pod, const Json&) {
    // A pod that is about to go is about to be elsewhere.
    if (pod.node.empty() || pod.deleting) return;
    for (VolumeWorld& volume : world.volumes)
      if (Mounts(pod, volume.claim)) volume.nodes.insert(pod.node);
  };
  return EachPod(context, world.backup.metadata.namespace_, note, std::move(stop));
}

}  // namespace holdfast::controllers::backup
