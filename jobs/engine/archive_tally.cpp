#include "jobs/engine/archive_tally.h"

#include <cerrno>

#include "base/error.h"

namespace holdfast::engine {
namespace {

using repo::Node;
using repo::NodeType;

bool SameMetadata(const Node& a, const Node& b) {
  return a.mode == b.mode && a.uid == b.uid && a.gid == b.gid && a.mtime == b.mtime;
}

}  // namespace

void ArchiveTally::Missing(std::string_view path, int error_number) {
  Problem(path, error_number == ENOENT ? "vanished while the backup ran"
                                       : FromErrno("", error_number).message.substr(2));
}

void ArchiveTally::Problem(std::string_view path, std::string_view reason) {
  const std::lock_guard lock(mutex_);
  report_.unreadable.Add(prefix_ == "/" ? std::string(path) : prefix_ + std::string(path), reason);
}

void ArchiveTally::Socket() {
  const std::lock_guard lock(mutex_);
  ++report_.sockets_skipped;
}

void ArchiveTally::ChangedWhileRead() {
  const std::lock_guard lock(mutex_);
  ++report_.changed_while_read;
}

void ArchiveTally::Read(std::uint64_t bytes) {
  meter_.AddBytes(bytes);
  const std::lock_guard lock(mutex_);
  report_.bytes_read += bytes;
}

void ArchiveTally::Blob(repo::BlobType type, std::uint64_t size, const repo::SavedBlob& saved) {
  if (!saved.added) return;
  const std::lock_guard lock(mutex_);
  ++(type == repo::BlobType::kData ? summary_.data_blobs : summary_.tree_blobs);
  summary_.data_added += size;
  summary_.data_added_packed += saved.stored_size;
}

void ArchiveTally::File(const Node& node, const Node* before, bool taken_over) {
  meter_.AddFiles(1);
  if (taken_over) meter_.AddBytes(node.size);
  const std::lock_guard lock(mutex_);
  if (before == nullptr || before->type != NodeType::kFile) {
    ++summary_.files_new;
  } else if (taken_over || (before->content == node.content && SameMetadata(*before, node))) {
    ++summary_.files_unmodified;
  } else {
    ++summary_.files_changed;
  }
  ++summary_.total_files_processed;
  summary_.total_bytes_processed += node.size;
}

void ArchiveTally::Directory(const std::optional<repo::Id>& before, const repo::Id& tree) {
  const std::lock_guard lock(mutex_);
  if (!before) {
    ++summary_.dirs_new;
  } else if (*before == tree) {
    ++summary_.dirs_unmodified;
  } else {
    ++summary_.dirs_changed;
  }
}

}  // namespace holdfast::engine
