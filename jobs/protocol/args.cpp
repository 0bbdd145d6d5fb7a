#include "jobs/protocol/args.h"

#include <string_view>

#include "base/json.h"

namespace holdfast::protocol {
namespace {

using Words = std::vector<std::string>;

void Option(Words& words, const std::string& name, const std::string& value) {
  // One word, so that a value starting with "-" is never taken for an option.
  if (!value.empty()) words.push_back("--" + name + "=" + value);
}

void Options(Words& words, const std::string& name, const Words& values) {
  for (const std::string& value : values) Option(words, name, value);
}

void Flag(Words& words, const std::string& name, bool set) {
  if (set) words.push_back("--" + name);
}

void Rate(Words& words, const std::string& name, std::uint64_t bytes_per_second) {
  if (bytes_per_second != 0) Option(words, name, std::to_string(bytes_per_second));
}

void Mapping(Words& words, const std::string& name,
             const std::vector<std::pair<std::uint32_t, std::uint32_t>>& ids) {
  for (const auto& [from, to] : ids)
    Option(words, name, std::to_string(from) + ":" + std::to_string(to));
}

void AddRepository(Words& words, const RepositoryArgs& repository) {
  Option(words, "repo", repository.location);
  if (!repository.password_from_gateway) Option(words, "password-file", kPasswordFile);
  if (repository.has_ca) Option(words, "ca-file", kCaFile);
  Flag(words, "s3-virtual-host", repository.virtual_host_style);
  if (repository.object_lock) {
    Option(words, "object-lock-mode",
           repository.object_lock->compliance ? "compliance" : "governance");
    Option(words, "object-lock-period", repository.object_lock->period);
  }
  if (repository.local_group) Option(words, "local-group", std::to_string(*repository.local_group));
  Option(words, "holder", repository.holder);
  Options(words, "dead-holder", repository.dead_holders);
  if (repository.retry_for)
    Option(words, "retry-for", std::to_string(repository.retry_for->count()) + "s");
  if (repository.lock_wait)
    Option(words, "lock-wait", std::to_string(repository.lock_wait->count()) + "s");
  Rate(words, "limit-upload", repository.upload_per_second);
  Rate(words, "limit-download", repository.download_per_second);
}

Words Start(const char* verb, const RepositoryArgs& repository) {
  Words words = {verb, "--json"};
  AddRepository(words, repository);
  return words;
}

// The other repository, by its own settings alone.
void From(Words& words, const RepositoryArgs& from) {
  Flag(words, "from-apart", true);
  Option(words, "from-repo", from.location);
  if (!from.password_from_gateway) Option(words, "from-password-file", FromPath(kPasswordFile));
  if (from.has_ca) Option(words, "from-ca-file", FromPath(kCaFile));
  Flag(words, "from-s3-virtual-host", from.virtual_host_style);
  if (from.local_group) Option(words, "from-local-group", std::to_string(*from.local_group));
}

}  // namespace

std::string FromPath(const std::string& path) {
  constexpr std::string_view kTop = "/holdfast/";
  return std::string(kTop) + "from-" + path.substr(kTop.size());
}

std::string BackupTypeName(BackupType type) {
  switch (type) {
    case BackupType::kFull:
      return "full";
    case BackupType::kDifferential:
      return "differential";
    case BackupType::kIncremental:
      return "incremental";
  }
  return "incremental";
}

Words CommandLine(const InitArgs& args) {
  Words words = Start("init", args.repository);
  Flag(words, "if-missing", args.create);
  Flag(words, "open-only", !args.create);
  if (args.create && args.chunker_from) {
    Flag(words, "copy-chunker-params", true);
    From(words, *args.chunker_from);
  }
  return words;
}

Words CommandLine(const BackupArgs& args) {
  Words words = Start("backup", args.repository);
  Option(words, "host", args.identity.host);
  Option(words, "as-path", args.identity.path);
  Option(words, "type", BackupTypeName(args.type));
  Options(words, "tag", args.tags);
  Options(words, "exclude", args.excludes);
  Option(words, "unreadable", args.unreadable_fail ? "fail" : "warn");
  Option(words, "manifests-as", args.manifests_path);
  if (!args.dump) {
    words.push_back(kDataPath);
    return words;
  }
  Option(words, "dump-pipe", std::string(kDumpPath) + "/" + kDumpPipeName);
  Option(words, "dump-filename", args.dump->file_name);
  Option(words, "dump-timeout", std::to_string(args.dump->timeout.count()) + "s");
  return words;
}

Words CommandLine(const RestoreArgs& args) {
  Words words = Start("restore", args.repository);
  Option(words, "host", args.identity.host);
  Option(words, "as-path", args.identity.path);
  Option(words, "as-of", args.as_of);
  Options(words, "path", args.paths);
  Option(words, "overwrite", args.overwrite);
  Flag(words, "delete-extra", args.delete_extra);
  Flag(words, "verify", args.verify);
  Mapping(words, "map-uid", args.uids);
  Mapping(words, "map-gid", args.gids);
  Flag(words, "refuse-secrets", true);
  Flag(words, "strip-path", true);
  Option(words, "target", kDataPath);
  words.push_back(args.snapshot.empty() ? "latest" : args.snapshot);
  return words;
}

Words CommandLine(const ForgetArgs& args) {
  Words words = Start("forget", args.repository);
  Option(words, "host", args.identity.host);
  Option(words, "as-path", args.identity.path);
  Option(words, "tag", args.tag);
  Flag(words, "missing-ok", true);
  Flag(words, "copies", args.copies);
  words.insert(words.end(), args.snapshots.begin(), args.snapshots.end());
  return words;
}

Words CommandLine(const PruneArgs& args) {
  Words words = Start("prune", args.repository);
  Option(words, "max-unused", args.max_unused);
  Option(words, "max-repack", std::to_string(args.max_repack));
  return words;
}

Words CommandLine(const CheckArgs& args) {
  Words words = Start("check", args.repository);
  const bool none =
      args.read_data.empty() || args.read_data.find_first_not_of("0.%") == std::string::npos;
  if (!none) Option(words, "read-data-subset", args.read_data);
  return words;
}

Words CommandLine(const BackupsArgs& args) {
  Words words = Start("backups", args.repository);
  Option(words, "cluster", args.cluster);
  Option(words, "namespace", args.ns);
  Option(words, "newest", std::to_string(args.newest));
  Flag(words, "complete", args.complete);
  if (args.unlike.empty()) return words;
  Option(words, "unlike", args.unlike);
  Option(words, "every", std::to_string(args.every.count()) + "s");
  Option(words, "patience", std::to_string(args.patience.count()) + "s");
  return words;
}

Words CommandLine(const CopyArgs& args) {
  Words words = Start("copy", args.repository);
  From(words, args.from);
  words.insert(words.end(), args.snapshots.begin(), args.snapshots.end());
  return words;
}

Words CommandLine(const WatchArgs& args) {
  Words words = {"watch", "--json"};
  Option(words, "quiet-period", std::to_string(args.quiet_period.count()) + "s");
  Option(words, "max-interval", std::to_string(args.max_interval.count()) + "s");
  Option(words, "since", args.since);
  Options(words, "exclude", args.excludes);
  words.push_back(kDataPath);
  return words;
}

Words CommandLine(const StayArgs& args) {
  Words words = {"stay", "--json"};
  Option(words, "for", std::to_string(args.period.count()) + "s");
  return words;
}

Words RepositoryWords(const RepositoryArgs& repository) {
  Words words;
  AddRepository(words, repository);
  return words;
}

std::string EncodeWords(const Words& words) { return DumpJson(Json(words)); }

Result<Words> DecodeWords(std::string_view text) {
  TRY(const Json list, ParseJson(text));
  return DecodeJson<Words>(list);
}

}  // namespace holdfast::protocol
