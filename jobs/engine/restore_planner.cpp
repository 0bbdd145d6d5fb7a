#include "jobs/engine/restore_planner.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <map>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs/engine/directory.h"
#include "jobs/engine/metadata.h"
#include "jobs/engine/resources.h"
#include "jobs/engine/restore_batches.h"
#include "jobs/engine/tree_walk.h"

namespace holdfast::engine {
namespace {

using repo::BlobType;
using repo::Node;
using repo::NodeType;

class Planner final : public TreeVisitor {
 public:
  Planner(repo::Repository& repository, const RestoreOptions& options, PathFilter filter, Fd target,
          Meter& meter, std::stop_token stop)
      : repository_(repository),
        options_(options),
        filter_(std::move(filter)),
        target_(std::move(target)),
        meter_(meter),
        stop_(stop),
        batches_(repository, target_.get(),
                 {ThreadCount(options.threads), options.verify,
                  options.overwrite == Overwrite::kIfChanged},
                 meter, stop) {}

  Result<RestoreReport> Run(const Node& root);

  Result<bool> Enter(const std::string& path, const Node& node, const repo::Tree& tree) override;
  Result<void> Leave(const std::string& path, const Node& node) override;
  Result<void> Entry(const std::string& path, const Node& node) override;
  Result<void> Damaged(const std::string& path, const Node&, Error error) override;

 private:
  struct Level {
    Fd fd;
    bool fresh = false;  // made by us: holds nothing that we did not put there
    bool keep = false;   // existed, and existing entries stay as they are
  };
  // A file with several names, by device and inode in the snapshot.
  struct LinkedFile {
    std::string first;
    std::uint64_t names_left = 0;
  };
  enum class Existing { kNone, kUsable, kSkip, kFailed };

  Result<Level> OpenDirectory(const std::string& path, const std::string& name);
  Result<void> RemoveExtra(const std::string& path, const repo::Tree& tree);
  Result<Existing> LookAtExisting(const std::string& path, const Node& node, struct stat& status);
  Result<bool> ClearWay(const std::string& path, const Node& node, const struct stat& status);

  Result<void> RestoreFile(const std::string& path, const Node& node, Existing existing,
                           const struct stat& status);
  Result<void> PlanContent(const std::string& path, const Node& node, Fd old);
  bool RestoredAsLink(const std::string& path, const Node& node, Existing existing,
                      const struct stat& status);
  Result<void> RestoreSpecial(const std::string& path, const Node& node, Existing existing);
  int Make(const Node& node) const;
  Result<void> Failed(const std::string& path, std::string_view what, int error_number);
  Result<void> RestoreEntry(const std::string& path, const Node& node);

  repo::Repository& repository_;
  const RestoreOptions& options_;
  PathFilter filter_;
  Fd target_;
  Meter& meter_;
  const std::stop_token stop_;
  RestoreReport report_;
  RestoreBatches batches_;
  std::vector<Level> levels_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, LinkedFile> linked_;
};

std::uint32_t Mapped(const std::vector<std::pair<std::uint32_t, std::uint32_t>>& map,
                     std::uint32_t id) {
  const auto found = std::ranges::find(map, id, &std::pair<std::uint32_t, std::uint32_t>::first);
  return found == map.end() ? id : found->second;
}

// The node with the owner it shall have here.
Node WithOwner(const Node& node, const RestoreOptions& options) {
  Node owned = node;
  owned.uid = options.ownership ? Mapped(options.owner_map.uids, node.uid) : ::geteuid();
  owned.gid = options.ownership ? Mapped(options.owner_map.gids, node.gid) : ::getegid();
  return owned;
}

bool KeepsOwners(const RestoreOptions& options) {
  return options.ownership && options.owner_map.uids.empty() && options.owner_map.gids.empty();
}

// For reports: the root has no path.
std::string NameOf(const std::string& path) { return path.empty() ? "/" : path; }

bool SameKind(const Node& node, const struct stat& status) {
  if (node.type != repo::TypeOfMode(status.st_mode)) return false;
  const bool device = node.type == NodeType::kDev || node.type == NodeType::kCharDev;
  return !device || node.device == status.st_rdev;
}

bool SameSizeAndTime(const Node& node, const struct stat& status) {
  return static_cast<std::uint64_t>(status.st_size) == node.size &&
         status.st_mtim.tv_sec == node.mtime.seconds &&
         static_cast<std::uint32_t>(status.st_mtim.tv_nsec) == node.mtime.nanos;
}

bool SameTarget(int directory, const Node& node) {
  std::string target(PATH_MAX, '\0');
  const ssize_t length = ::readlinkat(directory, node.name.c_str(), target.data(), target.size());
  return length >= 0 &&
         std::string_view(target).substr(0, static_cast<std::size_t>(length)) == node.link_target;
}

Result<RestoreReport> Planner::Run(const Node& root) {
  TRY_VOID(WalkTree(repository_, root, *this, stop_));
  TRY(const RestoreReport carried_out, batches_.Finish());
  report_.Add(carried_out);
  if (const std::string* unmet = filter_.FirstUnmet())
    return Fail(Code::kNotFound, Printable(*unmet) + " is not in the snapshot; list it with ls");
  if (::syncfs(target_.get()) != 0)
    return tl::make_unexpected(FromErrno("flush " + options_.target, errno));
  return std::move(report_);
}

Result<bool> Planner::Enter(const std::string& path, const Node& node, const repo::Tree& tree) {
  if (!filter_.Enters(path)) return false;
  auto level = OpenDirectory(path, node.name);
  if (!level) {
    if (level.error().code == Code::kNoSpace) return tl::make_unexpected(level.error());
    report_.failed.Add(NameOf(path), level.error().message + "; nothing below it was restored");
    return false;
  }
  levels_.push_back(*std::move(level));
  if (options_.delete_extra && !levels_.back().fresh && filter_.Selects(path))
    TRY_VOID(RemoveExtra(path, tree));
  return true;
}

Result<void> Planner::Leave(const std::string& path, const Node& node) {
  const bool keep = levels_.back().keep;
  levels_.pop_back();
  ++report_.other_entries;
  // The root of a whole snapshot has no name and no metadata of its own.
  if (!keep && !node.name.empty()) batches_.planned().AddDirectory(path, WithOwner(node, options_));
  return batches_.Advance();
}

Result<void> Planner::Damaged(const std::string& path, const Node&, Error error) {
  if (error.code != Code::kCorrupt && error.code != Code::kNotFound)
    return tl::make_unexpected(std::move(error));
  report_.damaged = true;
  report_.failed.Add(NameOf(path), error.message + "; nothing below it was restored");
  return {};
}

// The directory on disk, made when it is not there. While it is being filled its owner may write
// in it, whatever its mode will be.
Result<Planner::Level> Planner::OpenDirectory(const std::string& path, const std::string& name) {
  if (levels_.empty()) {
    Fd root = OpenBeneath(target_.get(), "", O_RDONLY | O_DIRECTORY);
    if (!root.valid()) return tl::make_unexpected(FromErrno("open " + options_.target, errno));
    return Level{std::move(root), false, options_.overwrite == Overwrite::kNever};
  }
  const int parent = levels_.back().fd.get();
  const bool made = ::mkdirat(parent, name.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) return tl::make_unexpected(FromErrno("make directory", errno));
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  Fd fd = OpenBeneath(parent, name, kFlags);
  if (!fd.valid() && errno == EACCES) {
    ::fchmodat(parent, name.c_str(), 0700, AT_SYMLINK_NOFOLLOW);
    fd = OpenBeneath(parent, name, kFlags);
  }
  if (!fd.valid() && (errno == ENOTDIR || errno == ELOOP) &&
      options_.overwrite != Overwrite::kNever) {
    TRY_VOID(RemoveAll(parent, name, stop_));
    return OpenDirectory(path, name);
  }
  if (!fd.valid()) return tl::make_unexpected(FromErrno("open directory", errno));
  struct stat status {};
  if (!made && ::fstat(fd.get(), &status) == 0 && (status.st_mode & 0700) != 0700)
    ::fchmod(fd.get(), (status.st_mode & 07777) | 0700);
  return Level{std::move(fd), made, !made && options_.overwrite == Overwrite::kNever};
}

Result<void> Planner::RemoveExtra(const std::string& path, const repo::Tree& tree) {
  const int directory = levels_.back().fd.get();
  TRY(const std::vector<std::string> names, ListNames(directory));
  for (const std::string& name : names) {
    if (tree.Find(name) != nullptr || (path.empty() && name == "lost+found")) continue;
    const auto removed = RemoveAll(directory, name, stop_);
    if (removed) {
      ++report_.entries_removed;
    } else if (removed.error().code == Code::kCancelled) {
      return removed;
    } else {
      report_.failed.Add(path.empty() ? name : path + "/" + name, removed.error().message);
    }
  }
  return {};
}

Result<void> Planner::Entry(const std::string& path, const Node& node) {
  if (!filter_.Selects(path)) return {};
  if (!IsPlainName(node.name)) {
    report_.damaged = true;
    report_.failed.Add(path, "the repository gives it a name that no file can have");
    return {};
  }
  return KeepsOwners(options_) ? RestoreEntry(path, node)
                               : RestoreEntry(path, WithOwner(node, options_));
}

Result<void> Planner::RestoreEntry(const std::string& path, const Node& node) {
  if (node.type == NodeType::kFile) {
    ++report_.files;
    report_.bytes += node.size;
  } else {
    ++report_.other_entries;
  }
  struct stat status {};
  TRY(const Existing existing, LookAtExisting(path, node, status));
  if (existing == Existing::kFailed) return {};
  if (existing == Existing::kSkip) {
    meter_.AddFiles(node.type == NodeType::kFile ? 1 : 0);
    meter_.AddBytes(node.size);
    return {};
  }
  TRY_VOID(node.type == NodeType::kFile ? RestoreFile(path, node, existing, status)
                                        : RestoreSpecial(path, node, existing));
  return batches_.Advance();
}

// Afterwards the name is free (kNone) or holds something of the right kind (kUsable).
Result<Planner::Existing> Planner::LookAtExisting(const std::string& path, const Node& node,
                                                  struct stat& status) {
  const Level& level = levels_.back();
  if (level.fresh) return Existing::kNone;
  if (::fstatat(level.fd.get(), node.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return Existing::kNone;
    TRY_VOID(Failed(path, "stat", errno));
    return Existing::kFailed;
  }
  if (options_.overwrite == Overwrite::kNever) return Existing::kSkip;
  // A file with other names is not ours to write into, unless it is linked in the snapshot too.
  const bool shared = node.type == NodeType::kFile && status.st_nlink > 1 && node.links < 2;
  const bool other_target = node.type == NodeType::kSymlink && S_ISLNK(status.st_mode) &&
                            !SameTarget(level.fd.get(), node);
  if (SameKind(node, status) && !shared && !other_target) return Existing::kUsable;
  TRY(const bool cleared, ClearWay(path, node, status));
  return cleared ? Existing::kNone : Existing::kFailed;
}

Result<bool> Planner::ClearWay(const std::string& path, const Node& node,
                               const struct stat& status) {
  const int directory = levels_.back().fd.get();
  if (S_ISDIR(status.st_mode) && !options_.delete_extra) {
    if (::unlinkat(directory, node.name.c_str(), AT_REMOVEDIR) == 0) return true;
    report_.failed.Add(path, "a directory stands in its place; remove it or use --delete-extra");
    return false;
  }
  const auto removed = RemoveAll(directory, node.name, stop_);
  if (removed) return true;
  if (removed.error().code == Code::kCancelled) return tl::make_unexpected(removed.error());
  report_.failed.Add(path, removed.error().message);
  return false;
}

Result<void> Planner::RestoreFile(const std::string& path, const Node& node, Existing existing,
                                  const struct stat& status) {
  if (RestoredAsLink(path, node, existing, status)) return {};
  const int directory = levels_.back().fd.get();
  Fd old;
  if (existing == Existing::kUsable) {
    if (options_.overwrite == Overwrite::kIfChanged && SameSizeAndTime(node, status)) {
      batches_.planned().StartFile({path, node, node.size, true});
      batches_.planned().EndFile();
      meter_.AddBytes(node.size);
      return {};
    }
    old = OpenBeneath(directory, node.name, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    if (!old.valid()) {
      TRY(const bool cleared, ClearWay(path, node, status));
      if (!cleared) return {};
    }
  }
  return PlanContent(path, node, std::move(old));
}

// The first name of a linked file is restored as a file; the others wait for it.
bool Planner::RestoredAsLink(const std::string& path, const Node& node, Existing existing,
                             const struct stat& status) {
  if (node.links < 2) return false;
  const std::pair key(node.device_id, node.inode);
  const auto known = linked_.find(key);
  if (known == linked_.end()) {
    linked_.emplace(key, LinkedFile{path, node.links - 1});
    return false;
  }
  const std::string first = known->second.first;
  if (--known->second.names_left == 0) linked_.erase(known);
  meter_.AddBytes(node.size);
  if (existing == Existing::kUsable) {
    struct stat other {};
    const Fd fd = OpenBeneath(target_.get(), first, O_PATH | O_NOFOLLOW);
    if (fd.valid() && ::fstat(fd.get(), &other) == 0 && other.st_ino == status.st_ino &&
        other.st_dev == status.st_dev) {
      meter_.AddFiles(1);
      return true;
    }
    ::unlinkat(levels_.back().fd.get(), node.name.c_str(), 0);
  }
  batches_.planned().AddLink(first, path);
  return true;
}

// `old` is the file on disk, if there is one; it gets its size, and what differs is written.
Result<void> Planner::PlanContent(const std::string& path, const Node& node, Fd old) {
  static const std::vector<repo::Id> kNothing;
  const std::vector<repo::Id>& content = node.content ? *node.content : kNothing;
  std::uint64_t size = 0;
  for (const repo::Id& id : content) {
    const auto place = repository_.index().Lookup({BlobType::kData, id});
    if (!place) {
      report_.damaged = true;
      report_.failed.Add(path,
                         "the repository lacks its content (data " + id.Short() + "); run check");
      return {};
    }
    size += place->blob.PlainLength();
  }
  struct stat status {};
  if (old.valid() && ::fstat(old.get(), &status) == 0 &&
      static_cast<std::uint64_t>(status.st_size) != size &&
      ::ftruncate(old.get(), static_cast<off_t>(size)) != 0)
    return Failed(path, "set the size", errno);

  batches_.planned().StartFile({path, node, size, old.valid()});
  std::uint64_t offset = 0;
  for (const repo::Id& id : content) {
    if (stop_.stop_requested()) return Fail(Code::kCancelled, "the restore was stopped");
    const auto place = repository_.index().Lookup({BlobType::kData, id});
    batches_.planned().AddPiece(*place, offset);
    TRY_VOID(batches_.Advance());
    offset += place->blob.PlainLength();
  }
  batches_.planned().EndFile();
  return {};
}

// 0 or an errno.
int Planner::Make(const Node& node) const {
  const int directory = levels_.back().fd.get();
  const char* name = node.name.c_str();
  const mode_t permissions = 0600;
  int made = -1;
  switch (node.type) {
    case NodeType::kSymlink:
      made = ::symlinkat(node.link_target.c_str(), directory, name);
      break;
    case NodeType::kFifo:
      made = ::mkfifoat(directory, name, permissions);
      break;
    case NodeType::kDev:
      made = ::mknodat(directory, name, S_IFBLK | permissions, node.device);
      break;
    case NodeType::kCharDev:
      made = ::mknodat(directory, name, S_IFCHR | permissions, node.device);
      break;
    default:
      errno = EINVAL;
      break;
  }
  return made == 0 ? 0 : errno;
}

Result<void> Planner::RestoreSpecial(const std::string& path, const Node& node, Existing existing) {
  if (node.type == NodeType::kSocket) {
    ++report_.sockets_skipped;
    return {};
  }
  if (existing == Existing::kNone) {
    if (const int error = Make(node)) return Failed(path, "create", error);
  }
  report_.metadata_failures +=
      ApplyMetadata({levels_.back().fd.get(), node.name.c_str(), -1}, node);
  return {};
}

Result<void> Planner::Failed(const std::string& path, std::string_view what, int error_number) {
  Error error = FromErrno(what, error_number);
  if (error.code == Code::kNoSpace)
    return tl::make_unexpected(WithContext(Printable(path), std::move(error)));
  report_.failed.Add(path, error.message);
  return {};
}

}  // namespace

Result<RestoreReport> RestoreTree(repo::Repository& repository, const Node& root,
                                  const RestoreOptions& options, PathFilter filter, Fd target,
                                  Meter& meter, std::stop_token stop) {
  return Planner(repository, options, std::move(filter), std::move(target), meter, stop).Run(root);
}

}  // namespace holdfast::engine
