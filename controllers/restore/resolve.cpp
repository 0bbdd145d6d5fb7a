#include "controllers/restore/resolve.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "controllers/reasons.h"
#include "jobs/protocol/dump_name.h"

namespace holdfast::controllers::restore {
namespace {

using crds::BackupPhase;
using crds::VolumeRestore;
template <typename T>
using Resolved = tl::expected<T, Problem>;

auto Wait(const char* reason, std::string message) {
  return tl::make_unexpected(Problem{false, reason, std::move(message)});
}
auto Never(const char* reason, std::string message) {
  return tl::make_unexpected(Problem{true, reason, std::move(message)});
}

// A message names so many; a list of a thousand claims would be longer than a condition may be.
constexpr std::size_t kMostNamed = 10;

// "a, b"; or "a, b ... and 7 more" of `count` words, of which only the first need be there.
std::string Join(const std::vector<std::string>& words, std::size_t count) {
  std::string text;
  const std::size_t named = std::min(words.size(), kMostNamed);
  for (std::size_t i = 0; i < named; ++i) text += (i == 0 ? "" : ", ") + words[i];
  if (count > named) text += " and " + std::to_string(count - named) + " more";
  return text;
}
std::string Join(const std::vector<std::string>& words) { return Join(words, words.size()); }

void AddNote(std::string& note, const std::string& sentence) {
  note += (note.empty() ? "" : " ") + sentence;
}

// --- Where from ---

bool HasSnapshot(const crds::Backup& backup) {
  return std::any_of(backup.status.volumes.begin(), backup.status.volumes.end(),
                     [](const crds::VolumeBackup& volume) { return !volume.snapshot.empty(); });
}

bool IsOver(const crds::Backup& backup) {
  return backup.status.phase != BackupPhase::kPending &&
         backup.status.phase != BackupPhase::kRunning;
}

// Whether its snapshots may be chosen without being named: one that failed as a whole, or runs,
// never.
bool IsGood(const crds::Backup& backup) {
  return (backup.status.phase == BackupPhase::kSucceeded ||
          backup.status.phase == BackupPhase::kPartiallyFailed) &&
         HasSnapshot(backup);
}

std::vector<Origin> OriginsIn(const crds::Backup& backup) {
  std::vector<Origin> origins;
  for (const crds::VolumeBackup& volume : backup.status.volumes)
    if (!volume.snapshot.empty()) origins.push_back({volume.claim, volume.pod, volume.snapshot});
  return origins;
}

Resolved<Found> FromBackup(const World& world) {
  const std::string& name = world.restore.spec.source.backup;
  if (!world.backup)
    return Wait(
        reason::kSourceNotFound,
        "There is no Backup " + name + " in this namespace; the Restore starts once there is.");
  if (!IsOver(*world.backup))
    return Wait(reason::kSourceNotFound, "Backup " + name + " is still running.");
  if (!HasSnapshot(*world.backup))
    return Never(reason::kSourceNotFound,
                 "Backup " + name + " failed and has no snapshot; name another one.");
  return Found{name, world.backup->status.repository, OriginsIn(*world.backup), ""};
}

TimePoint StartOf(const crds::Backup& backup) {
  return backup.status.start_time.value_or(TimePoint{});
}

// Good backups of the policy that are not after asOf, newest first.
std::vector<const crds::Backup*> Candidates(const World& world) {
  const auto& as_of = world.restore.spec.source.as_of;
  std::vector<const crds::Backup*> candidates;
  for (const crds::Backup& backup : world.backups)
    if (IsGood(backup) && (!as_of || StartOf(backup) <= *as_of)) candidates.push_back(&backup);
  std::sort(candidates.begin(), candidates.end(), [](const auto* a, const auto* b) {
    if (StartOf(*a) != StartOf(*b)) return StartOf(*a) > StartOf(*b);
    return a->metadata.name > b->metadata.name;
  });
  return candidates;
}

const crds::VolumeBackup* VolumeOf(const crds::Backup& backup, const std::string& claim) {
  for (const crds::VolumeBackup& volume : backup.status.volumes)
    if (volume.claim == claim && !volume.snapshot.empty()) return &volume;
  return nullptr;
}

// The newest of the older backups, in the same repository, that has a snapshot of `claim`.
const crds::Backup* OlderWith(const std::vector<const crds::Backup*>& candidates,
                              std::size_t chosen, const std::string& claim) {
  const std::string& repository = candidates[chosen]->status.repository;
  for (std::size_t i = chosen + 1; i < candidates.size(); ++i)
    if (candidates[i]->status.repository == repository && VolumeOf(*candidates[i], claim))
      return candidates[i];
  return nullptr;
}

// A volume that failed in a partially failed backup is taken from the newest one before that has
// it, and says so: an older volume is better than none.
Found FoundAt(const std::vector<const crds::Backup*>& candidates, std::size_t chosen) {
  const crds::Backup& anchor = *candidates[chosen];
  Found found{anchor.metadata.name, anchor.status.repository, OriginsIn(anchor), ""};
  for (const crds::VolumeBackup& failed : anchor.status.volumes) {
    if (!failed.snapshot.empty()) continue;
    const std::string lacks =
        "Backup " + anchor.metadata.name + " has no snapshot of claim " + failed.claim;
    if (const crds::Backup* older = OlderWith(candidates, chosen, failed.claim)) {
      const crds::VolumeBackup& volume = *VolumeOf(*older, failed.claim);
      found.origins.push_back({volume.claim, volume.pod, volume.snapshot});
      AddNote(found.note,
              lacks + ", which is taken from the older Backup " + older->metadata.name + ".");
    } else {
      AddNote(found.note, lacks + ", and neither has an older one.");
    }
  }
  return found;
}

std::string NoneFound(const World& world, std::size_t candidates) {
  const crds::RestoreSource& source = world.restore.spec.source;
  std::string which = "no good Backup";
  if (candidates > 0)
    which = "only " + std::to_string(candidates) + " good Backup" + (candidates == 1 ? "" : "s");
  if (source.as_of) which += " that started at or before " + FormatTime(*source.as_of);
  if (candidates > 0)
    which += ", and previous: " + std::to_string(*source.previous) + " needs more";
  return "BackupPolicy " + source.policy + " has " + which +
         ". Snapshots that were made elsewhere are restored with source: {repository, host, path}.";
}

// Until all is there that is to be imported, the newest one may be missing.
std::optional<std::string> StillImporting(const World& world) {
  for (const crds::Backup& backup : world.backups)
    if (backup.spec.imported && !IsOver(backup))
      return "Backup " + backup.metadata.name + " is being imported.";
  if (world.importing.empty()) return std::nullopt;
  return "BackupRepository " + world.importing +
         " has still to be searched for Backups to import; its status.lastImport says how far that "
         "is. Remove its spec.import to go on without them.";
}

Resolved<Found> FromPolicy(const World& world) {
  const crds::RestoreSource& source = world.restore.spec.source;
  if (auto why = StillImporting(world)) return Wait(reason::kSourceNotFound, *std::move(why));
  if (!world.policy && world.backups.empty())
    return Wait(reason::kPolicyNotFound, "There is no BackupPolicy " + source.policy +
                                             " in this namespace, nor a Backup of it; the Restore "
                                             "starts once there is.");
  const auto candidates = Candidates(world);
  const auto back = static_cast<std::size_t>(source.previous.value_or(0));
  if (back >= candidates.size())
    return Never(reason::kSourceNotFound, NoneFound(world, candidates.size()));
  return FoundAt(candidates, back);
}

Found FromRepository(const crds::RestoreSource& source) {
  // The identity's path is "/<namespace>/<claim>", or "/<namespace>/dump/<name>".
  const std::size_t name = source.path.rfind('/') + 1;
  const std::string above = source.path.substr(0, name);
  const bool dump = above.ends_with(std::string("/").append(protocol::kDumpPrefix)) &&
                    std::ranges::count(above, '/') == 3;
  const std::string last = source.path.substr(name);
  const std::string claim = dump ? protocol::ClaimOfDump(last) : last;
  return {"", source.repository, {{claim, "", source.snapshot}}, ""};
}

Resolved<Found> Locate(const World& world) {
  const crds::RestoreSource& source = world.restore.spec.source;
  if (!source.backup.empty()) return FromBackup(world);
  if (!source.policy.empty()) return FromPolicy(world);
  return FromRepository(source);
}

// --- Where to: a StatefulSet ---

std::string ClaimOf(const ClaimName& name, const StatefulSetView& set) {
  return name.claim_template + "-" + set.key.name + "-" + std::to_string(name.ordinal);
}

// Claim "data-mysql-0" of pod "mysql-0" is template "data", ordinal 0, of whatever StatefulSet: so
// a backup of one StatefulSet can be restored into another.
std::optional<ClaimName> NameFromPod(const Origin& origin, const StatefulSetView& set) {
  const std::string suffix = "-" + origin.pod;
  if (origin.pod.empty() || !origin.claim.ends_with(suffix)) return std::nullopt;
  const std::string part = origin.claim.substr(0, origin.claim.size() - suffix.size());
  const std::string ordinal = origin.pod.substr(origin.pod.rfind('-') + 1);
  return ParseClaimName(part + "-" + set.key.name + "-" + ordinal, set);
}

// A source of one volume fits a StatefulSet of one volume whatever its name was.
std::optional<ClaimName> OnlyClaim(const StatefulSetView& set, std::size_t origins) {
  if (origins != 1 || set.claim_templates.size() != 1 || set.replicas > 1) return std::nullopt;
  return ClaimName{set.claim_templates.front(), set.first_ordinal};
}

std::optional<ClaimName> PlaceInSet(const Origin& origin, const StatefulSetView& set,
                                    std::size_t origins) {
  if (const auto name = NameFromPod(origin, set)) return name;
  if (const auto name = ParseClaimName(origin.claim, set)) return name;
  return OnlyClaim(set, origins);
}

std::string NoneFits(const Found& found, const StatefulSetView& set) {
  std::vector<std::string> claims;
  for (const Origin& origin : found.origins)
    claims.push_back(origin.claim.empty() ? "a volume without a name" : origin.claim);
  return "The source has " + Join(claims) + ", but the claims of StatefulSet " + set.key.name +
         " are made from " +
         (set.claim_templates.empty() ? "no template" : "template " + Join(set.claim_templates)) +
         "; restore into claims instead (target: {claims: [{from, to}]}).";
}

// Claims of the StatefulSet's pods that the source does not have, as a list for people; empty for
// none. However many there are, only those that are named are made.
std::string LeftAlone(const std::vector<VolumeRestore>& volumes, const StatefulSetView& set) {
  std::set<std::string> restored;
  for (const VolumeRestore& volume : volumes) restored.insert(volume.claim);
  const std::size_t claims = static_cast<std::size_t>(set.replicas) * set.claim_templates.size();
  if (claims <= restored.size()) return "";
  std::vector<std::string> alone;
  for (int i = 0; i < set.replicas && alone.size() < kMostNamed; ++i)
    for (const std::string& part : set.claim_templates)
      if (const std::string claim = ClaimOf({part, set.first_ordinal + i}, set);
          !restored.contains(claim))
        alone.push_back(claim);
  return Join(alone, claims - restored.size());
}

// A volume whose pod the StatefulSet has no longer is not brought back: nobody would use it.
bool HasPod(const ClaimName& name, const StatefulSetView& set) {
  return set.replicas == 0 ||
         (name.ordinal >= set.first_ordinal && name.ordinal < set.first_ordinal + set.replicas);
}

// Claims of a pod that is known are that pod's StatefulSet's, also those whose template is gone.
bool IsOwn(const Origin& origin, const StatefulSetView& set) {
  if (origin.pod.empty()) return ParseClaimName(origin.claim, set).has_value();
  return origin.pod.substr(0, origin.pod.rfind('-')) == set.key.name;
}

// Where the source has volumes of this very StatefulSet, those of others are not for it: a policy
// may protect several.
std::vector<Origin> OriginsFor(const Found& found, const StatefulSetView& set) {
  std::vector<Origin> own;
  std::ranges::copy_if(found.origins, std::back_inserter(own),
                       [&](const Origin& origin) { return IsOwn(origin, set); });
  return own.empty() ? found.origins : own;
}

std::string Twice(const std::string& claim) {
  return "Several volumes of the source would go into " + claim +
         ": it is of several StatefulSets. Restore into claims instead (target: {claims: [{from, "
         "to}]}).";
}

Resolved<Resolution> IntoSet(const World& world, const Found& found) {
  const std::string& name = world.restore.spec.target.stateful_set;
  if (!world.set)
    return Wait(reason::kStatefulSetNotFound, "There is no StatefulSet " + name +
                                                  " in this namespace; create it (with replicas: 0 "
                                                  "if it must not start yet).");
  StatefulSetView set = *world.set;
  if (set.replicas == 0) set.replicas = static_cast<int>(world.left_behind.value_or(0));
  Resolution resolution{found.backup, found.repository, {}, found.note};
  std::vector<std::string> unused;
  bool fits = false;
  std::set<std::string> taken;
  const std::vector<Origin> origins = OriginsFor(found, set);
  const auto volumes = std::ranges::count_if(
      origins, [](const Origin& origin) { return !protocol::IsDump(origin.claim); });
  for (const Origin& origin : origins) {
    if (protocol::IsDump(origin.claim)) continue;  // a file for a database, not a volume's content
    const auto place = PlaceInSet(origin, set, static_cast<std::size_t>(volumes));
    fits = fits || place;
    if (!place || !HasPod(*place, set)) {
      unused.push_back(origin.claim);
      continue;
    }
    VolumeRestore volume;
    volume.claim = ClaimOf(*place, set);
    if (!taken.insert(volume.claim).second) return Never(reason::kInvalidSpec, Twice(volume.claim));
    volume.from = origin.claim;
    volume.snapshot = origin.snapshot;
    resolution.volumes.push_back(std::move(volume));
  }
  if (!fits) return Never(reason::kInvalidSpec, NoneFits(found, set));
  if (const std::string alone = LeftAlone(resolution.volumes, set); !alone.empty())
    AddNote(resolution.note, "Not in the source, and left as they are: " + alone + ".");
  if (!unused.empty())
    AddNote(resolution.note,
            "In the source, but without a pod of the StatefulSet: " + Join(unused) + ".");
  return resolution;
}

// --- Where to: claims ---

const Origin* OriginFor(const crds::RestoreClaim& wish, const Found& found) {
  if (wish.from.empty()) return found.origins.size() == 1 ? &found.origins.front() : nullptr;
  for (const Origin& origin : found.origins)
    if (origin.claim == wish.from) return &origin;
  // A snapshot's id alone does not say what it was made from; the user's word is taken for it.
  const bool nameless = found.origins.size() == 1 && found.origins.front().claim.empty();
  return nameless ? &found.origins.front() : nullptr;
}

std::string NoOrigin(const crds::RestoreClaim& wish, const Found& found) {
  std::vector<std::string> claims;
  for (const Origin& origin : found.origins) claims.push_back(origin.claim);
  if (wish.from.empty())
    return "target.claims: the source has several volumes (" + Join(claims) +
           "); say with `from` which one goes into " + wish.to + ".";
  return "target.claims: the source has no volume of claim " + wish.from + "; it has " +
         Join(claims) + ".";
}

Resolved<Resolution> IntoClaims(const World& world, const Found& found) {
  Resolution resolution{found.backup, found.repository, {}, found.note};
  std::set<std::string> taken;
  for (const crds::RestoreClaim& wish : world.restore.spec.target.claims) {
    const Origin* origin = OriginFor(wish, found);
    if (origin == nullptr) return Never(reason::kInvalidSpec, NoOrigin(wish, found));
    if (!taken.insert(wish.to).second)
      return Never(reason::kInvalidSpec,
                   "target.claims: two volumes would go into " + wish.to + ".");
    VolumeRestore volume;
    volume.claim = wish.to;
    volume.from = origin->claim.empty() ? wish.from : origin->claim;
    volume.snapshot = origin->snapshot;
    resolution.volumes.push_back(std::move(volume));
  }
  return resolution;
}

}  // namespace

tl::expected<Found, Problem> FindSource(const World& world) { return Locate(world); }

tl::expected<Resolution, Problem> Resolve(const World& world) {
  auto found = Locate(world);
  if (!found) return tl::make_unexpected(std::move(found).error());
  return InPlace(world.restore) ? IntoSet(world, *found) : IntoClaims(world, *found);
}

std::optional<ClaimName> ParseClaimName(std::string_view claim, const StatefulSetView& set) {
  for (const std::string& part : set.claim_templates) {
    const std::string prefix = part + "-" + set.key.name + "-";
    if (!claim.starts_with(prefix)) continue;
    const std::string_view digits = claim.substr(prefix.size());
    int ordinal = 0;
    const auto end = digits.data() + digits.size();
    const auto [stopped, error] = std::from_chars(digits.data(), end, ordinal);
    // Back to text, so that "+1", "-1" and "01" are none.
    if (error == std::errc() && stopped == end && std::to_string(ordinal) == digits && ordinal >= 0)
      return ClaimName{part, ordinal};
  }
  return std::nullopt;
}

std::string DescribeSource(const crds::RestoreSource& source) {
  constexpr std::size_t kShortId = 8;
  if (!source.backup.empty()) return "Backup/" + source.backup;
  if (!source.policy.empty()) return "BackupPolicy/" + source.policy;
  if (!source.snapshot.empty()) return "Snapshot/" + source.snapshot.substr(0, kShortId);
  return source.host + ":" + source.path;
}

std::string DescribeTarget(const crds::RestoreTarget& target) {
  if (!target.stateful_set.empty()) return "StatefulSet/" + target.stateful_set;
  if (target.populator) return "claims that name it";
  if (target.claims.size() == 1) return "Claim/" + target.claims.front().to;
  return std::to_string(target.claims.size()) + " claims";
}

}  // namespace holdfast::controllers::restore
