#include "jobs/engine/undelete.h"

#include <algorithm>
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

Result<UndeleteReport> Undelete(storage::Backend& storage, const UndeleteOptions& options,
                                std::ostream& out, std::stop_token stop) {
  TRY(const auto objects, ByObject(storage, stop));
  std::vector<Versions> doomed;  // of each object
  UndeleteReport report;
  for (const auto& [handle, versions] : objects) {
    doomed.push_back(VersionsToRemove(versions, options.since));
    for (const ObjectVersion& version : doomed.back()) {
      ++(version.is_marker ? report.markers : report.replaced);
      if (options.dry_run) Describe(out, version);
    }
  }
  if (options.dry_run) return report;
  const auto work = [&](std::size_t i, std::stop_token each) -> Result<void> {
    for (const ObjectVersion& version : doomed[i]) TRY_VOID(storage.RemoveVersion(version, each));
    return {};
  };
  TRY_VOID(repo::InParallel(kAtOnce, doomed.size(), work, stop));
  return report;
}

}  // namespace holdfast::engine
