#include "controllers/populator/source.h"

#include "controllers/reasons.h"
#include "controllers/restore/observe.h"

namespace holdfast::controllers::populator {
namespace {

auto Wait(const char* reason, std::string message) {
  return tl::make_unexpected(restore::Problem{false, reason, std::move(message)});
}

// The spec of what is named; its source is not looked at yet.
tl::expected<crds::RestoreSpec, restore::Problem> SpecOf(const Context& context,
                                                         const Claim& claim) {
  const DataSource& named = claim.source;
  if (!named.ns.empty() && named.ns != claim.key.ns)
    return Wait(reason::kNotSupported,
                "dataSourceRef.namespace: a claim is filled from its own namespace alone.");
  crds::RestoreSpec spec;
  if (named.kind == crds::InfoOf<crds::Backup>().kind) {
    spec.source.backup = named.name;
    return spec;
  }
  if (named.kind != crds::InfoOf<crds::Restore>().kind)
    return Wait(reason::kNotSupported,
                "dataSourceRef.kind: a claim is filled from a Backup or a "
                "Restore, not from a " +
                    named.kind + ".");
  const auto found = context.caches.restores.Get({claim.key.ns, named.name});
  if (found == nullptr || found->metadata.deletion_timestamp)
    return Wait(reason::kNoPopulator, "There is no Restore " + named.name +
                                          " in this namespace; the claim is filled once there is.");
  if (!found->spec.target.populator)
    return Wait(reason::kNoPopulator,
                "Restore " + named.name +
                    " restores something itself. One that claims are filled from has target: "
                    "{populator: {}}.");
  return found->spec;
}

}  // namespace

tl::expected<Source, restore::Problem> FindSource(const Context& context, const Claim& claim) {
  auto spec = SpecOf(context, claim);
  if (!spec) return tl::make_unexpected(std::move(spec).error());
  Source source;
  source.spec = *std::move(spec);
  if (source.spec.target.populator) source.from = source.spec.target.populator->from;
  source.spec.target = {};
  restore::World world;
  world.now = context.clock.Now();
  world.restore.metadata.namespace_ = claim.key.ns;
  world.restore.spec.source = source.spec.source;
  restore::SeeSource(context.caches, world);
  auto found = restore::FindSource(world);
  if (!found) return tl::make_unexpected(std::move(found).error());
  source.found = *std::move(found);
  return source;
}

}  // namespace holdfast::controllers::populator
