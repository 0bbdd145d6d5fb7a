#include "controllers/restore/rivals.h"

#include <tuple>

#include "controllers/restore/ending.h"

namespace holdfast::controllers::restore {
namespace {

std::set<std::string> ClaimsOf(const crds::Restore& restore) {
  std::set<std::string> claims;
  for (const crds::RestoreClaim& wish : restore.spec.target.claims) claims.insert(wish.to);
  for (const crds::VolumeRestore& volume : restore.status.volumes) claims.insert(volume.claim);
  return claims;
}

bool SameSet(const crds::Restore& a, const crds::Restore& b) {
  return InPlace(a) && a.spec.target.stateful_set == b.spec.target.stateful_set;
}

bool SameTarget(const crds::Restore& a, const crds::Restore& b) {
  if (SameSet(a, b)) return true;
  const std::set<std::string> claims = ClaimsOf(a);
  for (const std::string& claim : ClaimsOf(b))
    if (claims.contains(claim)) return true;
  return false;
}

}  // namespace

bool Older(const crds::Restore& a, const crds::Restore& b) {
  return std::tie(a.metadata.creation_timestamp, a.metadata.name) <
         std::tie(b.metadata.creation_timestamp, b.metadata.name);
}

std::string EarlierRestore(const crds::Restore& restore, const std::vector<crds::Restore>& others) {
  const crds::Restore* first = nullptr;
  for (const crds::Restore& other : others)
    if (!IsOver(other) && other.spec.mode == restore.spec.mode && Older(other, restore) &&
        SameTarget(other, restore) && (first == nullptr || Older(other, *first)))
      first = &other;
  return first == nullptr ? "" : first->metadata.name;
}

std::optional<std::int64_t> SizeLeftBehind(const crds::Restore& restore,
                                           const std::vector<crds::Restore>& others) {
  const crds::Restore* last = nullptr;
  for (const crds::Restore& other : others)
    if (IsOver(other) && SameSet(other, restore) && other.status.original_replicas &&
        (last == nullptr || last->status.completion_time < other.status.completion_time))
      last = &other;
  if (last == nullptr || !LeftAtZero(*last)) return std::nullopt;
  return last->status.original_replicas;
}

}  // namespace holdfast::controllers::restore
