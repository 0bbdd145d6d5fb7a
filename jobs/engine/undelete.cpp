#include "jobs/engine/undelete.h"

#include <algorithm>
#include <atomic>
#include <map>

#include "jobs/repo/parallel.h"
#include "jobs/storage/layout.h"

namespace holdfast::engine {
namespace {

using storage::Handle;
using storage::ObjectVersion;
using Versions = std::vector<ObjectVersion>;

// Requests under way at a time: each only waits for the store.
constexpr std::size_t kAtOnce = 16;

Result<std::map<Handle, Versions>> ByObject(storage::Backend& storage, std::stop_token stop) {
  std::map<Handle, Versions> objects;
  const auto note = [&](const ObjectVersion& version) -> Result<void> {
    if (version.handle.type != storage::FileType::kLock) objects[version.handle].push_back(version);
    return {};
  };
  TRY_VOID(storage.ListVersions(note, stop));
  return objects;
}

struct Repair {
  Handle handle;
  Versions doomed;
  std::optional<ObjectVersion> truth;
};

// What somebody put on top may be held by the store: then the true one goes on top of that. Whether
// it had to.
Result<bool> Carry(storage::Backend& storage, const Repair& repair, const std::stop_token& stop) {
  bool held = false;
  for (const ObjectVersion& version : repair.doomed) {
    const Result<void> removed = storage.RemoveVersion(version, stop);
    if (removed) continue;
    if (version.is_marker || removed.error().code != Code::kDenied)
      return tl::make_unexpected(removed.error());
    held = true;
  }
  if (!held) return false;
  if (repair.truth) {
    TRY_VOID(storage.RestoreVersion(*repair.truth, stop));
  } else {
    TRY_VOID(storage.Remove(repair.handle, stop));
  }
  return true;
}

void Describe(std::ostream& out, const ObjectVersion& version) {
  out << storage::PathOf(version.handle).value_or(version.handle.name)
      << (version.is_marker ? " was removed " : " was replaced ") << FormatTime(version.stored)
      << '\n';
}

}  // namespace

Versions VersionsToRemove(const Versions& of_one_object, TimePoint since) {
  const auto is_older = [&](const ObjectVersion& version) { return version.stored <= since; };
  Versions newer;
  std::ranges::remove_copy_if(of_one_object, std::back_inserter(newer), is_older);
  if (newer.size() < of_one_object.size()) return newer;
  const auto oldest = std::ranges::find_if(newer.rbegin(), newer.rend(),
                                           [](const ObjectVersion& v) { return !v.is_marker; });
  if (oldest != newer.rend()) newer.erase(std::next(oldest).base());
  return newer;
}

std::optional<ObjectVersion> TrueVersion(const Versions& of_one_object, TimePoint since) {
  const ObjectVersion* latest = nullptr;  // up to then; of a second's, not the marker
  const ObjectVersion* oldest = nullptr;  // the newest are listed first
  for (const ObjectVersion& version : of_one_object) {
    if (!version.is_marker) oldest = &version;
    if (version.stored > since) continue;
    const bool later = latest == nullptr || version.stored > latest->stored ||
                       (version.stored == latest->stored && latest->is_marker);
    if (later) latest = &version;
  }
  const ObjectVersion* const found = latest != nullptr ? latest : oldest;
  if (found == nullptr || found->is_marker) return std::nullopt;
  return *found;
}

Result<UndeleteReport> Undelete(storage::Backend& storage, const UndeleteOptions& options,
                                std::ostream& out, std::stop_token stop) {
  TRY(const auto objects, ByObject(storage, stop));
  std::vector<Repair> repairs;
  UndeleteReport report;
  for (const auto& [handle, versions] : objects) {
    Versions doomed = VersionsToRemove(versions, options.since);
    for (const ObjectVersion& version : doomed) {
      ++(version.is_marker ? report.markers : report.replaced);
      if (options.dry_run) Describe(out, version);
    }
    if (!doomed.empty())
      repairs.push_back({handle, std::move(doomed), TrueVersion(versions, options.since)});
  }
  if (options.dry_run) return report;
  std::atomic<std::uint64_t> copied = 0;
  const auto work = [&](std::size_t i, std::stop_token each) -> Result<void> {
    TRY(const bool was_copied, Carry(storage, repairs[i], each));
    if (was_copied) ++copied;
    return {};
  };
  TRY_VOID(repo::InParallel(kAtOnce, repairs.size(), work, stop));
  report.copied = copied;
  return report;
}

}  // namespace holdfast::engine
