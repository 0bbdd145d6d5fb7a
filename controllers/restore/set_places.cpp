#include "controllers/restore/set_places.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>

#include "base/wording.h"
#include "controllers/reasons.h"
#include "jobs/protocol/dump_name.h"

namespace holdfast::controllers::restore {
namespace {

using crds::VolumeRestore;

auto Never(std::string message) {
  return tl::make_unexpected(Problem{true, reason::kInvalidSpec, std::move(message)});
}

std::string ClaimOf(const ClaimName& name, const StatefulSetView& set) {
  return name.claim_template + "-" + set.key.name + "-" + std::to_string(name.ordinal);
}

bool HasOrdinal(const StatefulSetView& set, std::int64_t ordinal) {
  return ordinal >= set.first_ordinal && ordinal < std::int64_t{set.first_ordinal} + set.replicas;
}

// --- What is asked for ---

std::vector<std::string> ChosenTemplates(const crds::RestoreTarget& target,
                                         const StatefulSetView& set) {
  if (target.volume_claims.empty()) return set.claim_templates;
  std::vector<std::string> chosen;
  std::ranges::copy_if(set.claim_templates, std::back_inserter(chosen), [&](const auto& part) {
    return std::ranges::find(target.volume_claims, part) != target.volume_claims.end();
  });
  return chosen;
}

bool IsChosen(const crds::RestoreTarget& target, const ClaimName& name) {
  const auto in = [](const auto& list, const auto& value) {
    return list.empty() || std::ranges::find(list, value) != list.end();
  };
  return in(target.volume_claims, name.claim_template) &&
         in(target.ordinals, std::int64_t{name.ordinal});
}

// "of template data and ordinal 1": the part that is asked for, for messages. Empty for all.
std::string PartOf(const crds::RestoreTarget& target) {
  std::vector<std::string> ordinals;
  for (const std::int64_t ordinal : target.ordinals) ordinals.push_back(std::to_string(ordinal));
  std::string part;
  if (!target.volume_claims.empty()) part = "template " + NameSome(target.volume_claims);
  if (!ordinals.empty()) part += (part.empty() ? "ordinal " : " and ordinal ") + NameSome(ordinals);
  return part.empty() ? "" : " of " + part;
}

// A sentence for a part that the StatefulSet does not have; empty when it has it.
std::string CheckPart(const crds::RestoreTarget& target, const StatefulSetView& set) {
  for (const std::string& part : target.volume_claims)
    if (std::ranges::find(set.claim_templates, part) == set.claim_templates.end())
      return "target.volumeClaims: StatefulSet " + set.key.name + " has no volumeClaimTemplate " +
             part + "; it has " +
             (set.claim_templates.empty() ? "none" : NameSome(set.claim_templates)) + ".";
  for (const std::int64_t ordinal : target.ordinals)
    if (set.replicas > 0 && !HasOrdinal(set, ordinal))
      return "target.ordinals: StatefulSet " + set.key.name + " has no pod " + set.key.name + "-" +
             std::to_string(ordinal) + "; its replicas are " + std::to_string(set.replicas) + ".";
  return "";
}

// --- Where a volume goes ---

// Claim "data-mysql-0" of pod "mysql-0" is template "data", ordinal 0, of whatever StatefulSet: so
// a backup of one StatefulSet can be restored into another.
std::optional<ClaimName> NameFromPod(const Origin& origin, const StatefulSetView& set) {
  const std::string suffix = "-" + origin.pod;
  if (origin.pod.empty() || !origin.claim.ends_with(suffix)) return std::nullopt;
  const std::string part = origin.claim.substr(0, origin.claim.size() - suffix.size());
  const std::string ordinal = origin.pod.substr(origin.pod.rfind('-') + 1);
  return ParseClaimName(part + "-" + set.key.name + "-" + ordinal, set);
}

// A source of one volume fits where one volume is asked for, whatever its name was.
std::optional<ClaimName> OnlyClaim(const crds::RestoreTarget& target, const StatefulSetView& set,
                                   std::size_t origins) {
  const std::vector<std::string> templates = ChosenTemplates(target, set);
  if (origins != 1 || templates.size() != 1) return std::nullopt;
  if (target.ordinals.size() == 1)
    return ClaimName{templates.front(), static_cast<int>(target.ordinals.front())};
  if (!target.ordinals.empty() || set.replicas > 1) return std::nullopt;
  return ClaimName{templates.front(), set.first_ordinal};
}

std::optional<ClaimName> PlaceInSet(const Origin& origin, const crds::RestoreTarget& target,
                                    const StatefulSetView& set, std::size_t origins) {
  if (const auto name = NameFromPod(origin, set)) return name;
  if (const auto name = ParseClaimName(origin.claim, set)) return name;
  return OnlyClaim(target, set, origins);
}

// A volume whose pod the StatefulSet has no longer is not brought back: nobody would use it.
bool HasPod(const ClaimName& name, const StatefulSetView& set) {
  return set.replicas == 0 || HasOrdinal(set, name.ordinal);
}

// --- Words ---

std::string NoneFits(const Found& found, const StatefulSetView& set) {
  std::vector<std::string> claims;
  for (const Origin& origin : found.origins)
    claims.push_back(origin.claim.empty() ? "a volume without a name" : origin.claim);
  return "The source has " + NameSome(claims) + ", but the claims of StatefulSet " + set.key.name +
         " are made from " +
         (set.claim_templates.empty() ? "no template"
                                      : "template " + NameSome(set.claim_templates)) +
         "; restore into claims instead (target: {claims: [{from, to}]}).";
}

std::string NothingLeft(const std::vector<std::string>& unused, const crds::RestoreTarget& target,
                        const StatefulSetView& set) {
  if (unused.empty())
    return "The source has no volume" + PartOf(target) + " of StatefulSet " + set.key.name + ".";
  return "The source has " + NameSome(unused) + ", for which StatefulSet " + set.key.name +
         " has no pod: its replicas are " + std::to_string(set.replicas) +
         ". Scale it, or restore into claims instead (target: {claims: [{from, to}]}).";
}

// Claims that are asked for and that the source does not have, as a list for people; empty for
// none. However many there are, only those that are named are made.
std::string LeftAlone(const std::vector<VolumeRestore>& volumes, const crds::RestoreTarget& target,
                      const StatefulSetView& set) {
  std::set<std::string> restored;
  for (const VolumeRestore& volume : volumes) restored.insert(volume.claim);
  const std::vector<std::string> templates = ChosenTemplates(target, set);
  const auto pods = static_cast<std::size_t>(
      target.ordinals.empty() ? set.replicas : static_cast<int>(target.ordinals.size()));
  const std::size_t claims = set.replicas == 0 ? 0 : pods * templates.size();
  if (claims <= restored.size()) return "";
  std::vector<std::string> alone;
  for (std::size_t i = 0; i < pods && alone.size() < kMostNamed; ++i) {
    const int ordinal = target.ordinals.empty() ? set.first_ordinal + static_cast<int>(i)
                                                : static_cast<int>(target.ordinals[i]);
    for (const std::string& part : templates)
      if (const std::string claim = ClaimOf({part, ordinal}, set); !restored.contains(claim))
        alone.push_back(claim);
  }
  return NameFirst(alone, claims - restored.size());
}

std::string Twice(const std::string& claim) {
  return "Several volumes of the source would go into " + claim +
         ": it is of several StatefulSets. Restore into claims instead (target: {claims: [{from, "
         "to}]}).";
}

// --- Whose volumes ---

// Claims of a pod that is known are that pod's StatefulSet's, also those whose template is gone.
bool IsOwn(const Origin& origin, const StatefulSetView& set) {
  if (origin.pod.empty()) return ParseClaimName(origin.claim, set).has_value();
  return origin.pod.substr(0, origin.pod.rfind('-')) == set.key.name;
}

// Where the source has volumes of this very StatefulSet, those of others are not for it: a policy
// may protect several. A dump is a file for a database, and no volume's content.
std::vector<Origin> OriginsFor(const Found& found, const StatefulSetView& set) {
  std::vector<Origin> own;
  std::ranges::copy_if(found.origins, std::back_inserter(own),
                       [&](const Origin& origin) { return IsOwn(origin, set); });
  if (own.empty()) own = found.origins;
  std::erase_if(own, [](const Origin& origin) { return protocol::IsDump(origin.claim); });
  return own;
}

}  // namespace

tl::expected<Resolution, Problem> IntoSet(const World& world, const Found& found) {
  const crds::RestoreTarget& target = world.restore.spec.target;
  const std::string& name = target.stateful_set;
  if (!world.set)
    return tl::make_unexpected(Problem{false, reason::kStatefulSetNotFound,
                                       "There is no StatefulSet " + name +
                                           " in this namespace; create it (with replicas: 0 if it "
                                           "must not start yet)."});
  StatefulSetView set = *world.set;
  if (set.replicas == 0) set.replicas = static_cast<int>(world.left_behind.value_or(0));
  if (std::string wrong = CheckPart(target, set); !wrong.empty()) return Never(std::move(wrong));
  Resolution resolution{found.backup, found.repository, {}, found.note};
  std::vector<std::string> unused;
  bool fits = false;
  std::set<std::string> taken;
  const std::vector<Origin> origins = OriginsFor(found, set);
  for (const Origin& origin : origins) {
    const auto place = PlaceInSet(origin, target, set, origins.size());
    fits = fits || place;
    if (place && !IsChosen(target, *place)) continue;
    if (!place || !HasPod(*place, set)) {
      unused.push_back(origin.claim);
      continue;
    }
    VolumeRestore volume;
    volume.claim = ClaimOf(*place, set);
    if (!taken.insert(volume.claim).second) return Never(Twice(volume.claim));
    volume.from = origin.claim;
    volume.snapshot = origin.snapshot;
    resolution.volumes.push_back(std::move(volume));
  }
  if (!fits) return Never(NoneFits(found, set));
  if (resolution.volumes.empty()) return Never(NothingLeft(unused, target, set));
  if (const std::string alone = LeftAlone(resolution.volumes, target, set); !alone.empty())
    AddNote(resolution.note, "Not in the source, and left as they are: " + alone + ".");
  if (!unused.empty())
    AddNote(resolution.note,
            "In the source, but without a pod of the StatefulSet: " + NameSome(unused) + ".");
  if (!target.ordinals.empty() && set.replicas > static_cast<std::int64_t>(target.ordinals.size()))
    AddNote(resolution.note,
            "All pods of the StatefulSet stop meanwhile: its controller keeps no single one away.");
  return resolution;
}

}  // namespace holdfast::controllers::restore
