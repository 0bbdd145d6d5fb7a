// Verbs that say what snapshots hold: find, diff, stats.
#include <spdlog/fmt/fmt.h>

#include "base/json.h"
#include "base/quantity.h"
#include "jobs/engine/differ.h"
#include "jobs/engine/directory.h"
#include "jobs/engine/finder.h"
#include "jobs/engine/selection.h"
#include "jobs/engine/stats.h"
#include "jobs/engine/verb.h"

namespace holdfast::engine {
namespace {

using protocol::MoverResult;

Json SideJson(const DiffSide& side) {
  return {{"files", side.files},           {"dirs", side.dirs},
          {"others", side.others},         {"data_blobs", side.data_blobs},
          {"tree_blobs", side.tree_blobs}, {"bytes", side.bytes}};
}

void PrintDiff(std::ostream& out, const repo::Snapshot& before, const repo::Snapshot& after,
               const DiffReport& report, bool json) {
  const DiffSide& added = report.added;
  const DiffSide& removed = report.removed;
  if (json) {
    out << DumpJson({{"message_type", "statistics"},
                     {"source_snapshot", before.id.Hex()},
                     {"target_snapshot", after.id.Hex()},
                     {"changed_files", report.changed_files},
                     {"added", SideJson(added)},
                     {"removed", SideJson(removed)}})
        << '\n';
    return;
  }
  out << fmt::format(
      "\nFiles:      {} new, {} removed, {} changed\n"
      "Dirs:       {} new, {} removed\n"
      "Others:     {} new, {} removed\n"
      "Data blobs: {} new, {} removed\n"
      "Tree blobs: {} new, {} removed\n"
      "Added:      {}\n"
      "Removed:    {}\n",
      added.files, removed.files, report.changed_files, added.dirs, removed.dirs, added.others,
      removed.others, added.data_blobs, removed.data_blobs, added.tree_blobs, removed.tree_blobs,
      HumanBytes(added.bytes), HumanBytes(removed.bytes));
}

DiffChange ChangePrinter(std::ostream& out, bool json) {
  return [&out, json](const std::string& marks, const std::string& path) {
    if (json) {
      out << DumpJson({{"message_type", "change"}, {"path", path}, {"modifier", marks}}) << '\n';
    } else {
      out << fmt::format("{:<5}{}\n", marks, Printable(path));
    }
  };
}

void PrintStats(std::ostream& out, const StatsReport& report, bool json) {
  if (json) {
    out << DumpJson({{"snapshots_count", report.snapshots},
                     {"total_size", report.bytes},
                     {"total_file_count", report.files},
                     {"total_blob_count", report.blobs},
                     {"total_uncompressed_size", report.uncompressed}})
        << '\n';
    return;
  }
  out << fmt::format("Snapshots:  {}\n", report.snapshots);
  if (report.files != 0) out << fmt::format("Entries:    {}\n", report.files);
  if (report.blobs != 0) out << fmt::format("Blobs:      {}\n", report.blobs);
  if (report.uncompressed != 0)
    out << fmt::format("Content:    {}\n", HumanBytes(report.uncompressed));
  out << fmt::format("Total size: {}\n", HumanBytes(report.bytes));
}

}  // namespace

Try<MoverResult> Execute(const FindRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  TRY(OpenedSnapshots opened, OpenReadable(around, stop));
  TRY(const Snapshots chosen, ChooseReadable(opened, request.filter, result, stop));
  TRY(const FindReport report,
      Find(around.out, opened.session.repository(), chosen, request.find, around.json, stop));
  result.files = report.found;
  CopyProblems(report.damaged, result, around.warnings);
  JudgeDamage(result);
  return result;
}

Try<MoverResult> Execute(const DiffRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  TRY(OpenedSnapshots opened, OpenReadable(around, stop));
  repo::Repository& repository = opened.session.repository();
  TRY(const repo::Snapshot before,
      Select(repository, opened.snapshots, request.before, request.identity, std::nullopt, stop));
  TRY(const repo::Snapshot after,
      Select(repository, opened.snapshots, request.after, request.identity, std::nullopt, stop));
  TRY(const DiffReport report, Diff(repository, before.tree, after.tree, request.metadata,
                                    ChangePrinter(around.out, around.json), stop));
  PrintDiff(around.out, before, after, report, around.json);
  CopyProblems(report.damaged, result, around.warnings);
  JudgeDamage(result);
  return result;
}

Try<MoverResult> Execute(const StatsRequest& request, const Surroundings& around,
                         std::stop_token stop) {
  MoverResult result;
  TRY(OpenedSnapshots opened, OpenReadable(around, stop));
  TRY(const Snapshots chosen, ChooseReadable(opened, request.filter, result, stop));
  TRY(const StatsReport report,
      CountStats(opened.session.repository(), chosen, request.mode, stop));
  PrintStats(around.out, report, around.json);
  result.bytes = report.bytes;
  CopyProblems(report.damaged, result, around.warnings);
  JudgeDamage(result);
  return result;
}

}  // namespace holdfast::engine
