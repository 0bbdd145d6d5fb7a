#include "jobs/engine/tree_archiver.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "jobs/engine/directory.h"
#include "jobs/engine/metadata.h"

namespace holdfast::engine {
namespace {

using repo::BlobType;
using repo::Id;
using repo::Node;
using repo::NodeType;
using repo::Tree;

// Keeps a hostile or broken tree from using every descriptor and all memory.
constexpr std::size_t kDeepest = 16384;
// Entries whose nodes are in memory at a time, and those that one job looks at.
constexpr std::size_t kSlice = 1024;
constexpr std::size_t kRange = 64;
// Small files that are read before they are hashed side by side: few, as they stay in the cache.
constexpr std::size_t kBatch = 128 * 1024;

bool Unchanged(const Node& now, const Node& before) {
  return before.type == NodeType::kFile && before.content && now.size == before.size &&
         now.mtime == before.mtime && now.ctime == before.ctime && now.inode == before.inode;
}

bool SameTime(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

// Nothing was written between the two looks, and both are at the same file.
bool SameFile(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_size == b.st_size &&
         SameTime(a.st_mtim, b.st_mtim) && SameTime(a.st_ctim, b.st_ctim);
}

// Reads up to `size` bytes, until the end; -1 with errno. The end is not looked for where a file of
// `expected` bytes ends: fstat tells afterwards.
ssize_t ReadUpTo(int fd, std::uint8_t* to, std::size_t size, std::size_t expected) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t length = ::pread(fd, to + done, size - done, static_cast<off_t>(done));
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return -1;
    if (length == 0) break;
    done += static_cast<std::size_t>(length);
    if (done == expected) break;
  }
  return static_cast<ssize_t>(done);
}

}  // namespace

struct TreeArchiver::Entry {
  Node node;
  const Node* before = nullptr;  // in the parent snapshot
  bool kept = false;             // belongs into the tree; written by whoever finishes the entry
  std::optional<LinkedFiles::Key> linked;  // other names of the file wait for this one
};

struct TreeArchiver::Directory {
  DirectoryPtr parent;     // none for the source
  Entry* entry = nullptr;  // in the parent's slice
  std::size_t depth = 0;
  bool elsewhere = false;  // on another file system, to be stored empty
  Fd fd;
  std::vector<std::string> names;
  std::size_t next = 0;  // of names, behind the slice

  std::optional<Id> before_id;
  Tree before;

  std::vector<Entry> slice;
  std::atomic<std::size_t> pending = 0;  // parts of the slice that are not done

  // The tree so far: the first `same` nodes of `before`, or whatever was encoded.
  std::size_t same = 0;
  bool encoded = false;
  repo::TreeBuilder tree;

  // Below the source, with a leading '/'; "" for the source itself. Put together when it is asked
  // for: the paths of all levels of a very deep tree would not fit into memory.
  std::string Path() const {
    std::vector<std::string_view> above;
    for (const Directory* d = this; d->parent; d = d->parent.get())
      above.push_back(d->entry->node.name);
    std::string path;
    for (auto name = above.rbegin(); name != above.rend(); ++name) path.append("/").append(*name);
    return path;
  }
  std::string PathOf(const Entry& child) const { return Path() + "/" + child.node.name; }
};

class TreeArchiver::DirectoryJob final : public WorkPool::Job {
 public:
  DirectoryJob(TreeArchiver& archiver, DirectoryPtr directory)
      : archiver_(archiver), directory_(std::move(directory)) {}
  Result<void> Run(std::stop_token stop) override {
    return archiver_.Start(directory_, std::move(stop));
  }

 private:
  TreeArchiver& archiver_;
  const DirectoryPtr directory_;
};

class TreeArchiver::RangeJob final : public WorkPool::Job {
 public:
  RangeJob(TreeArchiver& archiver, DirectoryPtr directory, std::size_t first, std::size_t last)
      : archiver_(archiver), directory_(std::move(directory)), first_(first), last_(last) {}
  Result<void> Run(std::stop_token stop) override {
    TRY_VOID(archiver_.VisitRange(directory_, first_, last_, stop));
    return archiver_.PartDone(directory_, stop);
  }

 private:
  TreeArchiver& archiver_;
  const DirectoryPtr directory_;
  const std::size_t first_, last_;
};

class TreeArchiver::PartDoneJob final : public WorkPool::Job {
 public:
  PartDoneJob(TreeArchiver& archiver, DirectoryPtr directory)
      : archiver_(archiver), directory_(std::move(directory)) {}
  Result<void> Run(std::stop_token stop) override { return archiver_.PartDone(directory_, stop); }

 private:
  TreeArchiver& archiver_;
  const DirectoryPtr directory_;
};

// Small files of one directory, read into one buffer and stored together.
class TreeArchiver::SmallFiles {
 public:
  SmallFiles(TreeArchiver& archiver, Directory& directory)
      : archiver_(archiver), directory_(directory) {
    if (buffer_ == nullptr)
      buffer_ = std::make_unique_for_overwrite<std::uint8_t[]>(kBatch + kSmallFile);
  }

  // Reads the file, as consistent as one second attempt can make it; `seen` is its status from
  // before it was opened. False when it is no small file any more.
  Result<bool> Add(Entry& entry, const Fd& fd, struct stat seen, std::stop_token stop) {
    struct stat after {};
    ssize_t size = -1;
    bool steady = false;
    for (int attempt = 0; attempt < 2 && !steady; ++attempt) {
      const std::size_t expected =
          attempt == 0 ? static_cast<std::size_t>(seen.st_size) : kSmallFile;
      size = ReadUpTo(fd.get(), buffer_.get() + used_, kSmallFile, expected);
      if (size < 0 || ::fstat(fd.get(), &after) != 0) break;
      steady = SameFile(seen, after) && size == seen.st_size;
      if (!steady && attempt == 0) seen = after;
    }
    if (size < 0 || !S_ISREG(after.st_mode)) {
      const int error = size < 0 ? errno : ESTALE;
      archiver_.FileDone(directory_, entry, {{}, 0, error});
      return true;
    }
    if (static_cast<std::uint64_t>(size) >= kSmallFile) return false;
    if (!steady) archiver_.tally_.ChangedWhileRead();
    entry.node = NodeFromStat(std::move(entry.node.name), seen);
    archiver_.ReadExtrasOf(directory_, entry, fd.get());
    archiver_.tally_.Read(static_cast<std::uint64_t>(size));
    files_.push_back({&entry, used_, static_cast<std::size_t>(size)});
    used_ += static_cast<std::size_t>(size);
    if (used_ >= kBatch) TRY_VOID(Store(stop));
    return true;
  }

  Result<void> Store(std::stop_token stop) {
    std::vector<ByteView> contents;
    for (const File& file : files_) {
      if (file.size != 0) contents.emplace_back(buffer_.get() + file.offset, file.size);
    }
    TRY(const std::vector<Id> ids, archiver_.contents_.Store(contents, stop));
    auto id = ids.begin();
    for (const File& file : files_) {
      Content content{{}, file.size, 0};
      if (file.size != 0) content.ids.push_back(*id++);
      archiver_.FileDone(directory_, *file.entry, content);
    }
    files_.clear();
    used_ = 0;
    return {};
  }

 private:
  struct File {
    Entry* entry;
    std::size_t offset, size;
  };

  static thread_local std::unique_ptr<std::uint8_t[]> buffer_;

  TreeArchiver& archiver_;
  Directory& directory_;
  std::vector<File> files_;
  std::size_t used_ = 0;
};

thread_local std::unique_ptr<std::uint8_t[]> TreeArchiver::SmallFiles::buffer_;

TreeArchiver::TreeArchiver(repo::Repository& repository, const TreeArchiverOptions& options,
                           WorkPool& pool, ContentArchiver& contents, ArchiveTally& tally)
    : repository_(repository), options_(options), pool_(pool), contents_(contents), tally_(tally) {}

Result<std::optional<Node>> TreeArchiver::Run(Fd source, Node node, std::optional<Id> before,
                                              std::stop_token stop) {
  struct stat status {};
  if (::fstat(source.get(), &status) != 0)
    return tl::make_unexpected(FromErrno("stat the source", errno));
  device_ = status.st_dev;
  Entry root;
  root.node = std::move(node);
  auto directory = std::make_shared<Directory>();
  directory->entry = &root;
  directory->fd = std::move(source);
  directory->before_id = before;
  pool_.Post(kDirectoryJobs, std::make_unique<DirectoryJob>(*this, std::move(directory)));
  TRY_VOID(pool_.Run(stop));
  if (!root.kept) return std::nullopt;
  return std::move(root.node);
}

// Opens and lists a directory, then works on its first slice.
Result<void> TreeArchiver::Start(const DirectoryPtr& directory, std::stop_token stop) {
  if (!Open(*directory)) {
    directory->fd = {};
    return directory->parent ? PartDone(directory->parent, stop) : Result<void>();
  }
  TRY_VOID(LoadBefore(*directory, stop));
  return Advance(directory, stop);
}

bool TreeArchiver::Open(Directory& directory) {
  Node& node = directory.entry->node;
  if (directory.parent) {
    directory.fd = Fd(::openat(directory.parent->fd.get(), node.name.c_str(),
                               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!directory.fd.valid()) {
      tally_.Missing(directory.Path(), errno);
      return false;
    }
    if (const auto read = ReadExtras({-1, "", directory.fd.get()}, node); !read)
      tally_.Problem(directory.Path(), read.error().message);
  }
  if (directory.elsewhere) return true;
  auto names = ListNames(directory.fd.get());
  if (!names) {
    tally_.Problem(directory.Path(), names.error().message);
    return false;
  }
  directory.names = *std::move(names);
  return true;
}

// A parent snapshot that is damaged here is none: everything is read again, which mends it.
Result<void> TreeArchiver::LoadBefore(Directory& directory, std::stop_token stop) {
  if (!directory.before_id) return {};
  auto tree = repository_.LoadTree(*directory.before_id, stop);
  if (tree) {
    directory.before = *std::move(tree);
    return {};
  }
  directory.before_id.reset();
  const Code code = tree.error().code;
  if (code == Code::kCorrupt || code == Code::kNotFound) return {};
  return tl::make_unexpected(std::move(tree).error());
}

// Goes on with a directory of which no part is pending, then with those above it.
Result<void> TreeArchiver::Advance(DirectoryPtr directory, std::stop_token stop) {
  while (directory) {
    if (stop.stop_requested()) return Fail(Code::kCancelled, "the backup was stopped");
    TRY_VOID(AppendSlice(*directory));
    if (directory->next == directory->names.size()) {
      TRY_VOID(Finish(*directory, stop));
      directory = std::exchange(directory, nullptr)->parent;
      if (directory && directory->pending.fetch_sub(1, std::memory_order_acq_rel) != 1) return {};
      continue;
    }
    const std::size_t last_range = StartSlice(directory);
    TRY_VOID(VisitRange(directory, last_range, directory->slice.size(), stop));
    if (directory->pending.fetch_sub(1, std::memory_order_acq_rel) != 1) return {};
  }
  return {};
}

Result<void> TreeArchiver::PartDone(const DirectoryPtr& directory, std::stop_token stop) {
  if (directory->pending.fetch_sub(1, std::memory_order_acq_rel) != 1) return {};
  return Advance(directory, stop);
}

// Posts jobs for all ranges but the last, which begins where the result says.
std::size_t TreeArchiver::StartSlice(const DirectoryPtr& directory) {
  Directory& d = *directory;
  const std::size_t count = std::min(kSlice, d.names.size() - d.next);
  d.slice.resize(count);
  for (std::size_t i = 0; i < count; ++i) d.slice[i].node.name = std::move(d.names[d.next + i]);
  d.next += count;
  const std::size_t ranges = (count + kRange - 1) / kRange;
  d.pending.store(ranges, std::memory_order_relaxed);
  for (std::size_t range = 0; range + 1 < ranges; ++range)
    pool_.Post(kRangeJobs,
               std::make_unique<RangeJob>(*this, directory, range * kRange, (range + 1) * kRange));
  return (ranges - 1) * kRange;
}

// As long as every node equals the parent snapshot's, nothing is encoded.
Result<void> TreeArchiver::AppendSlice(Directory& directory) {
  const std::vector<Node>& before = directory.before.nodes;
  for (const Entry& entry : directory.slice) {
    if (!entry.kept) continue;
    if (!directory.encoded && directory.same < before.size() &&
        before[directory.same] == entry.node) {
      ++directory.same;
      continue;
    }
    if (!std::exchange(directory.encoded, true)) {
      for (std::size_t i = 0; i < directory.same; ++i) TRY_VOID(directory.tree.Add(before[i]));
    }
    TRY_VOID(directory.tree.Add(entry.node));
  }
  directory.slice.clear();
  return {};
}

Result<void> TreeArchiver::Finish(Directory& directory, std::stop_token stop) {
  const std::vector<Node>& before = directory.before.nodes;
  Entry& entry = *directory.entry;
  if (directory.before_id && !directory.encoded && directory.same == before.size()) {
    entry.node.subtree = directory.before_id;
  } else {
    for (std::size_t i = 0; !directory.encoded && i < directory.same; ++i)
      TRY_VOID(directory.tree.Add(before[i]));
    const std::string text = directory.tree.Finish();
    TRY(const repo::SavedBlob saved, repository_.SaveBlob(BlobType::kTree, AsBytes(text), stop));
    tally_.Blob(BlobType::kTree, text.size(), saved);
    entry.node.subtree = saved.id;
  }
  tally_.Directory(directory.before_id, *entry.node.subtree);
  entry.kept = true;
  return {};
}

Result<void> TreeArchiver::VisitRange(const DirectoryPtr& directory, std::size_t first,
                                      std::size_t last, std::stop_token stop) {
  SmallFiles small(*this, *directory);
  std::vector<DirectoryPtr> children;
  for (std::size_t i = first; i < last; ++i) {
    if (stop.stop_requested()) return Fail(Code::kCancelled, "the backup was stopped");
    Entry& entry = directory->slice[i];
    if (!options_.excludes->empty() &&
        options_.excludes->Excludes(options_.exclude_prefix + directory->PathOf(entry)))
      continue;
    struct stat status {};
    if (::fstatat(directory->fd.get(), entry.node.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) !=
        0) {
      tally_.Missing(directory->PathOf(entry), errno);
      continue;
    }
    entry.node = NodeFromStat(std::move(entry.node.name), status);
    entry.before = directory->before.Find(entry.node.name);
    switch (entry.node.type) {
      case NodeType::kDir:
        VisitDirectory(directory, entry, status, children);
        break;
      case NodeType::kFile:
        TRY_VOID(VisitFile(directory, entry, status, small, stop));
        break;
      case NodeType::kSocket:
        tally_.Socket();
        break;
      default:
        VisitSpecial(*directory, entry);
        break;
    }
  }
  TRY_VOID(small.Store(stop));
  // The last that is posted runs first.
  for (auto child = children.rbegin(); child != children.rend(); ++child)
    pool_.Post(kDirectoryJobs, std::make_unique<DirectoryJob>(*this, std::move(*child)));
  return {};
}

void TreeArchiver::VisitDirectory(const DirectoryPtr& directory, Entry& entry,
                                  const struct stat& status, std::vector<DirectoryPtr>& children) {
  if (directory->depth + 1 >= kDeepest) {
    tally_.Missing(directory->PathOf(entry), ELOOP);
    return;
  }
  auto child = std::make_shared<Directory>();
  child->parent = directory;
  child->entry = &entry;
  child->depth = directory->depth + 1;
  child->elsewhere = options_.one_file_system && status.st_dev != device_;
  if (entry.before != nullptr) child->before_id = entry.before->subtree;
  directory->pending.fetch_add(1, std::memory_order_relaxed);
  children.push_back(std::move(child));
}

void TreeArchiver::VisitSpecial(Directory& directory, Entry& entry) {
  if (entry.node.type == NodeType::kIrregular) {
    tally_.Missing(directory.PathOf(entry), EINVAL);
    return;
  }
  const Place place{directory.fd.get(), entry.node.name.c_str(), -1};
  if (const auto read = ReadExtras(place, entry.node); !read) {
    tally_.Problem(directory.PathOf(entry), read.error().message);
    if (entry.node.type == NodeType::kSymlink && entry.node.link_target.empty()) return;
  }
  entry.kept = true;
}

void TreeArchiver::ReadExtrasOf(Directory& directory, Entry& entry, int fd) {
  if (const auto read = ReadExtras({-1, "", fd}, entry.node); !read)
    tally_.Problem(directory.PathOf(entry), read.error().message);
}

Result<void> TreeArchiver::VisitFile(const DirectoryPtr& directory, Entry& entry,
                                     const struct stat& status, SmallFiles& small,
                                     std::stop_token stop) {
  if (entry.before != nullptr && Unchanged(entry.node, *entry.before) && AllStored(*entry.before)) {
    entry.node.content = entry.before->content;
    entry.node.extended_attributes = entry.before->extended_attributes;
    entry.kept = true;
    tally_.File(entry.node, entry.before, true);
    return {};
  }
  if (WaitsForOtherName(directory, entry)) return {};
  if (entry.node.size < kSmallFile) {
    const Fd fd = OpenFile(*directory, entry);
    if (!fd.valid()) {
      FileDone(*directory, entry, {{}, 0, errno});
      return {};
    }
    TRY(const bool added, small.Add(entry, fd, status, stop));
    if (added) return {};
  }
  StoreLarge(directory, entry, stop);
  return {};
}

Fd TreeArchiver::OpenFile(const Directory& directory, const Entry& entry) {
  // O_NONBLOCK: the name may have become a FIFO since.
  return Fd(::openat(directory.fd.get(), entry.node.name.c_str(),
                     O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

// A further name of a file that another thread reads is finished by that thread.
bool TreeArchiver::WaitsForOtherName(const DirectoryPtr& directory, Entry& entry) {
  if (entry.node.links < 2) return false;
  const LinkedFiles::Key key(entry.node.device_id, entry.node.inode);
  directory->pending.fetch_add(1, std::memory_order_relaxed);
  const bool first =
      linked_.IsFirst(key, entry.node.links, [this, directory, &entry](const Content& content) {
        const Place place{directory->fd.get(), entry.node.name.c_str(), -1};
        if (const auto read = ReadExtras(place, entry.node); !read)
          tally_.Problem(directory->PathOf(entry), read.error().message);
        tally_.Skipped(content.size);
        FinishEntry(*directory, entry, content);
        pool_.Post(kRangeJobs, std::make_unique<PartDoneJob>(*this, directory));
      });
  if (!first) return true;
  directory->pending.fetch_sub(1, std::memory_order_relaxed);
  entry.linked = key;
  return false;
}

void TreeArchiver::StoreLarge(const DirectoryPtr& directory, Entry& entry, std::stop_token stop) {
  directory->pending.fetch_add(1, std::memory_order_relaxed);
  const auto seen = std::make_shared<struct stat>();
  const auto open = [this, directory, &entry, seen] {
    Fd fd = OpenFile(*directory, entry);
    if (!fd.valid() || ::fstat(fd.get(), seen.get()) != 0) return Fd();
    if (!S_ISREG(seen->st_mode)) {
      errno = ESTALE;
      return Fd();
    }
    entry.node = NodeFromStat(std::move(entry.node.name), *seen);
    ReadExtrasOf(*directory, entry, fd.get());
    return fd;
  };
  const auto done = [this, directory, &entry, seen, stop](const Fd& fd,
                                                          const Content& content) -> Result<void> {
    struct stat after {};
    const bool steady = fd.valid() && ::fstat(fd.get(), &after) == 0 && SameFile(*seen, after) &&
                        static_cast<std::uint64_t>(after.st_size) == content.size;
    if (!steady && content.read_errno == 0) tally_.ChangedWhileRead();
    FileDone(*directory, entry, content);
    return PartDone(directory, stop);
  };
  contents_.StoreLarge(open, done);
}

void TreeArchiver::FileDone(Directory& directory, Entry& entry, const Content& content) {
  const auto linked = entry.linked;
  FinishEntry(directory, entry, content);
  if (linked) linked_.Finish(*linked, content);
}

void TreeArchiver::FinishEntry(Directory& directory, Entry& entry, const Content& content) {
  if (content.read_errno != 0) {
    tally_.Missing(directory.PathOf(entry), content.read_errno);
    return;
  }
  entry.node.content = content.ids;
  entry.node.size = content.size;
  entry.kept = true;
  tally_.File(entry.node, entry.before, false);
}

// A parent snapshot may name content that was lost; it is then read again, which mends it.
bool TreeArchiver::AllStored(const Node& before) const {
  return std::ranges::all_of(*before.content, [&](const Id& id) {
    return repository_.index().Has({BlobType::kData, id});
  });
}

}  // namespace holdfast::engine
