// Trees: directories as JSON, byte for byte as restic writes them, so that equal directories get
// equal ids whoever stored them (FORMAT.md, "Trees").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/bytes.h"
#include "base/error.h"
#include "jobs/repo/file_time.h"
#include "jobs/repo/id.h"

namespace holdfast::repo {

enum class NodeType { kFile, kDir, kSymlink, kDev, kCharDev, kFifo, kSocket, kIrregular };

std::string_view NodeTypeName(NodeType type);

struct ExtendedAttribute {
  std::string name;
  std::string value;  // any bytes

  friend bool operator==(const ExtendedAttribute&, const ExtendedAttribute&) = default;
};

struct Node {
  std::string name;  // any bytes but '/' and NUL; never empty, "." or ".."
  NodeType type = NodeType::kFile;
  std::uint32_t mode = 0;  // Go's os.FileMode: see GoMode
  FileTime mtime, atime, ctime;
  std::uint32_t uid = 0, gid = 0;
  std::string user, group;  // empty: left out
  std::uint64_t inode = 0;
  std::uint64_t device_id = 0;  // st_dev; newer restic stores it for hard links only
  std::uint64_t size = 0;
  std::uint64_t links = 0;
  std::string link_target;  // any bytes
  std::vector<ExtendedAttribute> extended_attributes;
  std::string generic_attributes;          // a JSON object as text, from other systems; empty: none
  std::uint64_t device = 0;                // st_rdev of devices
  std::optional<std::vector<Id>> content;  // of files; empty list for an empty file
  std::optional<Id> subtree;               // of directories
  std::string error;

  friend bool operator==(const Node&, const Node&) = default;
};

struct Tree {
  std::vector<Node> nodes;  // sorted by name, bytewise, no name twice

  // nullptr when absent.
  const Node* Find(std::string_view name) const;
};

// Between st_mode's permission and type bits and Go's os.FileMode, which numbers them otherwise.
std::uint32_t GoMode(mode_t mode);
mode_t PosixMode(std::uint32_t go_mode);
// The node type of an st_mode.
NodeType TypeOfMode(mode_t mode);

// Writes a tree node by node, so that a directory of any size needs memory for its JSON only.
class TreeBuilder {
 public:
  TreeBuilder();
  // Names must come in rising bytewise order: Invalid otherwise.
  Result<void> Add(const Node& node);
  std::size_t count() const { return count_; }
  // The tree blob's content. The builder is then empty again.
  std::string Finish();

 private:
  std::string text_;
  std::string last_name_;
  std::size_t count_ = 0;
};

std::string EncodeNode(const Node& node);
Result<std::string> EncodeTree(const Tree& tree);

// Builds no document beyond one node at a time. Corrupt when malformed, not
// sorted, or when a name could lead out of its directory.
Result<Tree> DecodeTree(ByteView text);

}  // namespace holdfast::repo
