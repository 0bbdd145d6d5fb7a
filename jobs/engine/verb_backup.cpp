#include <spdlog/fmt/fmt.h>

#include "jobs/engine/manifests.h"
#include "jobs/engine/verb.h"

namespace holdfast::engine {
namespace {

using protocol::ExitCode;
using protocol::MoverResult;

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

Result<ArchiveReport> ArchiveManifests(const BackupRequest& request, OpenedSnapshots& opened,
                                       const Surroundings& around, MoverResult& result,
                                       std::stop_token stop) {
  TRY(ComposedManifests composed, ComposeManifests(request.manifests_folder));
  if (composed.files.empty()) return Fail(Code::kInvalid, "there are no manifests to keep");
  result.manifests_missing = composed.missing;
  result.manifests_secrets = composed.secrets;
  ArchiveOptions options;
  options.identity = {request.archive.identity.host, request.manifests_path};
  options.type = request.archive.type;
  options.tags = request.archive.tags;
  std::erase_if(options.tags, [](const std::string& tag) {
    return tag.starts_with("pod=") || tag.starts_with("statefulset=");
  });
  options.tags.push_back("statefulset=" +
                         request.manifests_path.substr(request.manifests_path.rfind('/') + 1));
  if (composed.secrets) options.tags.push_back(kContainsSecrets);
  options.made = std::move(composed.files);
  return UnderLock(opened.session, stop, [&](std::stop_token inner) {
    return Archive(opened.session.repository(), opened.snapshots, options, around.meter,
                   around.clock, inner);
  });
}

void SaveManifests(const BackupRequest& request, OpenedSnapshots& opened,
                   const Surroundings& around, MoverResult& result, std::stop_token stop) {
  if (request.manifests_path.empty()) return;
  const auto report = ArchiveManifests(request, opened, around, result, stop);
  if (!report) {
    result.manifests_error = report.error().message;
    around.warnings << "the manifests were not saved: " << result.manifests_error << "\n";
    return;
  }
  result.manifests = report->snapshot.id.Hex();
  result.manifests_files = report->snapshot.summary->total_files_processed;
  result.manifests_bytes = report->snapshot.summary->total_bytes_processed;
}

}  // namespace

Try<MoverResult> Execute(const BackupRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  // Before anything is contacted: a wrong path is found at once.
  if (request.archive.stream_name.empty()) TRY_VOID(CheckSource(request.archive.source));
  TRY(OpenedSnapshots opened, OpenAll(around, LockKind::kShared, stop));
  ArchiveOptions archive = request.archive;
  archive.threads = opened.session.plan().threads;
  archive.count = around.progress;
  if (!request.parent.empty()) {
    TRY(const repo::Snapshot parent,
        opened.session.repository().FindSnapshot(request.parent, stop));
    archive.parent = parent.id;
  }
  std::unique_ptr<DumpReception> dump;
  auto archived =
      UnderLock(opened.session, stop, [&](std::stop_token inner) -> Result<ArchiveReport> {
        if (!request.dump_pipe.empty()) {
          TRY(dump, DumpReception::Begin(request.dump_pipe, request.dump_timeout, inner));
          archive.dump = dump.get();
        }
        return Archive(opened.session.repository(), opened.snapshots, archive, around.meter,
                       around.clock, inner);
      });
  // Not what was cancelled: that is for whoever cancelled it to say.
  if (!archived && dump && dump->failure() && dump->failure()->code != Code::kCancelled)
    return tl::make_unexpected(Failure{archived.error(), ExitCode::kDumpFailed});
  TRY(const ArchiveReport report, std::move(archived));
  CopyArchive(report, result);
  SaveManifests(request, opened, around, result, stop);
  around.meter.Finish();
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

}  // namespace holdfast::engine
