#include "jobs/repo/snapshot.h"

#include "base/json.h"
#include "jobs/repo/json_text.h"

namespace holdfast::repo {
namespace {

// The counters of a summary in the order restic writes them.
struct Counter {
  const char* name;
  std::uint64_t SnapshotSummary::*member;
};
constexpr Counter kCounters[] = {
    {"files_new", &SnapshotSummary::files_new},
    {"files_changed", &SnapshotSummary::files_changed},
    {"files_unmodified", &SnapshotSummary::files_unmodified},
    {"dirs_new", &SnapshotSummary::dirs_new},
    {"dirs_changed", &SnapshotSummary::dirs_changed},
    {"dirs_unmodified", &SnapshotSummary::dirs_unmodified},
    {"data_blobs", &SnapshotSummary::data_blobs},
    {"tree_blobs", &SnapshotSummary::tree_blobs},
    {"data_added", &SnapshotSummary::data_added},
    {"data_added_packed", &SnapshotSummary::data_added_packed},
    {"total_files_processed", &SnapshotSummary::total_files_processed},
    {"total_bytes_processed", &SnapshotSummary::total_bytes_processed},
};

void AppendStrings(std::string& text, const std::vector<std::string>& strings) {
  text += '[';
  for (const std::string& string : strings) {
    if (&string != &strings.front()) text += ',';
    AppendJsonString(text, string);
  }
  text += ']';
}

void AppendSummary(std::string& text, const SnapshotSummary& summary) {
  JsonObjectWriter object(text);
  object.String("backup_start", FormatTimeNanos(summary.backup_start));
  object.String("backup_end", FormatTimeNanos(summary.backup_end));
  for (const Counter& counter : kCounters) object.Number(counter.name, summary.*counter.member);
  object.Close();
}

std::uint64_t Number(const Json& json, std::string_view name) {
  return static_cast<std::uint64_t>(FindInt(json, {name}).value_or(0));
}

SnapshotSummary ReadSummary(const Json& json) {
  SnapshotSummary summary;
  summary.backup_start = ParseTime(FindString(json, {"backup_start"})).value_or(TimePoint{});
  summary.backup_end = ParseTime(FindString(json, {"backup_end"})).value_or(TimePoint{});
  for (const Counter& counter : kCounters) summary.*counter.member = Number(json, counter.name);
  return summary;
}

std::vector<std::string> Strings(const Json& json, std::string_view name) {
  std::vector<std::string> strings;
  const Json* list = Find(json, {name});
  if (list == nullptr || !list->is_array()) return strings;
  for (const Json& item : *list)
    if (item.is_string()) strings.push_back(item.get<std::string>());
  return strings;
}

Result<std::optional<Id>> OptionalId(const Json& json, std::string_view name) {
  const std::string hex = FindString(json, {name});
  if (hex.empty()) return std::nullopt;
  const Result<Id> id = Id::Parse(hex);
  if (!id) return Fail(Code::kCorrupt, "snapshot: malformed " + std::string(name));
  return *id;
}

}  // namespace

std::string EncodeSnapshot(const Snapshot& snapshot) {
  std::string text;
  JsonObjectWriter object(text);
  object.String("time", FormatTimeNanos(snapshot.time));
  if (snapshot.parent) object.String("parent", snapshot.parent->Hex());
  object.String("tree", snapshot.tree.Hex());
  object.Name("paths");
  AppendStrings(text, snapshot.paths);
  object.StringUnlessEmpty("hostname", snapshot.hostname);
  object.StringUnlessEmpty("username", snapshot.username);
  object.NumberUnlessZero("uid", snapshot.uid);
  object.NumberUnlessZero("gid", snapshot.gid);
  if (!snapshot.excludes.empty()) {
    object.Name("excludes");
    AppendStrings(text, snapshot.excludes);
  }
  if (!snapshot.tags.empty()) {
    object.Name("tags");
    AppendStrings(text, snapshot.tags);
  }
  if (snapshot.original) object.String("original", snapshot.original->Hex());
  object.StringUnlessEmpty("program_version", snapshot.program_version);
  if (snapshot.summary) {
    object.Name("summary");
    AppendSummary(text, *snapshot.summary);
  }
  object.Close();
  return text;
}

Result<Snapshot> DecodeSnapshot(ByteView text) {
  const Result<Json> parsed = ParseJson(AsText(text));
  if (!parsed || !parsed->is_object()) return Fail(Code::kCorrupt, "snapshot: not a JSON object");
  const Json& json = *parsed;
  const Result<TimePoint> time = ParseTime(FindString(json, {"time"}));
  TRY(const std::optional<Id> tree, OptionalId(json, "tree"));
  if (!time || !tree) return Fail(Code::kCorrupt, "snapshot: lacks its time or tree");

  Snapshot snapshot;
  snapshot.time = *time;
  snapshot.tree = *tree;
  TRY(snapshot.parent, OptionalId(json, "parent"));
  TRY(snapshot.original, OptionalId(json, "original"));
  snapshot.paths = Strings(json, "paths");
  snapshot.hostname = FindString(json, {"hostname"});
  snapshot.username = FindString(json, {"username"});
  snapshot.uid = static_cast<std::uint32_t>(Number(json, "uid"));
  snapshot.gid = static_cast<std::uint32_t>(Number(json, "gid"));
  snapshot.excludes = Strings(json, "excludes");
  snapshot.tags = Strings(json, "tags");
  snapshot.program_version = FindString(json, {"program_version"});
  if (const Json* summary = Find(json, {"summary"}); summary != nullptr && summary->is_object())
    snapshot.summary = ReadSummary(*summary);
  return snapshot;
}

}  // namespace holdfast::repo
