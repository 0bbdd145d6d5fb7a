#include <algorithm>
#include <chrono>

#include <spdlog/fmt/fmt.h>

#include "base/quantity.h"
#include "base/wording.h"
#include "jobs/engine/verbs.h"

namespace holdfast::engine {
namespace {

using protocol::ExitCode;
using protocol::MoverResult;

std::string Rate(std::uint64_t bytes, std::uint64_t milliseconds) {
  return HumanBytes(bytes * 1000 / std::max<std::uint64_t>(milliseconds, 1)) + "/s";
}

std::string Spent(std::uint64_t milliseconds) {
  if (milliseconds < 10'000)
    return fmt::format("{:.1f}s", static_cast<double>(milliseconds) / 1000);
  return HumanDuration(std::chrono::seconds(milliseconds / 1000));
}

std::string BackupSummary(const MoverResult& result) {
  return fmt::format(
      "snapshot {} saved: {}, {}; {} new or changed, {} read, {} added\n"
      "{} at {}{}\n",
      result.snapshot.substr(0, 8), Counted(result.files, "file"), HumanBytes(result.bytes),
      Counted(result.files_changed, "file"), HumanBytes(result.bytes_read),
      HumanBytes(result.bytes_added), Spent(result.duration_ms),
      Rate(result.bytes, result.duration_ms),
      result.parent.empty() ? "" : ", compared with " + result.parent.substr(0, 8));
}

std::string RestoreSummary(const MoverResult& result) {
  std::string text = fmt::format(
      "snapshot {} restored: {}, {}; {} written ({}), {} fetched\n"
      "{} at {}\n",
      result.snapshot.substr(0, 8), Counted(result.files, "file"), HumanBytes(result.bytes),
      Counted(result.files_changed, "file"), HumanBytes(result.bytes_added),
      HumanBytes(result.bytes_read), Spent(result.duration_ms),
      Rate(result.bytes, result.duration_ms));
  if (result.metadata_failures != 0)
    text += Counted(result.metadata_failures, "owner, mode, time or attribute",
                    "owners, modes, times or attributes") +
            " could not be set\n";
  return text;
}

std::string PruneSummary(const MoverResult& result) {
  std::string text = fmt::format("{} removed, {} freed, {} moved; {} stored, {} of them unused\n",
                                 Counted(result.packs_removed, "pack"),
                                 HumanBytes(result.bytes_freed), HumanBytes(result.bytes_repacked),
                                 HumanBytes(result.stored_bytes), HumanBytes(result.bytes_unused));
  if (result.bytes_retained != 0)
    text += fmt::format("{} that nobody needs are held by the store until {} at the latest\n",
                        HumanBytes(result.bytes_retained), result.bytes_retained_until);
  if (result.objects_retained != 0)
    text += fmt::format("{} locked until {}\n", Counted(result.objects_retained, "object"),
                        result.retained_until);
  return text;
}

}  // namespace

std::string Summary(const MoverResult& result) {
  if (result.verb == "backup" && !result.snapshot.empty()) return BackupSummary(result);
  if (result.verb == "restore" && !result.snapshot.empty()) return RestoreSummary(result);
  // Also beside damage: the snapshots that are whole were copied.
  const bool copied = result.exit == ExitCode::kOk || result.exit == ExitCode::kCorrupt;
  if (result.verb == "copy" && copied)
    return fmt::format("{} copied, {} were there; {} of content, {} added\n",
                       Counted(result.snapshots, "snapshot"), result.kept, HumanBytes(result.bytes),
                       HumanBytes(result.bytes_added));
  if (result.exit != ExitCode::kOk) return "";
  if (result.verb == "init")
    return fmt::format("repository {} {}: {}, {} stored\n", result.repository_id.substr(0, 8),
                       result.created ? "created" : "opened", Counted(result.snapshots, "snapshot"),
                       HumanBytes(result.stored_bytes));
  if (result.verb == "check")
    return fmt::format("no damage found: {}, {} stored\n", Counted(result.snapshots, "snapshot"),
                       HumanBytes(result.stored_bytes));
  if (result.verb == "forget")
    return fmt::format("{} removed, {} kept{}\n", Counted(result.removed.size(), "snapshot"),
                       result.kept, result.more ? "; more are due, run again" : "") +
           (result.packs_removed != 0 ? PruneSummary(result) : "");
  if (result.verb == "prune") return PruneSummary(result);
  if (result.verb == "watch")
    return fmt::format("changed since {}, quiet for {}\n", result.changed_since,
                       Spent(result.quiet_ms)) +
           (result.message.empty() ? "" : result.message + "\n");
  const bool says_it = result.verb == "unlock" || result.verb == "key" ||
                       result.verb == "migrate" || result.verb == "undelete";
  if (says_it && !result.message.empty()) return result.message + "\n";
  return "";
}

}  // namespace holdfast::engine
