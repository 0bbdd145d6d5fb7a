#include "jobs/engine/verbs.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include <spdlog/fmt/fmt.h>

#include "base/quantity.h"
#include "jobs/engine/checker.h"
#include "jobs/engine/directory.h"
#include "jobs/engine/listing.h"
#include "jobs/engine/scanner.h"
#include "jobs/engine/selection.h"
#include "jobs/repo/lock.h"

namespace holdfast::engine {
namespace {

using protocol::ExitCode;
using protocol::MoverResult;
using Snapshots = std::vector<repo::Snapshot>;

// Stops the work when the caller asks or when the lock is lost: then others may think us dead.
class Work {
 public:
  Work(std::stop_token outer, std::stop_token lost)
      : lost_(lost),
        on_outer_(std::move(outer), [this] { source_.request_stop(); }),
        on_lost_(std::move(lost), [this] { source_.request_stop(); }) {}

  std::stop_token stop() const { return source_.get_token(); }
  bool lock_was_lost() const { return lost_.stop_requested(); }

 private:
  std::stop_source source_;
  std::stop_token lost_;
  std::stop_callback<std::function<void()>> on_outer_;
  std::stop_callback<std::function<void()>> on_lost_;
};

// Runs `body` with a stop token that also ends with the session's lock, and says so.
template <typename Body>
auto UnderLock(Session& session, std::stop_token stop, Body body) {
  Work work(std::move(stop), session.lost());
  auto outcome = body(work.stop());
  if (!outcome && work.lock_was_lost())
    outcome = tl::make_unexpected(
        Error{Code::kConflict,
              "the repository's lock was lost: it was removed by somebody, or the "
              "store could not be reached for 30 minutes; run again"});
  return outcome;
}

struct OpenedSnapshots {
  Session session;
  Snapshots snapshots;
};

// The snapshots are listed before the index is loaded, so that the index knows all they need.
Try<OpenedSnapshots> OpenAll(const Surroundings& around, std::stop_token stop) {
  TRY(Session session, Session::Open(around.session, LockKind::kShared, stop));
  TRY(Snapshots snapshots, session.repository().ListSnapshots(stop));
  TRY_VOID(session.repository().LoadIndex(stop));
  return OpenedSnapshots{std::move(session), std::move(snapshots)};
}

void CopyProblems(const ProblemList& problems, MoverResult& result, std::ostream& warnings) {
  result.unreadable += problems.count();
  for (const std::string& problem : problems.first()) {
    result.unreadable_paths.push_back(problem);
    warnings << problem << '\n';
  }
  if (problems.count() > problems.first().size())
    warnings << "... and " << problems.count() - problems.first().size() << " more\n";
}

// --- init ---

Try<MoverResult> Execute(const InitRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  TRY(Session session, Session::Connect(around.session));
  const auto opened = request.open_only || request.if_missing ? session.OpenRepository(stop)
                                                              : session.CreateRepository(stop);
  result.created = opened && !request.open_only && !request.if_missing;
  const bool absent = !opened && opened.error().exit == ExitCode::kNoRepository;
  if (!opened && !(absent && request.if_missing)) return tl::make_unexpected(opened.error());
  if (absent) {
    TRY_VOID(session.CreateRepository(stop));
    result.created = true;
  }
  repo::Repository& repository = session.repository();
  TRY(result.lock_holders, session.OtherHolders(stop));
  result.repository_id = repository.config().id;
  for (const auto type :
       {storage::FileType::kPack, storage::FileType::kIndex, storage::FileType::kSnapshot}) {
    TRY(const auto files, repository.ListFiles(type, stop));
    for (const auto& file : files) result.stored_bytes += file.size;
    if (type == storage::FileType::kSnapshot) result.snapshots = files.size();
  }
  return result;
}

// --- backup ---

// Fills in the meter's totals while the backup runs already.
std::jthread StartScan(const ArchiveOptions& options, Meter& meter) {
  return std::jthread([&options, &meter](std::stop_token stop) {
    const auto excludes = ExcludeList::Parse(options.excludes);
    if (!excludes) return;
    const std::string prefix = options.identity.path.empty() ? options.source : "";
    const auto totals = Scan(options.source, *excludes, prefix, stop);
    if (totals) meter.SetTotals(totals->files, totals->bytes);
  });
}

void CopyArchive(const ArchiveReport& report, MoverResult& result) {
  const repo::SnapshotSummary& summary = *report.snapshot.summary;
  result.snapshot = report.snapshot.id.Hex();
  if (report.snapshot.parent) result.parent = report.snapshot.parent->Hex();
  result.files = summary.total_files_processed;
  result.files_changed = summary.files_new + summary.files_changed;
  result.bytes = summary.total_bytes_processed;
  result.bytes_read = report.bytes_read;
  result.bytes_added = summary.data_added_packed;
  result.changed_while_read = report.changed_while_read;
  result.skipped = report.sockets_skipped;
}

Try<MoverResult> Execute(const BackupRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  // Before anything is contacted: a wrong path is found at once.
  TRY_VOID(CheckSource(request.archive.source));
  TRY(OpenedSnapshots opened, OpenAll(around, stop));
  TRY(const ArchiveReport report, UnderLock(opened.session, stop, [&](std::stop_token inner) {
        const std::jthread scan = StartScan(request.archive, around.meter);
        return Archive(opened.session.repository(), opened.snapshots, request.archive, around.meter,
                       around.clock, inner);
      }));
  around.meter.Finish();
  CopyArchive(report, result);
  CopyProblems(report.unreadable, result, around.warnings);
  if (report.sockets_skipped != 0)
    around.warnings << report.sockets_skipped << " sockets were skipped: they have no content\n";
  if (report.changed_while_read != 0)
    around.warnings << report.changed_while_read
                    << " files changed while they were read; they are stored as they were read\n";
  if (result.unreadable != 0) {
    result.message = fmt::format(
        "{} files could not be read and are missing from the snapshot; "
        "let the mover read them or exclude them",
        result.unreadable);
    if (request.unreadable_fail) result.exit = ExitCode::kUnreadableFiles;
  }
  return result;
}

// --- restore ---

// "4a5b:/sub/folder" names a directory in the snapshot, as in restic.
std::pair<std::string, std::optional<std::string>> SplitSnapshotName(const std::string& name) {
  const std::size_t colon = name.find(':');
  if (colon == std::string::npos) return {name, std::nullopt};
  return {name.substr(0, colon), name.substr(colon + 1)};
}

Result<repo::Snapshot> Select(repo::Repository& repository, const Snapshots& snapshots,
                              const std::string& name, const protocol::Identity& identity,
                              std::optional<TimePoint> as_of, std::stop_token stop) {
  if (name != "latest") return repository.FindSnapshot(name, stop);
  const repo::Snapshot* latest = Latest(snapshots, identity, {}, as_of);
  if (latest != nullptr) return *latest;
  return Fail(Code::kNotFound,
              fmt::format("no snapshot of host \"{}\" and path \"{}\"{} is in the repository; see "
                          "what is there with snapshots",
                          identity.host, identity.path,
                          as_of ? " up to " + FormatTime(*as_of) : std::string()));
}

void JudgeRestore(const RestoreReport& report, MoverResult& result) {
  if (report.mismatched.count() != 0) {
    result.exit = ExitCode::kVerifyFailed;
    result.message = fmt::format(
        "{} files differ from the snapshot after they were written; check "
        "the volume's disk and restore again",
        report.mismatched.count());
  } else if (report.failed.count() != 0) {
    result.exit = report.damaged ? ExitCode::kCorrupt : ExitCode::kFailed;
    result.message =
        fmt::format("{} entries could not be restored; {}", report.failed.count(),
                    report.damaged ? "the repository is damaged, run check"
                                   : "run as a user that may write them, or choose --path");
  }
}

Try<MoverResult> Execute(const RestoreRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  TRY_VOID(CheckTarget(request.restore.target));
  TRY(OpenedSnapshots opened, OpenAll(around, stop));
  repo::Repository& repository = opened.session.repository();
  const auto [name, subfolder] = SplitSnapshotName(request.snapshot);
  TRY(const repo::Snapshot snapshot,
      Select(repository, opened.snapshots, name, request.identity, request.as_of, stop));
  result.snapshot = snapshot.id.Hex();
  RestoreOptions options = request.restore;
  if (subfolder) options.root = subfolder;
  TRY(const RestoreReport report, UnderLock(opened.session, stop, [&](std::stop_token inner) {
        return Restore(repository, snapshot, options, around.meter, inner);
      }));
  around.meter.Finish();
  result.files = report.files;
  result.files_changed = report.files_written;
  result.bytes = report.bytes;
  result.bytes_read = report.bytes_fetched;
  result.bytes_added = report.bytes_written;
  result.metadata_failures = report.metadata_failures;
  CopyProblems(report.failed, result, around.warnings);
  CopyProblems(report.mismatched, result, around.warnings);
  JudgeRestore(report, result);
  return result;
}

// --- forget ---

Try<MoverResult> Execute(const ForgetOptions& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  // Shared, unlike restic's: only snapshot objects are removed, which nothing else refers to (a
  // backup holds its parent in memory), so that retention need not wait for backups. The data goes
  // with prune, which holds an exclusive lock and is kept out.
  TRY(Session session, Session::Open(around.session, LockKind::kShared, stop));
  repo::Repository& repository = session.repository();
  TRY(const Snapshots snapshots, repository.ListSnapshots(stop));
  TRY(const ForgetReport report, UnderLock(session, stop, [&](std::stop_token inner) {
        return Forget(repository, snapshots, request, around.clock.Now(), inner);
      }));
  result.kept = report.kept;
  result.more = report.more;
  for (const repo::Id& id : report.removed) result.removed.push_back(id.Hex());
  if (!around.json) PrintDecisions(around.out, report, request.dry_run);
  return result;
}

// --- check, unlock and the listings ---

Try<MoverResult> Execute(const CheckRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  TRY(OpenedSnapshots opened, OpenAll(around, stop));
  TRY(const CheckReport report, UnderLock(opened.session, stop, [&](std::stop_token inner) {
        return Check(opened.session.repository(), opened.snapshots, request.read_data, around.meter,
                     inner);
      }));
  around.meter.Finish();
  result.repository_id = opened.session.repository().config().id;
  result.snapshots = report.snapshots;
  result.stored_bytes = report.stored_bytes;
  CopyProblems(report.damage, result, around.warnings);
  if (report.damage.count() != 0) {
    result.exit = ExitCode::kCorrupt;
    result.message = fmt::format(
        "{} places in the repository are damaged; restore what can be "
        "restored, and back up again to mend the rest",
        report.damage.count());
  }
  if (report.unused_packs != 0)
    around.warnings << report.unused_packs
                    << " packs are in no index: the rest of interrupted runs; prune frees them\n";
  return result;
}

Try<MoverResult> Execute(const UnlockRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  TRY(Session session, Session::Open(around.session, LockKind::kNone, stop));
  TRY(const auto removed,
      repo::RemoveStaleLocks(session.repository(), session.Holder(), request.all, stop));
  for (const repo::LockInfo& lock : removed) {
    if (!around.json)
      around.out << "removed the lock of " << lock.hostname << " since " << FormatTime(lock.time)
                 << '\n';
  }
  MoverResult result;
  result.message = fmt::format("{} locks removed", removed.size());
  return result;
}

Try<MoverResult> Execute(const SnapshotsRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  TRY(Session session, Session::Open(around.session, LockKind::kShared, stop));
  TRY(Snapshots snapshots, session.repository().ListSnapshots(stop));
  std::erase_if(snapshots, [&](const repo::Snapshot& snapshot) {
    return !Matches(snapshot, request.identity) ||
           (!request.tag.empty() && !HasTag(snapshot, request.tag));
  });
  PrintSnapshots(around.out, snapshots, around.json);
  MoverResult result;
  result.snapshots = snapshots.size();
  return result;
}

Try<MoverResult> Execute(const LsRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  TRY(OpenedSnapshots opened, OpenAll(around, stop));
  repo::Repository& repository = opened.session.repository();
  TRY(const repo::Snapshot snapshot,
      Select(repository, opened.snapshots, request.snapshot, request.identity, std::nullopt, stop));
  result.snapshot = snapshot.id.Hex();
  TRY_VOID(PrintTree(around.out, repository, snapshot, request.path, request.long_format,
                     around.json, stop));
  return result;
}

struct Named {
  std::string operator()(const InitRequest&) const { return "init"; }
  std::string operator()(const BackupRequest&) const { return "backup"; }
  std::string operator()(const RestoreRequest&) const { return "restore"; }
  std::string operator()(const ForgetOptions&) const { return "forget"; }
  std::string operator()(const CheckRequest&) const { return "check"; }
  std::string operator()(const UnlockRequest&) const { return "unlock"; }
  std::string operator()(const SnapshotsRequest&) const { return "snapshots"; }
  std::string operator()(const LsRequest&) const { return "ls"; }
};

std::string Rate(std::uint64_t bytes, std::uint64_t milliseconds) {
  return HumanBytes(bytes * 1000 / std::max<std::uint64_t>(milliseconds, 1)) + "/s";
}

std::string BackupSummary(const MoverResult& result) {
  return fmt::format(
      "snapshot {} saved: {} files, {}; {} files new or changed, {} read, {} added\n"
      "{} at {}{}\n",
      result.snapshot.substr(0, 8), result.files, HumanBytes(result.bytes), result.files_changed,
      HumanBytes(result.bytes_read), HumanBytes(result.bytes_added),
      HumanDuration(std::chrono::seconds(result.duration_ms / 1000)),
      Rate(result.bytes, result.duration_ms),
      result.parent.empty() ? "" : ", compared with " + result.parent.substr(0, 8));
}

std::string RestoreSummary(const MoverResult& result) {
  std::string text = fmt::format(
      "snapshot {} restored: {} files, {}; {} files written ({}), {} fetched\n"
      "{} at {}\n",
      result.snapshot.substr(0, 8), result.files, HumanBytes(result.bytes), result.files_changed,
      HumanBytes(result.bytes_added), HumanBytes(result.bytes_read),
      HumanDuration(std::chrono::seconds(result.duration_ms / 1000)),
      Rate(result.bytes, result.duration_ms));
  if (result.metadata_failures != 0)
    text += fmt::format("{} owners, modes, times or attributes could not be set\n",
                        result.metadata_failures);
  return text;
}

}  // namespace

std::string VerbName(const Request& request) { return std::visit(Named(), request); }

MoverResult Run(const Request& request, const Surroundings& around, std::stop_token stop) {
  const auto start = std::chrono::steady_clock::now();
  auto outcome = std::visit([&](const auto& verb) { return Execute(verb, around, stop); }, request);
  MoverResult result;
  if (outcome) {
    result = *std::move(outcome);
  } else {
    result.exit = outcome.error().exit;
    result.message = outcome.error().error.message;
  }
  result.verb = VerbName(request);
  const auto spent = std::chrono::steady_clock::now() - start;
  result.duration_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(spent).count());
  return result;
}

std::string Summary(const MoverResult& result) {
  if (result.verb == "backup" && !result.snapshot.empty()) return BackupSummary(result);
  if (result.verb == "restore" && !result.snapshot.empty()) return RestoreSummary(result);
  if (result.exit != ExitCode::kOk) return "";
  if (result.verb == "init")
    return fmt::format("repository {} {}: {} snapshots, {} stored\n",
                       result.repository_id.substr(0, 8), result.created ? "created" : "opened",
                       result.snapshots, HumanBytes(result.stored_bytes));
  if (result.verb == "check")
    return fmt::format("no damage found: {} snapshots, {} stored\n", result.snapshots,
                       HumanBytes(result.stored_bytes));
  if (result.verb == "forget")
    return fmt::format("{} snapshots removed, {} kept{}\n", result.removed.size(), result.kept,
                       result.more ? "; more are due, run again" : "");
  if (result.verb == "unlock") return result.message + "\n";
  return "";
}

}  // namespace holdfast::engine
