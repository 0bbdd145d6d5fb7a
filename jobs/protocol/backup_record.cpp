#include "jobs/protocol/backup_record.h"

#include <algorithm>

#include "base/hash.h"
#include "base/json.h"

namespace holdfast::protocol {
namespace {

constexpr std::size_t kDigestDigits = 32;

BackupType TypeNamed(const std::string& name) {
  for (const BackupType type : {BackupType::kFull, BackupType::kDifferential})
    if (BackupTypeName(type) == name) return type;
  return BackupType::kIncremental;
}

std::uint64_t Count(const Json& object, const char* name) {
  const auto value = FindInt(object, {name});
  return value && *value > 0 ? static_cast<std::uint64_t>(*value) : 0;
}

TimePoint Time(const Json& object, const char* name) {
  return ParseTime(FindString(object, {name})).value_or(TimePoint{});
}

RecordedVolume VolumeIn(const Json& object) {
  return {FindString(object, {"claim"}), FindString(object, {"pod"}),
          FindString(object, {"snapshot"}), Count(object, "files"), Count(object, "bytes")};
}

RecordedManifests ManifestsIn(const Json& object) {
  return {FindString(object, {"statefulSet"}), FindString(object, {"snapshot"}),
          Count(object, "files"), Count(object, "bytes")};
}

bool IsWhole(const BackupRecord& record) {
  return !record.name.empty() && !record.ns.empty() && !record.policy.empty() &&
         !record.volumes.empty() && std::ranges::none_of(record.volumes, [](const auto& volume) {
           return volume.claim.empty() || volume.snapshot.empty();
         });
}

}  // namespace

std::string EncodeLine(const BackupRecord& record) {
  Json volumes = Json::array();
  for (const RecordedVolume& volume : record.volumes)
    volumes.push_back({{"claim", volume.claim},
                       {"pod", volume.pod},
                       {"snapshot", volume.snapshot},
                       {"files", volume.files},
                       {"bytes", volume.bytes}});
  Json line = {{"type", "backup"},
               {"cluster", record.cluster},
               {"namespace", record.ns},
               {"name", record.name},
               {"policy", record.policy},
               {"statefulSet", record.stateful_set},
               {"backupType", BackupTypeName(record.type)},
               {"start", FormatTime(record.start)},
               {"end", FormatTime(record.end)},
               {"volumes", std::move(volumes)}};
  for (const RecordedManifests& manifests : record.manifests)
    line["manifests"].push_back({{"statefulSet", manifests.stateful_set},
                                 {"snapshot", manifests.snapshot},
                                 {"files", manifests.files},
                                 {"bytes", manifests.bytes}});
  if (record.expected != 0) line["expected"] = record.expected;
  return DumpJson(line) + "\n";
}

std::optional<BackupRecord> DecodeBackupRecord(std::string_view line) {
  const auto parsed = ParseJson(line);
  if (!parsed || FindString(*parsed, {"type"}) != "backup") return std::nullopt;
  BackupRecord record;
  record.cluster = FindString(*parsed, {"cluster"});
  record.ns = FindString(*parsed, {"namespace"});
  record.name = FindString(*parsed, {"name"});
  record.policy = FindString(*parsed, {"policy"});
  record.stateful_set = FindString(*parsed, {"statefulSet"});
  record.type = TypeNamed(FindString(*parsed, {"backupType"}));
  record.start = Time(*parsed, "start");
  record.end = Time(*parsed, "end");
  if (const Json* volumes = Find(*parsed, {"volumes"}); volumes != nullptr && volumes->is_array())
    for (const Json& volume : *volumes) record.volumes.push_back(VolumeIn(volume));
  if (const Json* all = Find(*parsed, {"manifests"}); all != nullptr && all->is_array())
    for (const Json& manifests : *all) record.manifests.push_back(ManifestsIn(manifests));
  record.expected = Count(*parsed, "expected");
  return IsWhole(record) ? std::optional(std::move(record)) : std::nullopt;
}

std::vector<BackupRecord> BackupRecordsIn(std::string_view log) {
  std::vector<BackupRecord> records;
  for (std::size_t end; (end = log.find('\n')) != log.npos; log.remove_prefix(end + 1))
    if (auto record = DecodeBackupRecord(log.substr(0, end))) records.push_back(*std::move(record));
  return records;
}

std::string DigestOf(const std::vector<BackupRecord>& records) {
  std::string text;
  for (const BackupRecord& record : records) text += EncodeLine(record);
  return ShortHash(text, kDigestDigits);
}

}  // namespace holdfast::protocol
