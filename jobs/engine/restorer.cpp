#include "jobs/engine/restorer.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/quantity.h"
#include "jobs/engine/directory.h"
#include "jobs/engine/path_filter.h"
#include "jobs/engine/restore_device.h"
#include "jobs/engine/restore_planner.h"
#include "jobs/engine/tree_walk.h"

namespace holdfast::engine {
namespace {

using repo::Node;
using repo::NodeType;

// Sums up what a restore will bring, for snapshots whose summary does not say it.
class Counter final : public TreeVisitor {
 public:
  explicit Counter(PathFilter& filter) : filter_(filter) {}

  Result<bool> Enter(const std::string& path, const Node&, const repo::Tree&) override {
    return filter_.Enters(path);
  }
  Result<void> Leave(const std::string&, const Node&) override { return {}; }
  Result<void> Entry(const std::string& path, const Node& node) override {
    if (node.type != NodeType::kFile || !filter_.Selects(path)) return {};
    ++files;
    bytes += node.size;
    return {};
  }
  // The restore itself will meet and report it.
  Result<void> Damaged(const std::string&, const Node&, Error) override { return {}; }

  std::uint64_t files = 0, bytes = 0;

 private:
  PathFilter& filter_;
};

Result<void> SetTotals(repo::Repository& repository, const repo::Snapshot& snapshot,
                       const Node& root, PathFilter filter, Meter& meter, std::stop_token stop) {
  if (snapshot.summary && filter.everything()) {
    meter.SetTotals(snapshot.summary->total_files_processed,
                    snapshot.summary->total_bytes_processed);
    return {};
  }
  Counter counter(filter);
  TRY_VOID(WalkTree(repository, root, counter, stop));
  meter.SetTotals(counter.files, counter.bytes);
  return {};
}

}  // namespace

Result<Overwrite> ParseOverwrite(std::string_view text) {
  if (text == "always") return Overwrite::kAlways;
  if (text == "if-changed") return Overwrite::kIfChanged;
  if (text == "never") return Overwrite::kNever;
  return Fail(Code::kInvalid, "\"" + std::string(text) +
                                  "\" is no way to overwrite; use always, if-changed or never");
}

Result<void> CheckTarget(const std::string& target) {
  struct stat status {};
  if (::stat(target.c_str(), &status) != 0 && errno == ENOENT) return {};
  if (S_ISBLK(status.st_mode)) return {};
  TRY_VOID(OpenRoot(target));
  return {};
}

std::string RootOf(const repo::Snapshot& snapshot) {
  const bool ours = snapshot.program_version.starts_with("holdfast ");
  return ours && snapshot.paths.size() == 1 ? snapshot.paths.front() : "/";
}

namespace {

Result<RestoreReport> TryRestore(repo::Repository& repository, const repo::Snapshot& snapshot,
                                 const RestoreOptions& options, Meter& meter,
                                 std::stop_token stop) {
  const std::string root_path = options.root.value_or(RootOf(snapshot));
  TRY(const Node root, FindNode(repository, snapshot.tree, root_path, stop));
  struct stat status {};
  const bool device = ::stat(options.target.c_str(), &status) == 0 && S_ISBLK(status.st_mode);
  if (device && root.type != NodeType::kFile)
    return Fail(Code::kInvalid, options.target +
                                    " is a block device, and the snapshot holds files; restore "
                                    "into a directory");
  if (device) {
    const Fd target(::open(options.target.c_str(), O_RDWR | O_EXCL | O_CLOEXEC));
    if (!target.valid()) return tl::make_unexpected(FromErrno("open " + options.target, errno));
    meter.SetPhase("transfer");
    return RestoreOnto(repository, root, target, options, meter, stop);
  }
  if (root.type != NodeType::kDir) {
    // A single file: restored into the target under its own name.
    RestoreOptions within = options;
    within.root = root_path.substr(0, root_path.rfind('/'));
    within.paths = {root_path};
    return TryRestore(repository, snapshot, within, meter, stop);
  }
  PathFilter filter(options.paths, root_path);
  TRY(Fd target, MakeRoot(options.target));
  meter.SetPhase("scan");
  TRY_VOID(SetTotals(repository, snapshot, root, filter, meter, stop));
  meter.SetPhase("transfer");
  return RestoreTree(repository, root, options, std::move(filter), std::move(target), meter, stop);
}

// How large the volume is, and how large the data, for whoever has to make room.
Error WithSizes(Error error, const std::string& target, const Meter& meter) {
  struct statvfs room = {};
  const std::uint64_t total = meter.bytes_total();
  if (::statvfs(target.c_str(), &room) != 0 || total == 0) return error;
  error.message += "; the volume has " + HumanBytes(room.f_blocks * room.f_frsize) + ", of which " +
                   HumanBytes(room.f_bavail * room.f_frsize) + " are free, and " +
                   HumanBytes(total) + " are restored to it";
  return error;
}

}  // namespace

Result<RestoreReport> Restore(repo::Repository& repository, const repo::Snapshot& snapshot,
                              const RestoreOptions& options, Meter& meter, std::stop_token stop) {
  auto report = TryRestore(repository, snapshot, options, meter, stop);
  if (!report && report.error().code == Code::kNoSpace)
    return tl::make_unexpected(WithSizes(std::move(report).error(), options.target, meter));
  const bool damaged = report ? report->damaged : report.error().code == Code::kCorrupt;
  if (!damaged) return report;
  // Index files may be lost whose packs are there. What was restored is not fetched again.
  TRY(const std::size_t found, repository.IndexFromPacks(stop));
  return found == 0 ? std::move(report) : TryRestore(repository, snapshot, options, meter, stop);
}

}  // namespace holdfast::engine
