#include "controllers/restore/resolve.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/wording.h"
#include "controllers/reasons.h"
#include "controllers/restore/origins.h"
#include "controllers/restore/set_places.h"
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

// --- Where from ---

bool IsOver(const crds::Backup& backup) {
  return backup.status.phase != BackupPhase::kPending &&
         backup.status.phase != BackupPhase::kRunning;
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
  if (candidates > 0) which = "only " + Counted(candidates, "good Backup");
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

// --- Nowhere: what there is to look at ---

Resolution ToLookAt(const Found& found) {
  Resolution resolution{found.backup, found.repository, {}, found.note};
  for (const Origin& origin : found.origins) {
    if (origin.snapshot.empty()) continue;
    VolumeRestore volume;
    volume.claim = origin.claim;
    volume.from = origin.claim;
    volume.snapshot = origin.snapshot;
    resolution.volumes.push_back(std::move(volume));
  }
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
    return "target.claims: the source has several volumes (" + NameSome(claims) +
           "); say with `from` which one goes into " + wish.to + ".";
  return "target.claims: the source has no volume of claim " + wish.from + "; it has " +
         NameSome(claims) + ".";
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

bool HasSnapshot(const crds::Backup& backup) {
  return std::any_of(backup.status.volumes.begin(), backup.status.volumes.end(),
                     [](const crds::VolumeBackup& volume) { return !volume.snapshot.empty(); });
}

bool IsGood(const crds::Backup& backup) {
  return (backup.status.phase == BackupPhase::kSucceeded ||
          backup.status.phase == BackupPhase::kPartiallyFailed) &&
         HasSnapshot(backup);
}

TimePoint StartOf(const crds::Backup& backup) {
  return backup.status.start_time.value_or(TimePoint{});
}

tl::expected<Found, Problem> FindSource(const World& world) { return Locate(world); }

tl::expected<Resolution, Problem> Resolve(const World& world) {
  auto found = Locate(world);
  if (!found) return tl::make_unexpected(std::move(found).error());
  if (world.restore.spec.target.browse) return ToLookAt(*found);
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
  if (target.browse) return "Browse";
  if (target.claims.size() == 1) return "Claim/" + target.claims.front().to;
  return std::to_string(target.claims.size()) + " claims";
}

}  // namespace holdfast::controllers::restore
