#include "jobs/options_verbs.h"

#include <CLI/CLI.hpp>

namespace holdfast {
namespace {

constexpr const char* kOneSnapshot = "Snapshot id, its first digits, or latest";
constexpr const char* kStripPath = "Paths begin at what was backed up, without the path to it";

// By Period; "last" counts snapshots, "within" alone is any snapshot.
constexpr std::array<const char*, kPeriods> kKeepNames = {"last",   "hourly",  "daily",
                                                          "weekly", "monthly", "yearly"};

// One value for each time the option is written: what follows is never swallowed.
void AddList(CLI::App& verb, const std::string& name, std::vector<std::string>& list,
             const std::string& help) {
  verb.add_option(name, list, help)->allow_extra_args(false);
}

void AddCommon(CLI::App& verb, Typed& typed) {
  engine::SessionOptions& session = typed.options.session;
  verb.add_option("-r,--repo", session.location,
                  "Repository: /path, s3:https://host/bucket/prefix, azure:container:/prefix, "
                  "gs:bucket:/prefix or rest:https://host/path [RESTIC_REPOSITORY]");
  verb.add_option("-p,--password-file", session.password_file,
                  "File with the repository's password [RESTIC_PASSWORD_FILE]; or set "
                  "HOLDFAST_PASSWORD or RESTIC_PASSWORD");
  verb.add_option("--ca-file", session.storage.ca_file,
                  "PEM bundle of certificate authorities to trust instead of the system's");
  verb.add_flag("--s3-virtual-host", session.storage.s3_virtual_host_style,
                "Put the bucket into the host name instead of the path");
  auto* mode = verb.add_option("--object-lock-mode", typed.object_lock_mode,
                               "In a bucket with S3 Object Lock: retain what is written, against "
                               "all but who may s3:BypassGovernanceRetention (governance) or "
                               "against everybody (compliance)")
                   ->check(CLI::IsMember({"governance", "compliance"}));
  verb.add_option("--object-lock-period", typed.object_lock_period, "For how long, like 30d")
      ->needs(mode);
  verb.add_option("--local-group", session.storage.local_group,
                  "In a folder: share the repository with this group, by its number, and make "
                  "missing folders above it too");
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

void AddFrom(CLI::App& verb, Typed& typed) {
  verb.add_option(
      "--from-repo", typed.from.location,
      "The other repository [RESTIC_FROM_REPOSITORY]; its store's keys are in FROM_AWS_..., "
      "or the same");
  verb.add_option("--from-password-file", typed.from.password_file,
                  "File with its password [RESTIC_FROM_PASSWORD_FILE]; or set "
                  "HOLDFAST_FROM_PASSWORD or RESTIC_FROM_PASSWORD");
  verb.add_flag("--from-apart", typed.from_apart,
                "Reach it by its own settings alone: FROM_... variables and the options below");
  verb.add_option("--from-ca-file", typed.from_storage.ca_file, "As --ca-file")
      ->needs("--from-apart");
  verb.add_flag("--from-s3-virtual-host", typed.from_storage.s3_virtual_host_style,
                "As --s3-virtual-host")
      ->needs("--from-apart");
  verb.add_option("--from-local-group", typed.from_storage.local_group, "As --local-group")
      ->needs("--from-apart");
}

void AddIdentity(CLI::App& verb, Typed& typed) {
  verb.add_option("-H,--host", typed.host, "Host of the snapshot: the cluster's name");
  verb.add_option("--as-path", typed.as_path,
                  "Path of the snapshot, like /namespace/claim, wherever the data is mounted");
}

void AddFilter(CLI::App& verb, Typed& typed, const char* help) {
  verb.add_option("snapshots", typed.filter.ids, help);
  AddIdentity(verb, typed);
  verb.add_option("--tag", typed.filter.tag, "Only snapshots with this tag");
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
  verb.add_option("--repository-version", typed.init.version,
                  "1 or 2 (default); 1 is for old readers")
      ->check(CLI::Range(1, 2));
  verb.add_flag("--copy-chunker-params", typed.copy_chunker_params,
                "Cut files as --from-repo does, so that copies share data with backups");
  AddFrom(verb, typed);
}

void AddBackup(CLI::App& app, Typed& typed) {
  CLI::App& verb = AddVerb(app, typed, "backup", "Save a directory as a snapshot");
  AddIdentity(verb, typed);
  engine::ArchiveOptions& archive = typed.backup.archive;
  verb.add_option("source", archive.source, "The directory to save");
  auto* from_stdin =
      verb.add_flag("--stdin", typed.from_stdin,
                    "Save what standard input gives as one file, instead of a source");
  verb.add_option("--stdin-filename", typed.stdin_name, "The name of that file")->needs(from_stdin);
  auto* pipe = verb.add_option("--dump-pipe", typed.backup.dump_pipe,
                               "Save what holdfast-dump sends through this named pipe as one file, "
                               "instead of a source; no snapshot unless its command ended well")
                   ->excludes(from_stdin);
  verb.add_option("--dump-filename", typed.dump_name, "The name of that file")->needs(pipe);
  verb.add_option("--dump-timeout", typed.dump_timeout, "How long the command may take")
      ->needs(pipe);
  verb.add_option("--parent", typed.backup.parent,
                  "Snapshot to compare with, instead of the one that --type chooses");
  verb.add_flag("-x,--one-file-system", archive.one_file_system,
                "Leave out what is mounted below the source");
  verb.add_option("--type", typed.type,
                  "What to read: full (all), incremental (what changed since the latest snapshot), "
                  "differential (since the latest full one)")
      ->check(CLI::IsMember({"full", "incremental", "differential"}));
  AddList(verb, "--tag", typed.backup.archive.tags, "Tag for the snapshot; may be repeated");
  AddList(verb, "-e,--exclude", typed.backup.archive.excludes,
          "Pattern of files to leave out, as in restic; may be repeated");
  AddList(verb, "--iexclude", archive.iexcludes, "The same, whatever the case of ASCII letters");
  AddList(verb, "--exclude-file", typed.exclude_files, "File with such patterns, one a line");
  AddList(verb, "--iexclude-file", typed.iexclude_files, "The same for --iexclude");
  verb.add_option("--unreadable", typed.unreadable,
                  "When files cannot be read: fail (exit 3) or warn (exit 0). The snapshot is made "
                  "in both cases")
      ->check(CLI::IsMember({"fail", "warn"}));
  auto* as = verb.add_option("--manifests-as", typed.backup.manifests_path,
                             "Save the workload's manifests too, in a snapshot with this path");
  verb.add_option("--manifests-from", typed.backup.manifests_folder,
                  "The folder that they are made from")
      ->needs(as)
      ->capture_default_str();
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
  verb.add_flag("--refuse-secrets", typed.restore.refuse_secrets,
                "Restore no snapshot that holds Secrets (tag contains=secrets)");
  verb.add_flag("--strip-path", typed.restore.strip_path,
                "What was backed up becomes the target itself, without the path to it: also in "
                "snapshots of other programs");
  AddList(verb, "--path", restore.paths,
          "Restore only this path below the snapshot's root; may be repeated");
  verb.add_option("--overwrite", typed.overwrite,
                  "Existing files: always (compare content), if-changed (trust size and time) or "
                  "never touch")
      ->check(CLI::IsMember({"always", "if-changed", "never"}));
  verb.add_flag("--delete-extra", restore.delete_extra,
                "Remove from the target what the snapshot does not have");
  verb.add_flag("!--no-ownership", restore.ownership,
                "Give everything to the user who restores, not to its owners");
  AddList(verb, "--map-uid", typed.map_uid,
          "Give what belonged to one user to another, like 1000:2000; may be repeated");
  AddList(verb, "--map-gid", typed.map_gid, "The same for groups");
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
  verb.add_option("snapshots", typed.forget.ids,
                  "Snapshots to remove, instead of a policy; --host, --as-path and --tag must fit");
  verb.add_flag("--missing-ok", typed.forget.missing_ok, "Snapshots that are gone are no error");
  verb.add_flag("--copies", typed.forget.copies,
                "The snapshots named are in another repository; remove what was copied from them");
  verb.add_option("--tag", typed.forget.tag, "Only snapshots with this tag");
  for (std::size_t i = 0; i < kPeriods; ++i) {
    const std::string name = kKeepNames[i];
    verb.add_option("--keep-" + name, typed.keep[i],
                    i == 0 ? "Keep this many of the newest snapshots; -1 is all"
                           : "Keep the newest of each of this many " + name + " periods (UTC)");
    verb.add_option(i == 0 ? "--keep-within" : "--keep-within-" + name, typed.within[i],
                    "The same, as far back as a span like 1y6m14d12h");
  }
  AddList(verb, "--keep-tag", typed.forget.policy.keep_tags, "Keep snapshots with this tag");
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

void AddCopy(CLI::App& app, Typed& typed) {
  CLI::App& verb =
      AddVerb(app, typed, "copy", "Copy snapshots from another repository into this one");
  AddFrom(verb, typed);
  AddFilter(verb, typed, "Snapshots to copy: ids, their first digits, or latest; all by default");
}

void AddCheck(CLI::App& app, Typed& typed) {
  CLI::App& verb = AddVerb(app, typed, "check", "Check the repository for damage");
  auto* all = verb.add_flag("--read-data", typed.read_data, "Read and verify every pack");
  auto* part =
      verb.add_option(
              "--read-data-subset", typed.read_data_subset,
              "Read a part: 2/5 (the second fifth; five runs read all), 10% or 50Gi at random")
          ->excludes(all);
  verb.add_option("snapshots", typed.check.snapshots,
                  "Only these, by ids or their first digits: read and verify all that they need")
      ->excludes(all)
      ->excludes(part);
}

void AddKey(CLI::App& app, Typed& typed) {
  using Action = engine::KeyRequest::Action;
  CLI::App& key = *app.add_subcommand("key", "List and change who may open the repository");
  key.require_subcommand(1);
  const auto action = [&](const char* name, Action which, const char* help) -> CLI::App& {
    CLI::App& verb = AddVerb(key, typed, name, help);
    verb.callback([&typed, which] { typed.key.action = which; });
    return verb;
  };
  action("list", Action::kList, "List the keys; * is the one in use");
  for (CLI::App* const verb : {&action("add", Action::kAdd, "Add a further password"),
                               &action("passwd", Action::kPasswd, "Change the password in use")})
    verb->add_option("--new-password-file", typed.key.new_password_file,
                     "File with the new password; or set HOLDFAST_NEW_PASSWORD");
  action("remove", Action::kRemove, "Remove a key, but not the one in use")
      .add_option("id", typed.key.id, "The key's id or its first digits")
      ->required();
}

void AddMigrate(CLI::App& app, Typed& typed) {
  CLI::App& verb = AddVerb(app, typed, "migrate", "Bring the repository to a newer format");
  verb.add_option("migration", typed.migration, "upgrade_repo_v2: from version 1 to 2")
      ->required()
      ->check(CLI::IsMember({"upgrade_repo_v2"}));
}

void AddLists(CLI::App& app, Typed& typed) {
  CLI::App& snapshots = AddVerb(app, typed, "snapshots", "List snapshots");
  AddIdentity(snapshots, typed);
  snapshots.add_option("--tag", typed.snapshots.tag, "Only snapshots with this tag");

  CLI::App& backups =
      AddVerb(app, typed, "backups",
              "List the Backups of Kubernetes that snapshots belong to, the newest first");
  backups.add_option("--cluster", typed.backups.filter.cluster, "Only of this cluster");
  backups.add_option("--namespace", typed.backups.filter.ns, "Only of this namespace");
  backups.add_option("--newest", typed.backups.newest, "No more than so many; 0 is all");
  backups.add_flag("--complete", typed.backups.complete,
                   "Leave out a last run that is not over, as far as its snapshots tell");
  backups.add_option("--unlike", typed.backups.unlike,
                     "Wait until they are others than those of which --json said this \"seen\"");
  backups.add_option("--every", typed.every, "While waiting, look this often, like 10s");
  backups.add_option("--patience", typed.patience, "Wait no longer than this, like 6h");

  CLI::App& ls = AddVerb(app, typed, "ls", "List the files of a snapshot");
  AddIdentity(ls, typed);
  ls.add_option("snapshot", typed.ls.snapshot, kOneSnapshot)->required();
  ls.add_option("path", typed.ls.path, "Directory in the snapshot to start at");
  ls.add_flag("!--no-recurse", typed.ls.recurse, "Not what is in the directories below it");
  ls.add_flag("--strip-path", typed.ls.strip_path, kStripPath);
  ls.add_flag("-l,--long", typed.ls.long_format, "Modes, owners, sizes and times too");

  CLI::App& dump =
      AddVerb(app, typed, "dump", "Write a file, or a directory as tar, to standard output");
  AddIdentity(dump, typed);
  dump.add_option("snapshot", typed.dump.snapshot, kOneSnapshot)->required();
  dump.add_option("path", typed.dump.path, "File or directory in the snapshot")->required();
  dump.add_flag("--strip-path", typed.dump.strip_path, kStripPath);
  dump.add_option("-a,--archive", typed.archive, "tar: an archive also of a single file")
      ->check(CLI::IsMember({"tar"}));

  CLI::App& diff = AddVerb(app, typed, "diff", "Show what changed between two snapshots");
  AddIdentity(diff, typed);
  diff.add_option("before", typed.diff.before, kOneSnapshot)->required();
  diff.add_option("after", typed.diff.after, kOneSnapshot)->required();
  diff.add_flag("--metadata", typed.diff.metadata, "Show changed modes, owners and times too");
}

void AddSearches(CLI::App& app, Typed& typed) {
  CLI::App& find = AddVerb(app, typed, "find", "Find files by name in snapshots");
  find.add_option("patterns", typed.find.find.patterns, "Names or paths, with *, ?, [a-z] and **")
      ->required();
  AddIdentity(find, typed);
  find.add_option("--tag", typed.filter.tag, "Only snapshots with this tag");
  AddList(find, "-s,--snapshot", typed.filter.ids, "Only this snapshot; may be repeated");
  find.add_flag("-i,--ignore-case", typed.find.find.ignore_case,
                "Whatever the case of ASCII letters");
  find.add_option("--type", typed.find_type, "Only this type: file, dir, symlink, ...");
  find.add_option("-N,--newer", typed.newer, "Modified after this time (RFC 3339)");
  find.add_option("-O,--older", typed.older, "Modified before this time (RFC 3339)");

  CLI::App& stats = AddVerb(app, typed, "stats", "Count what snapshots hold");
  AddFilter(stats, typed, "Snapshots to count together; all by default");
  stats.add_option("--mode", typed.stats_mode,
                   "restore-size, files-by-contents, blobs-per-file or raw-data");
}

void AddUnlock(CLI::App& app, Typed& typed) {
  CLI::App& verb = AddVerb(app, typed, "unlock", "Remove locks whose holders are gone");
  verb.add_flag("--all", typed.unlock.all, "Remove every lock; nothing else may be running");
}

void AddUndelete(CLI::App& app, Typed& typed) {
  CLI::App& verb = AddVerb(app, typed, "undelete",
                           "Bring back what was removed or replaced in a bucket with versions");
  verb.add_option("--since", typed.undelete_since,
                  "Undo what was done after this time (RFC 3339), like 2026-11-26T03:00:00Z")
      ->required();
  verb.add_flag("-n,--dry-run", typed.undelete.dry_run, "Only list what would be undone");
}

void AddWatch(CLI::App& app, Typed& typed) {
  CLI::App& verb = *app.add_subcommand("watch", "Wait until a directory has changed");
  verb.add_option("source", typed.watch.source, "The directory")->required();
  verb.add_option("--quiet-period", typed.quiet_period,
                  "End once nothing has changed for this long after a change, like 10s");
  verb.add_option("--max-interval", typed.max_interval,
                  "End this long after the first change even if writing goes on, like 5m");
  verb.add_option(
      "--since", typed.since,
      "Changes after this time (RFC 3339) count too; without it, all counts as changed");
  AddList(verb, "-e,--exclude", typed.watch.excludes,
          "Pattern of files to leave out, as of backup; may be repeated");
  verb.add_flag("--json", typed.options.json, "The result as JSON");
  verb.add_flag("-q,--quiet", typed.options.quiet, "No summary");
}

void AddStay(CLI::App& app, Typed& typed) {
  CLI::App& verb = *app.add_subcommand(
      "stay", "Do nothing for a while, so that other verbs can be run beside it (kubectl exec)");
  verb.add_option("--for", typed.stay_for, "How long, like 10m")->capture_default_str();
  verb.add_flag("--json", typed.options.json, "The result as JSON");
  verb.add_flag("-q,--quiet", typed.options.quiet, "No summary");
}

}  // namespace

void AddVerbs(CLI::App& app, Typed& typed) {
  for (const auto add :
       {AddInit, AddBackup, AddRestore, AddForget, AddPrune, AddCopy, AddCheck, AddKey, AddMigrate,
        AddUnlock, AddLists, AddSearches, AddWatch, AddUndelete, AddStay})
    add(app, typed);
}

}  // namespace holdfast
