#include "jobs/engine/content_root.h"

#include <vector>

#include "jobs/engine/directory.h"
#include "jobs/engine/restorer.h"
#include "jobs/engine/tree_walk.h"

namespace holdfast::engine {
namespace {

constexpr const char* kWithin = "/";

bool IsOfVolSync(const repo::Snapshot& snapshot) {
  return snapshot.hostname == "volsync" && snapshot.paths.front() == "/data";
}

}  // namespace

Result<std::string> ContentRoot(repo::Repository& repository, const repo::Snapshot& snapshot,
                                std::stop_token stop) {
  const std::string root = RootOf(snapshot);
  if (root != kWithin || snapshot.paths.size() != 1 || IsOfVolSync(snapshot)) return root;
  const std::vector<std::string> names = SplitComponents(snapshot.paths.front());
  repo::Id tree = snapshot.tree;
  for (std::size_t i = 0; i < names.size(); ++i) {
    TRY(const repo::Tree level, repository.LoadTree(tree, stop));
    if (level.nodes.size() != 1 || level.nodes.front().name != names[i]) return kWithin;
    const bool last = i + 1 == names.size();
    if (!last && !level.nodes.front().subtree) return kWithin;
    if (!last) tree = *level.nodes.front().subtree;
  }
  return snapshot.paths.front();
}

Result<repo::Snapshot> FromContentRoot(repo::Repository& repository, repo::Snapshot snapshot,
                                       std::stop_token stop) {
  TRY(const std::string root, ContentRoot(repository, snapshot, stop));
  TRY(repo::Node node, FindNode(repository, snapshot.tree, root, stop));
  if (node.type != repo::NodeType::kDir) {
    TRY(node, FindNode(repository, snapshot.tree, root.substr(0, root.rfind('/') + 1), stop));
  }
  if (!node.subtree) return Fail(Code::kCorrupt, "the directory has no tree; run check");
  snapshot.tree = *node.subtree;
  return snapshot;
}

}  // namespace holdfast::engine
