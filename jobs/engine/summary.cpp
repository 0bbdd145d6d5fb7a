#include <algorithm>
#include <chrono>

#include <spdlog/fmt/fmt.h>

#include "base/quantity.h"
#include "jobs/engine/verbs.h"

namespace holdfast::engine {
namespace {

using protocol::ExitCode;
using protocol::MoverResult;

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

std::string PruneSummary(const MoverResult& result) {
  return fmt::format("{} packs removed, {} freed, {} moved; {} stored, {} of them unused\n",
                     result.packs_removed, HumanBytes(result.bytes_freed),
                     HumanBytes(result.bytes_repacked), HumanBytes(result.stored_bytes),
                     HumanBytes(result.bytes_unused));
}

}  // namespace

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
                       result.more ? "; more are due, run again" : "") +
           (result.packs_removed != 0 ? PruneSummary(result) : "");
  if (result.verb == "prune") return PruneSummary(result);
  if (result.verb == "copy")
    return fmt::format("{} snapshots copied, {} were there; {} of content, {} added\n",
                       result.snapshots, result.kept, HumanBytes(result.bytes),
                       HumanBytes(result.bytes_added));
  const bool says_it = result.verb == "unlock" || result.verb == "key" || result.verb == "migrate";
  if (says_it && !result.message.empty()) return result.message + "\n";
  return "";
}

}  // namespace holdfast::engine
