#include "jobs/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <map>
#include <memory>
#include <utility>

#include <CLI/CLI.hpp>

#include "base/clock.h"
#include "base/command_line.h"
#include "base/quantity.h"
#include "jobs/engine/exclude.h"
#include "jobs/options_verbs.h"

namespace holdfast {
namespace {

using protocol::BackupType;
using protocol::ExitCode;
using Environment = std::function<std::string(const char*)>;

// "./backups" and "../backups" are below the current folder; without a dot it may be a mistyped
// store.
std::string Absolute(std::string location) {
  if (!location.starts_with("./") && !location.starts_with("../")) return location;
  return std::filesystem::absolute(location).lexically_normal();
}

void FromEnvironment(engine::SessionOptions& session, const Environment& environment) {
  if (session.location.empty()) session.location = environment("RESTIC_REPOSITORY");
  session.location = Absolute(std::move(session.location));
  if (session.password_file.empty()) {
    session.password = environment("HOLDFAST_PASSWORD");
    if (session.password.empty()) session.password = environment("RESTIC_PASSWORD");
    if (session.password.empty()) session.password_file = environment("RESTIC_PASSWORD_FILE");
  }
  storage::ReadEnvironment(environment, session.storage);
}

// The other repository: reached as the first one is, unless something says otherwise.
void FromEnvironmentToo(Typed& typed, const Environment& environment) {
  engine::SessionOptions from = typed.options.session;
  from.location = typed.from.location;
  from.password_file = typed.from.password_file;
  from.password.clear();
  if (from.location.empty()) from.location = environment("RESTIC_FROM_REPOSITORY");
  from.location = Absolute(std::move(from.location));
  if (from.password_file.empty()) {
    from.password = environment("HOLDFAST_FROM_PASSWORD");
    if (from.password.empty()) from.password = environment("RESTIC_FROM_PASSWORD");
    if (from.password.empty()) from.password_file = environment("RESTIC_FROM_PASSWORD_FILE");
  }
  // Variables named FROM_... are for the other repository only. Keys are not mixed with those of
  // the first: any that is set turns to the FROM_ ones altogether.
  bool own = false;
  const auto prefixed = [&](const char* name) {
    std::string value = environment((std::string("FROM_") + name).c_str());
    own |= !value.empty();
    return value;
  };
  storage::OpenOptions apart =
      typed.from_apart ? typed.from_storage : typed.options.session.storage;
  storage::ReadEnvironment(prefixed, apart);
  if (own || typed.from_apart) from.storage = std::move(apart);
  // Nothing is written there but locks, which are never retained.
  from.storage.object_lock.reset();
  typed.from = std::move(from);
  typed.key.new_password = environment("HOLDFAST_NEW_PASSWORD");
}

Result<void> FinishRetry(Typed& typed) {
  if (typed.retry_for.empty()) return {};
  TRY(typed.options.session.retry.total, ParseDuration(typed.retry_for));
  return {};
}

Result<void> FinishLockWait(Typed& typed) {
  if (typed.lock_wait.empty()) return {};
  TRY(typed.options.session.lock_wait, ParseDuration(typed.lock_wait));
  return {};
}

Result<void> FinishObjectLock(Typed& typed) {
  if (typed.object_lock_mode.empty()) return {};
  storage::ObjectLock lock;
  if (typed.object_lock_mode == "compliance") lock.mode = storage::ObjectLockMode::kCompliance;
  if (!typed.object_lock_period.empty()) {
    TRY(lock.period, ParseDuration(typed.object_lock_period));
  }
  if (lock.period <= std::chrono::seconds::zero())
    return Fail(Code::kInvalid,
                "--object-lock-mode needs --object-lock-period: for how long, like 30d");
  typed.options.session.storage.object_lock = lock;
  return {};
}

Result<void> FinishPruneOptions(Typed& typed) {
  TRY(typed.prune.max_unused, engine::ParseUnusedLimit(typed.max_unused));
  if (!typed.max_repack.empty()) {
    TRY(typed.prune.max_repack, ParseQuantity(typed.max_repack));
  }
  return {};
}

Result<void> FinishLimits(Typed& typed) {
  storage::Limits& limits = typed.options.session.limits;
  if (!typed.limit_upload.empty()) {
    TRY(limits.upload_per_second, ParseQuantity(typed.limit_upload));
  }
  if (!typed.limit_download.empty()) {
    TRY(limits.download_per_second, ParseQuantity(typed.limit_download));
  }
  return {};
}

BackupType TypeNamed(const std::string& name) {
  for (const BackupType type : {BackupType::kFull, BackupType::kDifferential})
    if (protocol::BackupTypeName(type) == name) return type;
  return BackupType::kIncremental;
}

protocol::Identity IdentityOf(const Typed& typed) { return {typed.host, typed.as_path}; }

engine::SnapshotFilter FilterOf(const Typed& typed) {
  engine::SnapshotFilter filter = typed.filter;
  filter.identity = IdentityOf(typed);
  return filter;
}

Result<std::optional<TimePoint>> OptionalTime(const std::string& text) {
  if (text.empty()) return std::nullopt;
  TRY(const TimePoint time, ParseTime(text));
  return time;
}

// "1000:2000"
Result<std::vector<std::pair<std::uint32_t, std::uint32_t>>> ParseIdMap(
    const std::vector<std::string>& rules) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> map;
  for (const std::string& rule : rules) {
    const char* const end = rule.data() + rule.size();
    std::uint32_t from = 0, to = 0;
    const auto first = std::from_chars(rule.data(), end, from);
    const bool colon = first.ec == std::errc() && first.ptr != end && *first.ptr == ':';
    const auto second = std::from_chars(colon ? first.ptr + 1 : end, end, to);
    if (!colon || second.ec != std::errc() || second.ptr != end)
      return Fail(Code::kInvalid, "\"" + rule + "\" maps no ids; write it like 1000:2000");
    map.emplace_back(from, to);
  }
  return map;
}

Result<engine::Request> FinishInit(Typed& typed) {
  if (!typed.copy_chunker_params) return typed.init;
  if (typed.from.location.empty())
    return Fail(Code::kInvalid, "--copy-chunker-params needs --from-repo");
  typed.init.chunker_from = typed.from;
  return typed.init;
}

Result<engine::Request> FinishBackup(Typed& typed) {
  engine::ArchiveOptions& archive = typed.backup.archive;
  const bool dump = !typed.backup.dump_pipe.empty();
  if (archive.source.empty() != (typed.from_stdin || dump))
    return Fail(Code::kInvalid, "backup needs a directory, --stdin or --dump-pipe; see --help");
  if (typed.from_stdin) archive.stream_name = typed.stdin_name;
  if (dump) archive.stream_name = typed.dump_name;
  const bool plain = archive.stream_name.find('/') == std::string::npos &&
                     archive.stream_name.empty() == !archive.source.empty();
  if (!plain)
    return Fail(Code::kInvalid, "--stdin-filename and --dump-filename take a name, not a path");
  TRY(typed.backup.dump_timeout, ParseDuration(typed.dump_timeout));
  const auto add = [](const std::vector<std::string>& files,
                      std::vector<std::string>& patterns) -> Result<void> {
    for (const std::string& file : files) {
      TRY(const auto more, engine::ReadPatterns(file));
      patterns.insert(patterns.end(), more.begin(), more.end());
    }
    return {};
  };
  TRY_VOID(add(typed.exclude_files, archive.excludes));
  TRY_VOID(add(typed.iexclude_files, archive.iexcludes));
  archive.identity = IdentityOf(typed);
  archive.type = TypeNamed(typed.type);
  typed.backup.unreadable_fail = typed.unreadable == "fail";
  return typed.backup;
}

Result<engine::Request> FinishRestore(Typed& typed) {
  engine::RestoreRequest& request = typed.restore;
  request.identity = IdentityOf(typed);
  if (!request.identity.path.empty()) request.restore.root = request.identity.path;
  TRY(request.as_of, OptionalTime(typed.as_of));
  TRY(request.restore.overwrite, engine::ParseOverwrite(typed.overwrite));
  TRY(request.restore.owner_map.uids, ParseIdMap(typed.map_uid));
  TRY(request.restore.owner_map.gids, ParseIdMap(typed.map_gid));
  return request;
}

Result<engine::Request> FinishForget(Typed& typed) {
  engine::ForgetOptions& request = typed.forget;
  request.identity = IdentityOf(typed);
  request.policy.keep = typed.keep;
  for (std::size_t i = 0; i < kPeriods; ++i) {
    if (typed.within[i].empty()) continue;
    TRY(request.policy.within[i], ParseCalendarSpan(typed.within[i]));
  }
  if (typed.grouped->count() != 0) {
    TRY(request.group_by, engine::ParseGrouping(typed.group_by));
  }
  engine::ForgetRequest forget{request, std::nullopt};
  if (typed.forget_prune) forget.prune = typed.prune;
  return forget;
}

Result<engine::Request> FinishPrune(Typed& typed) { return engine::PruneRequest{typed.prune}; }

Result<engine::Request> FinishCopy(Typed& typed) {
  if (typed.from.location.empty())
    return Fail(Code::kInvalid, "copy needs --from-repo, the repository to copy from");
  return engine::CopyRequest{typed.from, FilterOf(typed)};
}

Result<engine::Request> FinishCheck(Typed& typed) {
  engine::CheckRequest request;
  if (typed.read_data) request.read_data = engine::DataSubset::All();
  if (!typed.read_data_subset.empty()) {
    TRY(request.read_data, engine::ParseDataSubset(typed.read_data_subset));
  }
  request.snapshots = typed.check.snapshots;
  return request;
}

Result<engine::Request> FinishKey(Typed& typed) { return typed.key; }
Result<engine::Request> FinishMigrate(Typed&) { return engine::MigrateRequest{}; }
Result<engine::Request> FinishUnlock(Typed& typed) { return typed.unlock; }

Result<engine::Request> FinishSnapshots(Typed& typed) {
  typed.snapshots.identity = IdentityOf(typed);
  return typed.snapshots;
}

Result<engine::Request> FinishBackups(Typed& typed) {
  TRY(typed.backups.every, ParseDuration(typed.every));
  TRY(typed.backups.patience, ParseDuration(typed.patience));
  return typed.backups;
}

Result<engine::Request> FinishLs(Typed& typed) {
  typed.ls.identity = IdentityOf(typed);
  return typed.ls;
}

Result<engine::Request> FinishFind(Typed& typed) {
  engine::FindOptions& find = typed.find.find;
  if (!typed.find_type.empty()) {
    TRY(find.type, engine::ParseNodeType(typed.find_type));
  }
  TRY(find.newer, OptionalTime(typed.newer));
  TRY(find.older, OptionalTime(typed.older));
  return engine::FindRequest{find, FilterOf(typed)};
}

Result<engine::Request> FinishDump(Typed& typed) {
  typed.dump.identity = IdentityOf(typed);
  typed.dump.archive = !typed.archive.empty();
  return typed.dump;
}

Result<engine::Request> FinishDiff(Typed& typed) {
  typed.diff.identity = IdentityOf(typed);
  return typed.diff;
}

Result<engine::Request> FinishStats(Typed& typed) {
  engine::StatsRequest request{FilterOf(typed)};
  TRY(request.mode, engine::ParseStatsMode(typed.stats_mode));
  return request;
}

Result<engine::Request> FinishWatch(Typed& typed) {
  TRY(typed.watch.quiet_period, ParseDuration(typed.quiet_period));
  TRY(typed.watch.max_interval, ParseDuration(typed.max_interval));
  TRY(typed.watch.since, OptionalTime(typed.since));
  return engine::WatchRequest{typed.watch};
}

Result<engine::Request> FinishUndelete(Typed& typed) {
  TRY(typed.undelete.since, ParseTime(typed.undelete_since));
  return engine::UndeleteRequest{typed.undelete};
}

Result<engine::Request> FinishStay(Typed& typed) {
  TRY(const auto period, ParseDuration(typed.stay_for));
  return engine::StayRequest{period};
}

Result<engine::Request> FinishRequest(Typed& typed, const std::string& verb) {
  static const std::map<std::string, Result<engine::Request> (*)(Typed&)> kFinish = {
      {"init", FinishInit},         {"backup", FinishBackup},   {"restore", FinishRestore},
      {"forget", FinishForget},     {"prune", FinishPrune},     {"copy", FinishCopy},
      {"check", FinishCheck},       {"key", FinishKey},         {"migrate", FinishMigrate},
      {"unlock", FinishUnlock},     {"ls", FinishLs},           {"snapshots", FinishSnapshots},
      {"find", FinishFind},         {"dump", FinishDump},       {"diff", FinishDiff},
      {"stats", FinishStats},       {"backups", FinishBackups}, {"watch", FinishWatch},
      {"undelete", FinishUndelete}, {"stay", FinishStay},
  };
  return kFinish.at(verb)(typed);
}

bool NamesRepository(std::string_view word) {
  return word.starts_with("-r") || word == "--repo" || word.starts_with("--repo=");
}

// In a container that stays, a command that reads and names no repository means that container's.
Result<std::vector<std::string>> WithInherited(std::vector<std::string> arguments,
                                               const Environment& environment) {
  static constexpr std::array<std::string_view, 8> kReaders = {
      "ls", "snapshots", "dump", "find", "diff", "stats", "check", "backups"};
  const std::string inherited = environment(protocol::kOptionsVariable);
  if (inherited.empty() || arguments.empty() ||
      std::ranges::find(kReaders, arguments.front()) == kReaders.end() ||
      std::ranges::any_of(arguments, NamesRepository))
    return arguments;
  auto words = protocol::DecodeWords(inherited);
  if (!words)
    return tl::make_unexpected(WithContext(protocol::kOptionsVariable, std::move(words).error()));
  arguments.insert(arguments.begin() + 1, words->begin(), words->end());
  return arguments;
}

// CLI11 would say only that one is required.
std::optional<Ending> UnknownVerb(const CLI::App& app, const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front().starts_with('-')) return std::nullopt;
  const std::string& word = arguments.front();
  const auto is_called_so = [&](const CLI::App* verb) { return verb->get_name() == word; };
  if (!app.get_subcommands(is_called_so).empty()) return std::nullopt;
  return Ending{ExitCode::kUsage, "there is no verb \"" + word + "\"; see --help"};
}

Ending Mistake(const Error& error) { return {ExitCode::kUsage, error.message}; }

// CLI11 parses in reverse order and throws; both stay in here.
std::optional<Ending> Parse(CLI::App& app, std::vector<std::string> arguments) {
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    const CLI::App* asked = &app;  // the innermost verb: "key add"
    while (!asked->get_subcommands().empty()) asked = asked->get_subcommands().front();
    return Ending{ExitCode::kOk, asked->help()};
  } catch (const CLI::CallForVersion&) {
    return Ending{ExitCode::kOk, app.version() + "\n"};
  } catch (const CLI::ParseError& e) {
    return Ending{ExitCode::kUsage, std::string(e.what()) + "; see --help"};
  }
  return std::nullopt;
}

}  // namespace

tl::expected<Options, Ending> ParseOptions(const std::vector<std::string>& arguments,
                                           const Environment& environment) {
  Typed typed;
  CLI::App app("Backs up and restores volumes in the restic repository format.", "holdfast-mover");
  app.set_version_flag("--version", "holdfast-mover " HOLDFAST_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Of the gateway there are serve, prune-shared and password besides; see serve --help.");
  AddVerbs(app, typed);
  if (auto ending = UnknownVerb(app, arguments)) return tl::make_unexpected(*std::move(ending));
  auto words = WithInherited(arguments, environment);
  if (!words) return tl::make_unexpected(Mistake(words.error()));
  if (const auto checked = CheckOptionValues(*words); !checked)
    return tl::make_unexpected(Mistake(checked.error()));
  if (auto ending = Parse(app, *std::move(words))) return tl::make_unexpected(*std::move(ending));

  FromEnvironment(typed.options.session, environment);
  for (const auto finish :
       {FinishLimits, FinishRetry, FinishLockWait, FinishObjectLock, FinishPruneOptions})
    if (const auto finished = finish(typed); !finished)
      return tl::make_unexpected(Mistake(finished.error()));
  FromEnvironmentToo(typed, environment);
  auto request = FinishRequest(typed, app.get_subcommands().front()->get_name());
  if (!request) return tl::make_unexpected(Mistake(request.error()));
  typed.options.request = *std::move(request);
  return std::move(typed.options);
}

}  // namespace holdfast
