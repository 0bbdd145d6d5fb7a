#include "jobs/engine/content_root.h"

#include <vector>

#include "jobs/engine/directory.h"
#include "jobs/engine/restorer.h"

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

}  // namespace holdfast::engine
