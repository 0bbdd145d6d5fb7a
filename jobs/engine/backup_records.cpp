#include "jobs/engine/backup_records.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "jobs/protocol/dump_name.h"

namespace holdfast::engine {
namespace {

using protocol::BackupRecord;
using protocol::RecordedManifests;
using protocol::RecordedVolume;
using repo::Snapshot;

std::string TagValue(const Snapshot& snapshot, std::string_view name) {
  for (const std::string& tag : snapshot.tags)
    if (tag.size() > name.size() && tag.starts_with(name) && tag[name.size()] == '=')
      return tag.substr(name.size() + 1);
  return {};
}

// "shop/nightly" -> {"shop", "nightly"}; empty parts for anything else.
std::pair<std::string, std::string> Split(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == text.npos || text.find('/', slash + 1) != text.npos) return {};
  return {text.substr(0, slash), text.substr(slash + 1)};
}

// What stands below "/<namespace>/" in its path; empty for any other path.
std::string BelowNamespace(const Snapshot& snapshot, const std::string& ns) {
  if (snapshot.paths.size() != 1 || !snapshot.paths[0].starts_with("/" + ns + "/")) return {};
  return snapshot.paths[0].substr(ns.size() + 2);
}

std::uint64_t Number(const std::string& text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

protocol::BackupType TypeOf(const Snapshot& snapshot) {
  const std::string name = TagValue(snapshot, "type");
  for (const auto type : {protocol::BackupType::kFull, protocol::BackupType::kDifferential})
    if (protocol::BackupTypeName(type) == name) return type;
  return protocol::BackupType::kIncremental;
}

TimePoint EndOf(const Snapshot& snapshot) {
  const TimePoint end = snapshot.summary ? snapshot.summary->backup_end : TimePoint{};
  return std::max(end, snapshot.time);
}

// Of "/<namespace>/<claim>", "/<namespace>/dump/<name>" or "/<namespace>/manifests/<StatefulSet>".
// False for other paths.
bool AddContent(const Snapshot& snapshot, BackupRecord& record) {
  const std::string path = BelowNamespace(snapshot, record.ns);
  std::uint64_t files = 0, bytes = 0;
  if (snapshot.summary) {
    files = snapshot.summary->total_files_processed;
    bytes = snapshot.summary->total_bytes_processed;
  }
  const auto [folder, name] = Split(path);
  if (path.starts_with(protocol::kManifestsPrefix) && !name.empty())
    record.manifests = {{name, snapshot.id.Hex(), files, bytes}};
  else if (protocol::IsDump(path) ? !name.empty() : !path.empty() && path.find('/') == path.npos)
    record.volumes = {{path, TagValue(snapshot, "pod"), snapshot.id.Hex(), files, bytes}};
  else
    return false;
  return true;
}

// What one snapshot says of the Backup it belongs to; nullopt for one that belongs to none.
std::optional<BackupRecord> RecordOf(const Snapshot& snapshot) {
  BackupRecord record;
  record.cluster = snapshot.hostname;
  std::tie(record.ns, record.name) = Split(TagValue(snapshot, "backup"));
  const auto [policy_ns, policy] = Split(TagValue(snapshot, "policy"));
  if (record.ns.empty() || record.name.empty() || policy_ns != record.ns || policy.empty() ||
      !AddContent(snapshot, record))
    return std::nullopt;
  record.policy = policy;
  record.stateful_set = TagValue(snapshot, "statefulset");
  record.type = TypeOf(snapshot);
  record.start = snapshot.time;
  record.end = EndOf(snapshot);
  record.expected = Number(TagValue(snapshot, "volumes"));
  return record;
}

// The newer takes the place of that which is of the same thing.
template <typename Part>
void Replace(std::vector<Part>&& newer, std::string Part::*name, std::vector<Part>& parts) {
  for (Part& part : newer) {
    const auto same = std::ranges::find(parts, part.*name, name);
    if (same != parts.end())
      *same = std::move(part);
    else
      parts.push_back(std::move(part));
  }
}

void Join(BackupRecord& record, BackupRecord&& more) {
  record.start = std::min(record.start, more.start);
  record.end = std::max(record.end, more.end);
  record.expected = std::max(record.expected, more.expected);
  Replace(std::move(more.manifests), &RecordedManifests::stateful_set, record.manifests);
  Replace(std::move(more.volumes), &RecordedVolume::claim, record.volumes);
}

}  // namespace

std::vector<BackupRecord> RecordsOf(std::span<const Snapshot> snapshots,
                                    const RecordFilter& filter) {
  std::vector<const Snapshot*> by_time;
  for (const Snapshot& snapshot : snapshots) by_time.push_back(&snapshot);
  std::ranges::sort(by_time, {}, [](const Snapshot* s) { return std::tie(s->time, s->id); });
  std::map<std::tuple<std::string, std::string, std::string>, BackupRecord> found;
  for (const Snapshot* snapshot : by_time) {
    auto record = RecordOf(*snapshot);
    if (!record || (!filter.cluster.empty() && record->cluster != filter.cluster) ||
        (!filter.ns.empty() && record->ns != filter.ns))
      continue;
    const auto [entry, is_new] =
        found.try_emplace({record->cluster, record->ns, record->name}, *record);
    if (!is_new) Join(entry->second, *std::move(record));
  }
  std::vector<BackupRecord> records;
  for (auto& [key, record] : found) {
    if (record.volumes.empty()) continue;  // manifests alone are of a run that made no backup
    std::ranges::sort(record.volumes, {}, &RecordedVolume::claim);
    std::ranges::sort(record.manifests, {}, &RecordedManifests::stateful_set);
    records.push_back(std::move(record));
  }
  std::ranges::stable_sort(records, std::ranges::greater(), &BackupRecord::start);
  return records;
}

void DropUnfinished(std::vector<BackupRecord>& records) {
  std::set<std::tuple<std::string, std::string, std::string>> seen;
  std::erase_if(records, [&](const BackupRecord& record) {
    const bool newest = seen.insert({record.cluster, record.ns, record.policy}).second;
    return newest && record.volumes.size() < record.expected;
  });
}

}  // namespace holdfast::engine
