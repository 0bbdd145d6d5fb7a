#include "jobs/engine/differ.h"

#include <array>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "jobs/engine/blob_table.h"
#include "jobs/engine/tree_scan.h"

namespace holdfast::engine {
namespace {

using repo::BlobType;
using repo::Id;
using repo::Node;
using repo::NodeType;
using repo::Tree;

constexpr std::uint8_t kBefore = 1;
constexpr std::uint8_t kAfter = 2;

// One directory on both sides; a side where it is not has no nodes.
struct Level {
  std::string path;
  Tree before, after;
  std::size_t i = 0, j = 0;
};

void Count(DiffSide& side, const Node& node) {
  if (node.type == NodeType::kFile) {
    ++side.files;
  } else if (node.type == NodeType::kDir) {
    ++side.dirs;
  } else {
    ++side.others;
  }
}

class Differ {
 public:
  Differ(repo::Repository& repository, bool metadata, const DiffChange& change,
         std::stop_token stop)
      : repository_(repository), metadata_(metadata), change_(change), stop_(std::move(stop)) {}

  Result<DiffReport> Run(const Id& before, const Id& after) {
    TRY_VOID(Descend("/", before, after));
    while (!levels_.empty()) {
      if (stop_.stop_requested()) return Fail(Code::kCancelled, "stopped");
      TRY_VOID(Step());
    }
    TRY_VOID(CountBlobs(before, after));
    return report_;
  }

 private:
  Result<void> Descend(std::string path, const std::optional<Id>& before,
                       const std::optional<Id>& after) {
    if (before == after) return {};
    Level level;
    level.path = std::move(path);
    TRY(const bool has_before, Load(before, level.path, level.before));
    TRY(const bool has_after, Load(after, level.path, level.after));
    if (has_before && has_after) levels_.push_back(std::move(level));
    return {};
  }

  // False when it is damaged. Empty on a side where the directory is not.
  Result<bool> Load(const std::optional<Id>& id, const std::string& path, Tree& tree) {
    if (!id) return true;
    Result<Tree> loaded = repository_.LoadTree(*id, stop_);
    if (!loaded) {
      TRY_VOID(Damaged(path, {BlobType::kTree, *id}, std::move(loaded).error()));
      return false;
    }
    tree = *std::move(loaded);
    return true;
  }

  // Noted once, where it is found first.
  Result<void> Damaged(const std::string& where, const repo::BlobHandle& handle, Error error) {
    if (!repo::IsDamage(error)) return tl::make_unexpected(std::move(error));
    if (damaged_.insert(handle).second) report_.damaged.Add(where, error.message);
    return {};
  }

  // The next name of the innermost directory.
  Result<void> Step() {
    Level& level = levels_.back();
    const Node* before =
        level.i < level.before.nodes.size() ? &level.before.nodes[level.i] : nullptr;
    const Node* after = level.j < level.after.nodes.size() ? &level.after.nodes[level.j] : nullptr;
    if (before == nullptr && after == nullptr) {
      levels_.pop_back();
      return {};
    }
    if (before != nullptr && after != nullptr && before->name != after->name)
      (before->name < after->name ? after : before) = nullptr;
    level.i += before != nullptr ? 1 : 0;
    level.j += after != nullptr ? 1 : 0;
    if (before != nullptr && after != nullptr) return Both(level.path, *before, *after);
    if (before != nullptr) return OnlyOne(level.path, *before, "-", report_.removed);
    return OnlyOne(level.path, *after, "+", report_.added);
  }

  // The nodes are copied before anything is pushed: they live in levels_.
  Result<void> OnlyOne(const std::string& directory, const Node& node, const char* mark,
                       DiffSide& side) {
    Count(side, node);
    const bool is_dir = node.type == NodeType::kDir;
    const std::string path = directory + node.name + (is_dir ? "/" : "");
    change_(mark, path);
    if (!is_dir) return {};
    const std::optional<Id> subtree = node.subtree;
    return &side == &report_.removed ? Descend(path, subtree, std::nullopt)
                                     : Descend(path, std::nullopt, subtree);
  }

  Result<void> Both(const std::string& directory, const Node& before, const Node& after) {
    std::string marks;
    const bool are_files = before.type == NodeType::kFile && after.type == NodeType::kFile;
    if (before.type != after.type) marks += "T";
    if (are_files && before.content != after.content) {
      marks += "M";
      ++report_.changed_files;
    } else if (metadata_ && before != after) {  // as in restic, also for what lies in a directory
      marks += "U";
    }
    const std::string path = directory + after.name + (after.type == NodeType::kDir ? "/" : "");
    if (!marks.empty()) change_(marks, path);
    if (before.type != NodeType::kDir || after.type != NodeType::kDir) return {};
    return Descend(path, std::optional(before.subtree), std::optional(after.subtree));
  }

  Result<void> CountBlobs(const Id& before, const Id& after) {
    BlobTable blobs(repository_.index());
    TRY_VOID(Mark(blobs, before, kBefore));
    TRY_VOID(Mark(blobs, after, kAfter));
    repository_.index().ForEach([&](const repo::PackedBlob& place) {
      // Cleared, so that a second place is not counted again.
      const std::uint8_t notes = std::exchange(blobs[place.blob.handle], 0);
      if (notes != kBefore && notes != kAfter) return;
      DiffSide& side = notes == kBefore ? report_.removed : report_.added;
      ++(place.blob.handle.type == BlobType::kData ? side.data_blobs : side.tree_blobs);
      side.bytes += place.blob.length;
    });
    return {};
  }

  Result<void> Mark(BlobTable& blobs, const Id& root, std::uint8_t bit) {
    const auto known = [&](const repo::BlobHandle& handle) -> Result<bool> {
      if (repository_.index().Has(handle)) return true;
      TRY_VOID(Damaged(repo::Describe(handle), handle, {Code::kNotFound, "is in no index"}));
      return false;
    };
    TreeScan scan;
    scan.claim = [&](const Id& id) -> Result<bool> {
      TRY(const bool has, known({BlobType::kTree, id}));
      if (!has) return false;
      std::uint8_t& notes = blobs[repo::BlobHandle{BlobType::kTree, id}];
      return (std::exchange(notes, notes | bit) & bit) == 0;
    };
    scan.visit = [&](const Id& tree_id, const Result<Tree>& tree) -> Result<void> {
      const repo::BlobHandle self{BlobType::kTree, tree_id};
      if (!tree) return Damaged(repo::Describe(self), self, tree.error());
      for (const Node& node : tree->nodes) {
        if (!node.content) continue;
        for (const Id& id : *node.content) {
          const repo::BlobHandle piece{BlobType::kData, id};
          TRY(const bool has, known(piece));
          if (has) blobs[piece] |= bit;
        }
      }
      return {};
    };
    return ScanTrees(repository_, std::array{root}, scan, stop_);
  }

  repo::Repository& repository_;
  const bool metadata_;
  const DiffChange& change_;
  const std::stop_token stop_;
  std::vector<Level> levels_;
  DiffReport report_;
  std::set<repo::BlobHandle> damaged_;
};

}  // namespace

Result<DiffReport> Diff(repo::Repository& repository, const Id& before, const Id& after,
                        bool metadata, const DiffChange& change, std::stop_token stop) {
  return Differ(repository, metadata, change, std::move(stop)).Run(before, after);
}

}  // namespace holdfast::engine
