#include "jobs/engine/stats.h"

#include <set>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "jobs/engine/blob_table.h"
#include "jobs/engine/directory.h"
#include "jobs/engine/tree_scan.h"
#include "jobs/engine/tree_walk.h"

namespace holdfast::engine {
namespace {

using repo::BlobHandle;
using repo::BlobType;
using repo::Id;
using repo::Node;

class Counting final : public TreeVisitor {
 public:
  Counting(const repo::Index& index, StatsMode mode, StatsReport& report)
      : index_(index), mode_(mode), report_(report) {}

  void StartSnapshot(const repo::Snapshot& snapshot) {
    snapshot_ = snapshot.id.Short();
    links_.clear();
  }

  Result<bool> Enter(const std::string& path, const Node& node, const repo::Tree&) override {
    if (!path.empty()) TRY_VOID(Entry(path, node));
    return true;
  }
  Result<void> Leave(const std::string&, const Node&) override { return {}; }
  Result<void> Entry(const std::string& path, const Node& node) override {
    if (mode_ == StatsMode::kRestoreSize) {
      CountSize(node);
      return {};
    }
    if (!contents_.insert(ContentOf(node)).second) return {};
    if (mode_ == StatsMode::kBlobsPerFile) {
      CountPieces(path, node);
      return {};
    }
    ++report_.files;
    report_.bytes += node.size;
    return {};
  }
  Result<void> Damaged(const std::string& path, const Node& node, Error error) override {
    if (!repo::IsDamage(error)) return tl::make_unexpected(std::move(error));
    Note(path, error.message);
    return path.empty() ? Result<void>() : Entry(path, node);
  }

 private:
  void CountSize(const Node& node) {
    ++report_.files;
    const bool linked = node.links > 1 && node.type != repo::NodeType::kDir && node.inode != 0;
    if (!linked || links_.emplace(node.device_id, node.inode).second) report_.bytes += node.size;
  }

  void CountPieces(const std::string& path, const Node& node) {
    if (!node.content) return;
    for (const Id& id : *node.content) {
      const auto place = index_.Lookup({BlobType::kData, id});
      if (!place) return Note(path, "data " + id.Short() + " is in no index");
      if (paths_.insert(Id::Of(AsBytes(path))).second) ++report_.files;
      Sha256Stream both;
      both.Update(AsBytes(path));
      both.Update(id.bytes);
      if (!pieces_.insert(Id{both.Finish()}).second) continue;
      ++report_.blobs;
      report_.bytes += place->blob.PlainLength();
    }
  }

  void Note(const std::string& path, const std::string& what) {
    report_.damaged.Add("snapshot " + snapshot_ + ", /" + path, what);
  }

  static Id ContentOf(const Node& node) {
    Sha256Stream all;
    if (node.content)
      for (const Id& id : *node.content) all.Update(id.bytes);
    return Id{all.Finish()};
  }

  const repo::Index& index_;
  const StatsMode mode_;
  StatsReport& report_;
  std::string snapshot_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> links_;  // device and inode
  std::unordered_set<Id> contents_, paths_, pieces_;
};

Result<void> CountRawData(repo::Repository& repository, std::span<const repo::Snapshot> snapshots,
                          StatsReport& report, std::stop_token stop) {
  BlobTable used(repository.index());
  std::set<BlobHandle> lost;
  const auto count = [&](const BlobHandle& handle) -> Result<bool> {
    const auto place = repository.index().Lookup(handle);
    if (!place) {
      if (lost.insert(handle).second) report.damaged.Add(repo::Describe(handle), "is in no index");
      return false;
    }
    if (std::exchange(used[handle], 1) != 0) return false;
    ++report.blobs;
    report.bytes += place->blob.length;
    report.uncompressed += place->blob.PlainLength();
    return true;
  };
  TreeScan scan;
  scan.claim = [&](const Id& id) { return count({BlobType::kTree, id}); };
  scan.visit = [&](const Id& self, const Result<repo::Tree>& tree) -> Result<void> {
    if (!tree && !repo::IsDamage(tree.error())) return tl::make_unexpected(tree.error());
    if (!tree) report.damaged.Add(repo::Describe({BlobType::kTree, self}), tree.error().message);
    if (!tree) return {};
    for (const Node& node : tree->nodes) {
      if (!node.content) continue;
      for (const Id& id : *node.content) TRY_VOID(count({BlobType::kData, id}));
    }
    return {};
  };
  std::vector<Id> roots;
  for (const repo::Snapshot& snapshot : snapshots) roots.push_back(snapshot.tree);
  return ScanTrees(repository, roots, scan, std::move(stop));
}

}  // namespace

Result<StatsMode> ParseStatsMode(std::string_view text) {
  if (text == "restore-size") return StatsMode::kRestoreSize;
  if (text == "files-by-contents") return StatsMode::kFilesByContents;
  if (text == "blobs-per-file") return StatsMode::kBlobsPerFile;
  if (text == "raw-data") return StatsMode::kRawData;
  return Fail(Code::kInvalid, "\"" + std::string(text) +
                                  "\" is no way to count; use restore-size, files-by-contents, "
                                  "blobs-per-file or raw-data");
}

Result<StatsReport> CountStats(repo::Repository& repository,
                               std::span<const repo::Snapshot> snapshots, StatsMode mode,
                               std::stop_token stop) {
  StatsReport report;
  report.snapshots = snapshots.size();
  if (mode == StatsMode::kRawData) {
    TRY_VOID(CountRawData(repository, snapshots, report, stop));
    return report;
  }
  Counting counting(repository.index(), mode, report);
  for (const repo::Snapshot& snapshot : snapshots) {
    counting.StartSnapshot(snapshot);
    Node root;
    root.type = repo::NodeType::kDir;
    root.subtree = snapshot.tree;
    TRY_VOID(WalkTree(repository, root, counting, stop));
  }
  return report;
}

}  // namespace holdfast::engine
