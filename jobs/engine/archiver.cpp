#include "jobs/engine/archiver.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "jobs/engine/directory.h"
#include "jobs/engine/file_reader.h"
#include "jobs/engine/metadata.h"
#include "jobs/engine/selection.h"

namespace holdfast::engine {
namespace {

using repo::BlobType;
using repo::Id;
using repo::Node;
using repo::NodeType;
using repo::Tree;

// Keeps a hostile or broken tree from using every descriptor and all memory.
constexpr std::size_t kDeepest = 16384;

// One directory on the way down.
struct Level {
  Fd fd;
  Node node;
  std::string path;  // below the source, with a leading '/'; "" for the source itself
  std::vector<std::string> names;
  std::size_t next = 0;
  std::optional<Tree> before;  // the parent snapshot's tree of this directory
  std::optional<Id> before_id;
  repo::TreeBuilder tree;
};

bool SameMetadata(const Node& a, const Node& b) {
  return a.mode == b.mode && a.uid == b.uid && a.gid == b.gid && a.mtime == b.mtime;
}

bool Unchanged(const Node& now, const Node& before) {
  return before.type == NodeType::kFile && before.content && now.size == before.size &&
         now.mtime == before.mtime && now.ctime == before.ctime && now.inode == before.inode;
}

std::string ErrnoText(int error_number) { return FromErrno("", error_number).message.substr(2); }

class Archiver {
 public:
  Archiver(repo::Repository& repository, const ArchiveOptions& options, Meter& meter,
           std::stop_token stop)
      : repository_(repository),
        options_(options),
        meter_(meter),
        stop_(std::move(stop)),
        reader_(repository.cut_search()) {}

  Result<ArchiveReport> Run(const std::vector<repo::Snapshot>& parents, const Clock& clock);

 private:
  Result<void> Prepare();
  Result<std::optional<Id>> SourceTreeOf(const repo::Snapshot& parent);
  Result<Node> WalkSource(std::optional<Id> before);
  Result<Id> StoreAncestors(Node node);
  Node AncestorNode(std::size_t depth, const Node& source) const;

  Result<void> Enter(Fd fd, Node node, std::string path, std::optional<Id> before);
  Result<Node> Leave();
  Result<void> Visit(const std::string& name);
  Result<void> VisitDirectory(Node node, std::string path, const Node* before);
  Result<void> VisitFile(Node node, const std::string& path, const Node* before);
  Result<void> VisitSpecial(Node node, const std::string& path);
  Result<bool> ReadFile(int fd, const std::string& path, Node& node);
  bool AllStored(const Node& before) const;
  // `path` is below the source, as in Level.
  void Missing(const std::string& path, int error_number);
  void Note(const std::string& path, const std::string& reason);
  void CountFile(const Node& node, const Node* before, bool unchanged);
  Result<Id> StoreTree(repo::TreeBuilder& tree);

  repo::Repository& repository_;
  const ArchiveOptions& options_;
  Meter& meter_;
  const std::stop_token stop_;
  FileReader reader_;
  ExcludeList excludes_;
  std::string exclude_prefix_;
  Fd source_;
  std::string path_;                     // of the snapshot
  std::vector<std::string> components_;  // of path_
  std::vector<Level> levels_;
  ArchiveReport report_;
  repo::SnapshotSummary& summary_ = report_.snapshot.summary.emplace();
};

Result<void> Archiver::Prepare() {
  TRY(excludes_, ExcludeList::Parse(options_.excludes));
  TRY_VOID(CheckSource(options_.source));
  TRY(source_, OpenRoot(options_.source));
  path_ = options_.identity.path;
  if (path_.empty()) {
    const std::unique_ptr<char, decltype(&std::free)> real(
        ::realpath(options_.source.c_str(), nullptr), &std::free);
    if (!real) return tl::make_unexpected(FromErrno("resolve " + options_.source, errno));
    path_ = real.get();
    exclude_prefix_ = path_ == "/" ? "" : path_;
  }
  if (!path_.starts_with('/'))
    return Fail(Code::kInvalid, "\"" + path_ + "\" cannot be a snapshot's path; start it with /");
  components_ = SplitComponents(path_);
  for (const std::string& component : components_) {
    if (!IsPlainName(component))
      return Fail(Code::kInvalid,
                  "\"" + path_ + "\" cannot be a snapshot's path; leave out . and ..");
  }
  return {};
}

// The tree of the source's root in an earlier snapshot; nullopt when that has none.
Result<std::optional<Id>> Archiver::SourceTreeOf(const repo::Snapshot& parent) {
  Id id = parent.tree;
  for (const std::string& component : components_) {
    TRY(const Tree tree, repository_.LoadTree(id, stop_));
    const Node* node = tree.Find(component);
    if (node == nullptr || !node->subtree) return std::nullopt;
    id = *node->subtree;
  }
  return id;
}

Result<ArchiveReport> Archiver::Run(const std::vector<repo::Snapshot>& parents,
                                    const Clock& clock) {
  TRY_VOID(Prepare());
  repo::Snapshot& snapshot = report_.snapshot;
  snapshot.time = summary_.backup_start = clock.Now();
  const repo::Snapshot* parent = ParentFor(parents, {options_.identity.host, path_}, options_.type);
  std::optional<Id> before;
  if (parent != nullptr) {
    snapshot.parent = parent->id;
    TRY(before, SourceTreeOf(*parent));
  }
  meter_.SetPhase("transfer");
  TRY(Node root, WalkSource(before));
  TRY(snapshot.tree, StoreAncestors(std::move(root)));
  meter_.SetPhase("finish");
  snapshot.paths = {path_};
  snapshot.hostname = options_.identity.host;
  snapshot.uid = ::getuid();
  snapshot.gid = ::getgid();
  snapshot.excludes = options_.excludes;
  snapshot.tags = options_.tags;
  snapshot.tags.push_back("type=" + protocol::BackupTypeName(options_.type));
  snapshot.program_version = "holdfast " HOLDFAST_VERSION;
  summary_.backup_end = clock.Now();
  TRY_VOID(repository_.SaveSnapshot(snapshot, stop_));
  return std::move(report_);
}

Result<Node> Archiver::WalkSource(std::optional<Id> before) {
  struct stat status {};
  if (::fstat(source_.get(), &status) != 0)
    return tl::make_unexpected(FromErrno("stat " + options_.source, errno));
  Node node = NodeFromStat(components_.empty() ? "/" : components_.back(), status);
  TRY_VOID(ReadExtras({-1, "", source_.get()}, node));
  TRY_VOID(Enter(std::move(source_), std::move(node), "", before));
  if (levels_.empty())
    return Fail(Code::kDenied, options_.source +
                                   " cannot be read: " + report_.unreadable.first().front() +
                                   "; run as a user that may read the volume");
  while (true) {
    if (stop_.stop_requested()) return Fail(Code::kCancelled, "the backup was stopped");
    Level& level = levels_.back();
    if (level.next < level.names.size()) {
      TRY_VOID(Visit(level.names[level.next++]));
      continue;
    }
    TRY(Node done, Leave());
    if (levels_.empty()) return done;
    TRY_VOID(levels_.back().tree.Add(done));
  }
}

// The directories above the source, one entry each: their own metadata when they are real, the
// source's times and neutral owners when the path is a name given by the user.
Node Archiver::AncestorNode(std::size_t depth, const Node& source) const {
  Node node;
  if (options_.identity.path.empty()) {
    std::string path;
    for (std::size_t i = 0; i <= depth; ++i) path += "/" + components_[i];
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) return NodeFromStat(components_[depth], status);
  }
  node.name = components_[depth];
  node.type = NodeType::kDir;
  node.mode = repo::GoMode(S_IFDIR | 0755);
  node.mtime = node.atime = node.ctime = source.mtime;
  return node;
}

Result<Id> Archiver::StoreAncestors(Node node) {
  if (components_.empty()) return *node.subtree;
  const Node source = node;
  for (std::size_t depth = components_.size(); depth-- > 0;) {
    repo::TreeBuilder tree;
    TRY_VOID(tree.Add(node));
    TRY(const Id id, StoreTree(tree));
    if (depth == 0) return id;
    node = AncestorNode(depth - 1, source);
    node.subtree = id;
  }
  return *node.subtree;
}

Result<void> Archiver::Enter(Fd fd, Node node, std::string path, std::optional<Id> before) {
  auto names = ListNames(fd.get());
  if (!names) {
    Note(path, names.error().message);
    return {};
  }
  Level level{.fd = std::move(fd),
              .node = std::move(node),
              .path = std::move(path),
              .names = *std::move(names),
              .next = 0,
              .before = {},
              .before_id = before,
              .tree = {}};
  if (before) {
    TRY(level.before, repository_.LoadTree(*before, stop_));
  }
  levels_.push_back(std::move(level));
  return {};
}

Result<Node> Archiver::Leave() {
  Level level = std::move(levels_.back());
  levels_.pop_back();
  TRY(level.node.subtree, StoreTree(level.tree));
  if (!level.before_id) {
    ++summary_.dirs_new;
  } else if (*level.before_id == *level.node.subtree) {
    ++summary_.dirs_unmodified;
  } else {
    ++summary_.dirs_changed;
  }
  return std::move(level.node);
}

Result<void> Archiver::Visit(const std::string& name) {
  const Level& level = levels_.back();
  std::string path = level.path + "/" + name;
  if (excludes_.Excludes(exclude_prefix_ + path)) return {};
  struct stat status {};
  if (::fstatat(level.fd.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    Missing(path, errno);
    return {};
  }
  Node node = NodeFromStat(name, status);
  const Node* before = level.before ? level.before->Find(name) : nullptr;
  switch (node.type) {
    case NodeType::kDir:
      return VisitDirectory(std::move(node), std::move(path), before);
    case NodeType::kFile:
      return VisitFile(std::move(node), path, before);
    case NodeType::kSocket:
      ++report_.sockets_skipped;
      return {};
    default:
      return VisitSpecial(std::move(node), path);
  }
}

Result<void> Archiver::VisitDirectory(Node node, std::string path, const Node* before) {
  if (levels_.size() >= kDeepest) {
    Missing(path, ELOOP);
    return {};
  }
  Fd fd(::openat(levels_.back().fd.get(), node.name.c_str(),
                 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) {
    Missing(path, errno);
    return {};
  }
  if (const auto read = ReadExtras({-1, "", fd.get()}, node); !read)
    Note(path, read.error().message);
  const std::optional<Id> subtree = before == nullptr ? std::nullopt : before->subtree;
  return Enter(std::move(fd), std::move(node), std::move(path), subtree);
}

Result<void> Archiver::VisitFile(Node node, const std::string& path, const Node* before) {
  if (before != nullptr && Unchanged(node, *before) && AllStored(*before)) {
    node.content = before->content;
    node.extended_attributes = before->extended_attributes;
    CountFile(node, before, true);
    return levels_.back().tree.Add(node);
  }
  // O_NONBLOCK: the name may have become a FIFO since.
  const Fd fd(::openat(levels_.back().fd.get(), node.name.c_str(),
                       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status {};
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0) {
    Missing(path, errno);
    return {};
  }
  if (!S_ISREG(status.st_mode)) {
    Missing(path, ESTALE);
    return {};
  }
  node = NodeFromStat(node.name, status);
  TRY(const bool read, ReadFile(fd.get(), path, node));
  if (!read) return {};
  CountFile(node, before, false);
  return levels_.back().tree.Add(node);
}

// False when the file could not be read, which is then in the report. The node keeps the times from
// before the reading: a change meanwhile shows at the next backup.
Result<bool> Archiver::ReadFile(int fd, const std::string& path, Node& node) {
  if (const auto extras = ReadExtras({-1, "", fd}, node); !extras)
    Note(path, extras.error().message);
  node.content.emplace();
  const auto store = [&](ByteView chunk) -> Result<void> {
    TRY(const repo::SavedBlob saved, repository_.SaveBlob(BlobType::kData, chunk, stop_));
    node.content->push_back(saved.id);
    meter_.AddBytes(chunk.size());
    if (saved.added) {
      ++summary_.data_blobs;
      summary_.data_added += chunk.size();
      summary_.data_added_packed += saved.stored_size;
    }
    return {};
  };
  TRY(const FileReader::Outcome outcome, reader_.ReadChunks(fd, store, stop_));
  report_.bytes_read += outcome.bytes;
  if (outcome.read_errno != 0) {
    Missing(path, outcome.read_errno);
    return false;
  }
  struct stat after {};
  const Node now = ::fstat(fd, &after) == 0 ? NodeFromStat(node.name, after) : node;
  if (now.mtime != node.mtime || now.size != outcome.bytes) ++report_.changed_while_read;
  node.size = outcome.bytes;
  return true;
}

Result<void> Archiver::VisitSpecial(Node node, const std::string& path) {
  if (node.type == NodeType::kIrregular) {
    Missing(path, EINVAL);
    return {};
  }
  const Place place{levels_.back().fd.get(), node.name.c_str(), -1};
  if (const auto read = ReadExtras(place, node); !read) {
    Note(path, read.error().message);
    if (node.type == NodeType::kSymlink && node.link_target.empty()) return {};
  }
  return levels_.back().tree.Add(node);
}

// A parent snapshot may name content that was lost; it is then read again, which mends it.
bool Archiver::AllStored(const Node& before) const {
  return std::ranges::all_of(*before.content, [&](const Id& id) {
    return repository_.index().Has({BlobType::kData, id});
  });
}

void Archiver::Missing(const std::string& path, int error_number) {
  Note(path, error_number == ENOENT ? "vanished while the backup ran" : ErrnoText(error_number));
}

void Archiver::Note(const std::string& path, const std::string& reason) {
  report_.unreadable.Add(path_ == "/" ? path : path_ + path, reason);
}

void Archiver::CountFile(const Node& node, const Node* before, bool unchanged) {
  if (unchanged) {
    ++summary_.files_unmodified;
    meter_.AddBytes(node.size);
  } else if (before == nullptr || before->type != NodeType::kFile) {
    ++summary_.files_new;
  } else if (before->content == node.content && SameMetadata(*before, node)) {
    ++summary_.files_unmodified;
  } else {
    ++summary_.files_changed;
  }
  ++summary_.total_files_processed;
  summary_.total_bytes_processed += node.size;
  meter_.AddFiles(1);
}

Result<Id> Archiver::StoreTree(repo::TreeBuilder& tree) {
  const std::string text = tree.Finish();
  TRY(const repo::SavedBlob saved, repository_.SaveBlob(BlobType::kTree, AsBytes(text), stop_));
  if (saved.added) {
    ++summary_.tree_blobs;
    summary_.data_added += text.size();
    summary_.data_added_packed += saved.stored_size;
  }
  return saved.id;
}

}  // namespace

Result<void> CheckSource(const std::string& source) {
  if (source == "-")
    return Fail(Code::kNotSupported,
                "standard input cannot be backed up by this version; name a directory");
  struct stat status {};
  if (::stat(source.c_str(), &status) == 0 && !S_ISDIR(status.st_mode))
    return Fail(Code::kNotSupported,
                source +
                    " is not a directory, and this version backs up directories only; name "
                    "the one that holds it");
  TRY_VOID(OpenRoot(source));
  return {};
}

Result<ArchiveReport> Archive(repo::Repository& repository,
                              const std::vector<repo::Snapshot>& parents,
                              const ArchiveOptions& options, Meter& meter, const Clock& clock,
                              std::stop_token stop) {
  return Archiver(repository, options, meter, std::move(stop)).Run(parents, clock);
}

}  // namespace holdfast::engine
