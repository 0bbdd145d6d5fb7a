#include "jobs/protocol/result.h"

#include "base/json.h"

namespace holdfast::protocol {
namespace {

// Members of the default value are left out: most verbs use few of them.
void Put(Json& object, const char* name, const std::string& value) {
  if (!value.empty()) object[name] = value;
}
void Put(Json& object, const char* name, std::uint64_t value) {
  if (value != 0) object[name] = value;
}
void Put(Json& object, const char* name, bool value) {
  if (value) object[name] = true;
}
void Put(Json& object, const char* name, const std::vector<std::string>& value) {
  if (!value.empty()) object[name] = value;
}

Json ToJson(const MoverResult& result) {
  Json object = {{"verb", result.verb}, {"exitCode", static_cast<int>(result.exit)}};
  Put(object, "message", result.message);
  Put(object, "snapshot", result.snapshot);
  Put(object, "parent", result.parent);
  Put(object, "files", result.files);
  Put(object, "filesChanged", result.files_changed);
  Put(object, "bytes", result.bytes);
  Put(object, "bytesRead", result.bytes_read);
  Put(object, "bytesAdded", result.bytes_added);
  Put(object, "durationMs", result.duration_ms);
  Put(object, "unreadable", result.unreadable);
  Put(object, "unreadablePaths", result.unreadable_paths);
  Put(object, "metadataFailures", result.metadata_failures);
  Put(object, "changedWhileRead", result.changed_while_read);
  Put(object, "skipped", result.skipped);
  Put(object, "manifests", result.manifests);
  Put(object, "manifestsFiles", result.manifests_files);
  Put(object, "manifestsBytes", result.manifests_bytes);
  Put(object, "manifestsSecrets", result.manifests_secrets);
  Put(object, "manifestsMissing", result.manifests_missing);
  Put(object, "manifestsError", result.manifests_error);
  Put(object, "repositoryId", result.repository_id);
  Put(object, "created", result.created);
  Put(object, "snapshots", result.snapshots);
  Put(object, "storedBytes", result.stored_bytes);
  Put(object, "lockHolders", result.lock_holders);
  Put(object, "kept", result.kept);
  Put(object, "removed", result.removed);
  Put(object, "more", result.more);
  Put(object, "seen", result.seen);
  Put(object, "changedSince", result.changed_since);
  Put(object, "changedUntil", result.changed_until);
  Put(object, "quietMs", result.quiet_ms);
  Put(object, "packsRemoved", result.packs_removed);
  Put(object, "bytesFreed", result.bytes_freed);
  Put(object, "bytesRepacked", result.bytes_repacked);
  Put(object, "bytesUnused", result.bytes_unused);
  Put(object, "bytesRetained", result.bytes_retained);
  Put(object, "bytesRetainedUntil", result.bytes_retained_until);
  Put(object, "objectsRetained", result.objects_retained);
  Put(object, "notRetained", result.not_retained);
  Put(object, "retainedUntil", result.retained_until);
  return object;
}

// Makes the result smaller in the order in which its parts can be spared. False when nothing is
// left to spare.
bool Shrink(MoverResult& result) {
  if (!result.unreadable_paths.empty()) {
    result.unreadable_paths.resize(result.unreadable_paths.size() / 2);
    return true;
  }
  for (std::string* text : {&result.message, &result.manifests_error})
    if (text->size() > 512) {
      text->resize(text->size() / 2);
      return true;
    }
  if (!result.manifests_missing.empty()) {
    result.manifests_missing.resize(result.manifests_missing.size() / 2);
    return true;
  }
  if (!result.lock_holders.empty()) {
    result.lock_holders.resize(result.lock_holders.size() / 2);
    return true;
  }
  if (!result.removed.empty()) {
    result.removed.pop_back();
    result.more = true;
    return true;
  }
  return false;
}

}  // namespace

std::string Encode(const MoverResult& result) {
  std::string text = DumpJson(ToJson(result));
  MoverResult smaller = result;
  while (text.size() > kMaxResultBytes && Shrink(smaller)) text = DumpJson(ToJson(smaller));
  return text;
}

Result<MoverResult> Decode(std::string_view text) {
  TRY(const Json object, ParseJson(text));
  const auto count = [&](const char* name) {
    const auto value = FindInt(object, {name});
    return value && *value > 0 ? static_cast<std::uint64_t>(*value) : std::uint64_t{0};
  };
  const auto flag = [&](const char* name) {
    const Json* value = Find(object, {name});
    return value != nullptr && value->is_boolean() && value->get<bool>();
  };
  const auto list = [&](const char* name) {
    std::vector<std::string> values;
    if (const Json* found = Find(object, {name}); found != nullptr && found->is_array())
      for (const Json& item : *found)
        if (item.is_string()) values.push_back(item.get<std::string>());
    return values;
  };
  const auto exit = FindInt(object, {"exitCode"});
  MoverResult result;
  result.verb = FindString(object, {"verb"});
  if (result.verb.empty() || !exit)
    return Fail(Code::kInvalid, "a mover's result without verb or exitCode");
  result.exit = ExitCodeFromNumber(static_cast<int>(*exit));
  result.message = FindString(object, {"message"});
  result.snapshot = FindString(object, {"snapshot"});
  result.parent = FindString(object, {"parent"});
  result.files = count("files");
  result.files_changed = count("filesChanged");
  result.bytes = count("bytes");
  result.bytes_read = count("bytesRead");
  result.bytes_added = count("bytesAdded");
  result.duration_ms = count("durationMs");
  result.unreadable = count("unreadable");
  result.unreadable_paths = list("unreadablePaths");
  result.metadata_failures = count("metadataFailures");
  result.changed_while_read = count("changedWhileRead");
  result.skipped = count("skipped");
  result.manifests = FindString(object, {"manifests"});
  result.manifests_files = count("manifestsFiles");
  result.manifests_bytes = count("manifestsBytes");
  result.manifests_secrets = flag("manifestsSecrets");
  result.manifests_missing = list("manifestsMissing");
  result.manifests_error = FindString(object, {"manifestsError"});
  result.repository_id = FindString(object, {"repositoryId"});
  result.created = flag("created");
  result.snapshots = count("snapshots");
  result.stored_bytes = count("storedBytes");
  result.lock_holders = list("lockHolders");
  result.kept = count("kept");
  result.removed = list("removed");
  result.more = flag("more");
  result.seen = FindString(object, {"seen"});
  result.changed_since = FindString(object, {"changedSince"});
  result.changed_until = FindString(object, {"changedUntil"});
  result.quiet_ms = count("quietMs");
  result.packs_removed = count("packsRemoved");
  result.bytes_freed = count("bytesFreed");
  result.bytes_repacked = count("bytesRepacked");
  result.bytes_unused = count("bytesUnused");
  result.bytes_retained = count("bytesRetained");
  result.bytes_retained_until = FindString(object, {"bytesRetainedUntil"});
  result.objects_retained = count("objectsRetained");
  result.not_retained = flag("notRetained");
  result.retained_until = FindString(object, {"retainedUntil"});
  return result;
}

}  // namespace holdfast::protocol
