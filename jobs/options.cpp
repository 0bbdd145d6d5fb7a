#include "jobs/options.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <utility>

#include <CLI/CLI.hpp>

#include "base/clock.h"
#include "base/quantity.h"

namespace holdfast {
namespace {

using engine::Period;
using protocol::BackupType;
using protocol::ExitCode;
using Environment = std::function<std::string(const char*)>;

// As typed, before anything is looked at; shared by all verbs.
struct Typed {
  Options options;
  std::string retry_for, limit_upload, limit_download;
  std::string type = "incremental", unreadable = "fail", overwrite = "always", as_of, as_path, host;
  std::string restore_root;
  std::array<int, engine::kPeriods> keep{};
  std::array<std::string, engine::kPeriods> within;

  engine::InitRequest init;
  engine::BackupRequest backup;
  engine::RestoreRequest restore;
  engine::ForgetOptions forget;
  engine::PruneOptions prune;
  std::string max_unused = "5%", max_repack, group_by, lock_wait;
  bool forget_prune = false;
  CLI::Option* grouped = nullptr;
  engine::CheckRequest check;
  engine::UnlockRequest unlock;
  engine::SnapshotsRequest snapshots;
  engine::LsRequest ls;
};

// By Period; "last" counts snapshots, "within" alone is any snapshot.
constexpr std::array<const char*, engine::kPeriods> kKeepNames = {"last",   "hourly",  "daily",
                                                                  "weekly", "monthly", "yearly"};

// One value for each time the option is written: what follows is never swallowed.
void AddList(CLI::App& verb, const std::string& name, std::vector<std::string>& list,
             const std::string& help) {
  verb.add_option(name, list, help)->allow_extra_args(false);
}

void AddCommon(CLI::App& verb, Typed& typed) {
  engine::SessionOptions& session = typed.options.session;
  verb.add_option("-r,--repo", session.location,
                  "Repository: /path, s3:https://host/bucket/prefix, azure:container:/prefix or "
                  "gs:bucket:/prefix [RESTIC_REPOSITORY]");
  verb.add_option("-p,--password-file", session.password_file,
                  "File with the repository's password [RESTIC_PASSWORD_FILE]; or set "
                  "HOLDFAST_PASSWORD or RESTIC_PASSWORD");
  verb.add_option("--ca-file", session.storage.ca_file,
                  "PEM bundle of certificate authorities to trust instead of the system's");
  verb.add_flag("--s3-virtual-host", session.storage.s3_virtual_host_style,
                "Put the bucket into the host name instead of the path");
  verb.add_option("--retry-for", typed.retry_for,
                  "How long failing requests are tried again, like 30s or 10m");
  verb.add_option("--limit-upload", typed.limit_upload, "Bytes per second at most, like 50Mi");
  verb.add_option("--limit-download", typed.limit_download, "Bytes per second at most, like 50Mi");
  verb.add_flag("--no-lock", session.no_lock,
                "Work without a lock: for repositories that can only be read");
  verb.add_option("--lock-wait", typed.lock_wait,
                  "How long to wait while others' locks are in the way, like 30m");
  verb.add_option("--holder", session.holder, "Name in our locks instead of this machine's");
  AddList(verb, "--dead-holder", session.dead_holders,
          "A holder that is gone: its locks are removed first; may be repeated");
  verb.add_flag("--json", typed.options.json, "Progress, result and listings as JSON lines");
  verb.add_flag("-q,--quiet", typed.options.quiet, "No progress and no summary");
  verb.add_flag("-v,--verbose", typed.options.verbose, "Log every request to the repository");
}

void AddIdentity(CLI::App& verb, Typed& typed) {
  verb.add_option("-H,--host", typed.host, "Host of the snapshot: the cluster's name");
  verb.add_option("--as-path", typed.as_path,
                  "Path of the snapshot, like /namespace/claim, wherever the data is mounted");
}

CLI::App& AddVerb(CLI::App& app, Typed& typed, const std::string& name, const std::string& help) {
  CLI::App& verb = *app.add_subcommand(name, help);
  AddCommon(verb, typed);
  return verb;
}

void AddInit(CLI::App& app, Typed& typed) {
  CLI::App& verb = AddVerb(app, typed, "init", "Create a repository, or check that one opens");
  auto* missing =
      verb.add_flag("--if-missing", typed.init.if_missing, "Open the repository if there is one");
  verb.add_flag("--open-only", typed.init.open_only, "Never create; fail when there is none")
      ->excludes(missing);
}

void AddBackup(CLI::App& app, Typed& typed) {
  CLI::App& verb = AddVerb(app, typed, "backup", "Save a directory as a snapshot");
  AddIdentity(verb, typed);
  verb.add_option("source", typed.backup.archive.source, "The directory to save")->required();
  verb.add_option("--type", typed.type,
                  "What to read: full (all), incremental (what changed since the latest snapshot), "
                  "differential (since the latest full one)")
      ->check(CLI::IsMember({"full", "incremental", "differential"}));
  AddList(verb, "--tag", typed.backup.archive.tags, "Tag for the snapshot; may be repeated");
  AddList(verb, "-e,--exclude", typed.backup.archive.excludes,
          "Pattern of files to leave out, as in restic; may be repeated");
  verb.add_option("--unreadable", typed.unreadable,
                  "When files cannot be read: fail (exit 3) or warn (exit 0). The snapshot is made "
                  "in both cases")
      ->check(CLI::IsMember({"fail", "warn"}));
}

void AddRestore(CLI::App& app, Typed& typed) {
  CLI::App& verb = AddVerb(app, typed, "restore", "Bring a snapshot back into a directory");
  AddIdentity(verb, typed);
  engine::RestoreOptions& restore = typed.restore.restore;
  verb.add_option("snapshot", typed.restore.snapshot,
                  "Snapshot id, its first digits, or latest; ID:/folder for a part of it")
      ->required();
  verb.add_option("-t,--target", restore.target, "The directory to restore into; made when missing")
      ->required();
  verb.add_option("--as-of", typed.as_of, "With latest: not after this time (RFC 3339)");
  AddList(verb, "--path", restore.paths,
          "Restore only this path below the snapshot's root; may be repeated");
  verb.add_option("--overwrite", typed.overwrite,
                  "Existing files: always (compare content), if-changed (trust size and time) or "
                  "never touch")
      ->check(CLI::IsMember({"always", "if-changed", "never"}));
  verb.add_flag("--delete-extra", restore.delete_extra,
                "Remove from the target what the snapshot does not have");
  verb.add_flag("--verify,!--no-verify", restore.verify, "Read back what was written (default)");
}

void AddPruneOptions(CLI::App& verb, Typed& typed) {
  verb.add_option("--max-unused", typed.max_unused,
                  "How much may stay unused: 5% of the repository, a size, or unlimited");
  verb.add_option("--max-repack", typed.max_repack,
                  "Move at most this much into new packs; the next run goes on");
  verb.add_flag("--repack-uncompressed", typed.prune.repack_uncompressed,
                "Compress what a version 1 repository left (version 2 only)");
}

void AddForget(CLI::App& app, Typed& typed) {
  CLI::App& verb = AddVerb(app, typed, "forget", "Remove snapshots by retention or by id");
  AddIdentity(verb, typed);
  verb.add_option("snapshots", typed.forget.ids, "Snapshots to remove, instead of a policy");
  verb.add_option("--tag", typed.forget.tag, "Only snapshots with this tag");
  for (std::size_t i = 0; i < engine::kPeriods; ++i) {
    const std::string name = kKeepNames[i];
    verb.add_option("--keep-" + name, typed.keep[i],
                    i == 0 ? "Keep this many of the newest snapshots; -1 is all"
                           : "Keep the newest of each of this many " + name + " periods (UTC)");
    verb.add_option(i == 0 ? "--keep-within" : "--keep-within-" + name, typed.within[i],
                    "The same, as far back as a span like 1y6m14d12h");
  }
  AddList(verb, "--keep-tag", typed.forget.policy.keep_tags, "Keep snapshots with this tag");
  AddList(verb, "--keep-id", typed.forget.keep_ids,
          "Keep this snapshot, and do not count it; may be repeated");
  typed.grouped = verb.add_option(
      "-g,--group-by", typed.group_by,
      "Count in each group of equal host,paths,tags (any of them) by itself, not in one volume");
  verb.add_flag("-n,--dry-run", typed.forget.dry_run, "Only say what would be removed");
  verb.add_flag("--prune", typed.forget_prune, "Then free the space, as prune does");
  AddPruneOptions(verb, typed);
}

void AddPrune(CLI::App& app, Typed& typed) {
  CLI::App& verb = AddVerb(app, typed, "prune", "Free the space of what no snapshot uses");
  AddPruneOptions(verb, typed);
  verb.add_flag("-n,--dry-run", typed.prune.dry_run, "Only say what would be freed");
}

void AddOthers(CLI::App& app, Typed& typed) {
  CLI::App& check = AddVerb(app, typed, "check", "Check the repository for damage");
  check.add_flag("--read-data", typed.check.read_data, "Read and verify every pack");

  CLI::App& unlock = AddVerb(app, typed, "unlock", "Remove locks whose holders are gone");
  unlock.add_flag("--all", typed.unlock.all, "Remove every lock; nothing else may be running");

  CLI::App& snapshots = AddVerb(app, typed, "snapshots", "List snapshots");
  AddIdentity(snapshots, typed);
  snapshots.add_option("--tag", typed.snapshots.tag, "Only snapshots with this tag");

  CLI::App& ls = AddVerb(app, typed, "ls", "List the files of a snapshot");
  AddIdentity(ls, typed);
  ls.add_option("snapshot", typed.ls.snapshot, "Snapshot id, its first digits, or latest")
      ->required();
  ls.add_option("path", typed.ls.path, "Directory in the snapshot to start at");
  ls.add_flag("-l,--long", typed.ls.long_format, "Modes, owners, sizes and times too");
}

void FromEnvironment(engine::SessionOptions& session, const Environment& environment) {
  if (session.location.empty()) session.location = environment("RESTIC_REPOSITORY");
  if (session.password_file.empty()) {
    session.password = environment("HOLDFAST_PASSWORD");
    if (session.password.empty()) session.password = environment("RESTIC_PASSWORD");
    if (session.password.empty()) session.password_file = environment("RESTIC_PASSWORD_FILE");
  }
  storage::ReadEnvironment(environment, session.storage);
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

Result<void> FinishPrune(Typed& typed) {
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

Result<engine::Request> FinishRestore(Typed& typed, const protocol::Identity& identity) {
  engine::RestoreRequest& request = typed.restore;
  request.identity = identity;
  if (!identity.path.empty()) request.restore.root = identity.path;
  if (!typed.as_of.empty()) {
    TRY(request.as_of, ParseTime(typed.as_of));
  }
  TRY(request.restore.overwrite, engine::ParseOverwrite(typed.overwrite));
  return request;
}

Result<engine::Request> FinishForget(Typed& typed, const protocol::Identity& identity) {
  engine::ForgetOptions& request = typed.forget;
  request.identity = identity;
  request.policy.keep = typed.keep;
  for (std::size_t i = 0; i < engine::kPeriods; ++i) {
    if (typed.within[i].empty()) continue;
    TRY(request.policy.within[i], engine::ParseCalendarSpan(typed.within[i]));
  }
  if (typed.grouped->count() != 0) {
    TRY(request.group_by, engine::ParseGrouping(typed.group_by));
  }
  if (typed.forget_prune) return engine::ForgetRequest{request, typed.prune};
  return engine::ForgetRequest{request, std::nullopt};
}

Result<engine::Request> FinishRequest(Typed& typed, const std::string& verb) {
  const protocol::Identity identity{typed.host, typed.as_path};
  if (verb == "init") return typed.init;
  if (verb == "restore") return FinishRestore(typed, identity);
  if (verb == "forget") return FinishForget(typed, identity);
  if (verb == "prune") return engine::PruneRequest{typed.prune};
  if (verb == "check") return typed.check;
  if (verb == "unlock") return typed.unlock;
  if (verb == "snapshots") {
    typed.snapshots.identity = identity;
    return typed.snapshots;
  }
  if (verb == "ls") {
    typed.ls.identity = identity;
    return typed.ls;
  }
  typed.backup.archive.identity = identity;
  typed.backup.archive.type = TypeNamed(typed.type);
  typed.backup.unreadable_fail = typed.unreadable == "fail";
  return typed.backup;
}

Ending Mistake(const Error& error) { return {ExitCode::kUsage, error.message}; }

// CLI11 parses in reverse order and throws; both stay in here.
std::optional<Ending> Parse(CLI::App& app, std::vector<std::string> arguments) {
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    const auto verbs = app.get_subcommands();
    return Ending{ExitCode::kOk, verbs.empty() ? app.help() : verbs.front()->help()};
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
  AddInit(app, typed);
  AddBackup(app, typed);
  AddRestore(app, typed);
  AddForget(app, typed);
  AddPrune(app, typed);
  AddOthers(app, typed);
  if (auto ending = Parse(app, arguments)) return tl::make_unexpected(*std::move(ending));

  FromEnvironment(typed.options.session, environment);
  for (const auto finish : {FinishLimits, FinishRetry, FinishLockWait, FinishPrune})
    if (const auto finished = finish(typed); !finished)
      return tl::make_unexpected(Mistake(finished.error()));
  auto request = FinishRequest(typed, app.get_subcommands().front()->get_name());
  if (!request) return tl::make_unexpected(Mistake(request.error()));
  typed.options.request = *std::move(request);
  return std::move(typed.options);
}

}  // namespace holdfast
