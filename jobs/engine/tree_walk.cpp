#include "jobs/engine/tree_walk.h"

#include <utility>
#include <vector>

#include <sys/stat.h>

#include "jobs/engine/directory.h"

namespace holdfast::engine {
namespace {

struct Level {
  repo::Node node;
  std::size_t path_length = 0;
  repo::Tree tree;
  std::size_t next = 0;
};

// Loads a directory and asks the visitor; nothing is pushed when it is left out.
Result<void> Descend(repo::Repository& repository, const repo::Node& node, const std::string& path,
                     TreeVisitor& visitor, std::vector<Level>& levels, std::stop_token stop) {
  auto tree = node.subtree ? repository.LoadTree(*node.subtree, stop)
                           : Fail(Code::kCorrupt, "the directory has no tree; run check");
  if (!tree) {
    if (tree.error().code == Code::kCancelled) return tl::make_unexpected(tree.error());
    return visitor.Damaged(path, node, std::move(tree).error());
  }
  TRY(const bool wanted, visitor.Enter(path, node, *tree));
  if (wanted) levels.push_back({node, path.size(), *std::move(tree), 0});
  return {};
}

}  // namespace

Result<void> WalkTree(repo::Repository& repository, const repo::Node& root, TreeVisitor& visitor,
                      std::stop_token stop) {
  std::vector<Level> levels;
  // The only one, cut back on the way up: the paths of all levels of a very deep tree would not fit
  // into memory.
  std::string path;
  TRY_VOID(Descend(repository, root, path, visitor, levels, stop));
  while (!levels.empty()) {
    if (stop.stop_requested()) return Fail(Code::kCancelled, "stopped");
    Level& level = levels.back();
    path.resize(level.path_length);
    if (level.next == level.tree.nodes.size()) {
      TRY_VOID(visitor.Leave(path, level.node));
      levels.pop_back();
      continue;
    }
    const repo::Node& node = level.tree.nodes[level.next++];
    if (!path.empty()) path += '/';
    path += node.name;
    if (node.type != repo::NodeType::kDir) {
      TRY_VOID(visitor.Entry(path, node));
      continue;
    }
    const repo::Node directory = node;
    TRY_VOID(Descend(repository, directory, path, visitor, levels, stop));
  }
  return {};
}

Result<repo::Node> FindNode(repo::Repository& repository, const repo::Id& tree,
                            std::string_view path, std::stop_token stop) {
  repo::Node node;
  node.type = repo::NodeType::kDir;
  node.mode = repo::GoMode(S_IFDIR | 0755);
  node.subtree = tree;
  for (const std::string& name : SplitComponents(path)) {
    if (!node.subtree) return Fail(Code::kNotFound, Printable(path) + " is not in the snapshot");
    auto level = repository.LoadTree(*node.subtree, stop);
    // What a snapshot refers to and the repository lacks is damage, not a wrong name.
    if (!level && level.error().code == Code::kNotFound) level.error().code = Code::kCorrupt;
    if (!level) return tl::make_unexpected(std::move(level).error());
    const repo::Node* found = level->Find(name);
    if (found == nullptr) return Fail(Code::kNotFound, Printable(path) + " is not in the snapshot");
    node = repo::Node(*found);
  }
  return node;
}

}  // namespace holdfast::engine
