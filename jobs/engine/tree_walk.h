// Walks a stored tree depth first, in the order of its names.
#pragma once

#include <stop_token>
#include <string>

#include "base/error.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

// An Error from any method ends the walk and is returned.
class TreeVisitor {
 public:
  virtual ~TreeVisitor() = default;

  // A directory, before what is in it. `path` is below the walk's root, "" for the root itself,
  // whose node is what the caller gave. False leaves the directory out, with no Leave.
  virtual Result<bool> Enter(const std::string& path, const repo::Node& node,
                             const repo::Tree& tree) = 0;
  virtual Result<void> Leave(const std::string& path, const repo::Node& node) = 0;
  // Anything but a directory.
  virtual Result<void> Entry(const std::string& path, const repo::Node& node) = 0;
  // A directory whose tree cannot be loaded: only its own node is known. Returning the Error ends
  // the walk.
  virtual Result<void> Damaged(const std::string& path, const repo::Node& node, Error error) = 0;
};

// `root` must have a subtree. Holds one decoded tree per level. Cancelled when stopped.
Result<void> WalkTree(repo::Repository& repository, const repo::Node& root, TreeVisitor& visitor,
                      std::stop_token stop);

// The node at "/a/b" below a snapshot's tree; for "/" a nameless directory. NotFound when absent,
// Corrupt when a tree on the way is damaged or lost.
Result<repo::Node> FindNode(repo::Repository& repository, const repo::Id& tree,
                            std::string_view path, std::stop_token stop);

}  // namespace holdfast::engine
