#include "jobs/engine/archiver.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs/engine/archive_tally.h"
#include "jobs/engine/content_archiver.h"
#include "jobs/engine/directory.h"
#include "jobs/engine/metadata.h"
#include "jobs/engine/resources.h"
#include "jobs/engine/scanner.h"
#include "jobs/engine/selection.h"
#include "jobs/engine/tree_archiver.h"
#include "jobs/engine/work_pool.h"

namespace holdfast::engine {
namespace {

using repo::BlobType;
using repo::Id;
using repo::Node;
using repo::NodeType;

struct SnapshotPath {
  std::string text;
  std::vector<std::string> components;  // the names down to the source, or to what holds its file
};

Result<std::string> RealPath(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  if (!real) return tl::make_unexpected(FromErrno("resolve " + path, errno));
  return std::string(real.get());
}

Result<SnapshotPath> PathFor(const ArchiveOptions& options) {
  SnapshotPath path{options.identity.path, {}};
  if (path.text.empty() && !options.stream_name.empty())
    return SnapshotPath{"/" + options.stream_name, {}};
  if (path.text.empty()) {
    TRY(path.text, RealPath(options.source));
  }
  if (!path.text.starts_with('/'))
    return Fail(Code::kInvalid,
                "\"" + path.text + "\" cannot be a snapshot's path; start it with /");
  path.components = SplitComponents(path.text);
  if (!std::ranges::all_of(path.components, IsPlainName))
    return Fail(Code::kInvalid,
                "\"" + path.text + "\" cannot be a snapshot's path; leave out . and ..");
  return path;
}

class Archiver {
 public:
  Archiver(repo::Repository& repository, const ArchiveOptions& options, SnapshotPath path,
           Meter& meter, std::stop_token stop)
      : repository_(repository),
        options_(options),
        path_(std::move(path)),
        meter_(meter),
        stop_(std::move(stop)),
        tally_(path_.text, meter),
        pool_(ThreadCount(options.threads),
              WorkPool::Limits(kArchiveUrgencies, ThreadCount(options.threads))),
        contents_(repository, pool_, tally_) {}

  Result<ArchiveReport> Run(const std::vector<repo::Snapshot>& parents, const Clock& clock);

 private:
  Result<const repo::Snapshot*> ChooseParent(const std::vector<repo::Snapshot>& parents) const;
  Result<std::optional<Id>> SourceTreeOf(const repo::Snapshot& parent);
  Result<Id> StoreSource(const repo::Snapshot* parent, TimePoint now);
  Result<Node> StoreDirectory(Fd source, const repo::Snapshot* parent);
  Result<Node> StoreFile(Fd source, Node node);
  Result<Node> StoreStream(TimePoint now);
  Result<Node> StoreMade();
  Result<Id> StoreAncestors(Node node);
  Node AncestorNode(std::size_t depth, const Node& source) const;
  Result<Id> StoreTree(const Node& only);

  repo::Repository& repository_;
  const ArchiveOptions& options_;
  const SnapshotPath path_;
  Meter& meter_;
  const std::stop_token stop_;
  ArchiveTally tally_;
  WorkPool pool_;
  ContentArchiver contents_;
};

Result<const repo::Snapshot*> Archiver::ChooseParent(
    const std::vector<repo::Snapshot>& parents) const {
  if (!options_.parent)
    return ParentFor(parents, {options_.identity.host, path_.text}, options_.type);
  const auto found = std::ranges::find(parents, *options_.parent, &repo::Snapshot::id);
  if (found == parents.end())
    return Fail(Code::kNotFound, "there is no snapshot " + options_.parent->Short() +
                                     " to compare with; list them with snapshots");
  return &*found;
}

// The tree of the source's root in an earlier snapshot; nullopt when that has none.
Result<std::optional<Id>> Archiver::SourceTreeOf(const repo::Snapshot& parent) {
  Id id = parent.tree;
  for (const std::string& component : path_.components) {
    const auto tree = repository_.LoadTree(id, stop_);
    // A damaged parent is none: everything is read again.
    if (!tree && (tree.error().code == Code::kCorrupt || IsAbsent(tree.error())))
      return std::nullopt;
    if (!tree) return tl::make_unexpected(tree.error());
    const Node* node = tree->Find(component);
    if (node == nullptr || !node->subtree) return std::nullopt;
    id = *node->subtree;
  }
  return id;
}

Result<ArchiveReport> Archiver::Run(const std::vector<repo::Snapshot>& parents,
                                    const Clock& clock) {
  repo::Snapshot& snapshot = tally_.report().snapshot;
  snapshot.time = snapshot.summary->backup_start = clock.Now();
  TRY(const repo::Snapshot* parent, ChooseParent(parents));
  if (parent != nullptr) snapshot.parent = parent->id;
  // Good enough, and they cost no second look at every file.
  const bool scanned = options_.stream_name.empty() && options_.made.empty();
  if (parent != nullptr && parent->summary && scanned)
    meter_.SetTotals(parent->summary->total_files_processed,
                     parent->summary->total_bytes_processed);
  meter_.SetPhase("transfer");
  TRY(snapshot.tree, StoreSource(parent, snapshot.time));
  meter_.SetPhase("finish");
  snapshot.paths = {path_.text};
  snapshot.hostname = options_.identity.host;
  snapshot.uid = ::getuid();
  snapshot.gid = ::getgid();
  snapshot.excludes = options_.excludes;
  snapshot.tags = options_.tags;
  snapshot.tags.push_back("type=" + protocol::BackupTypeName(options_.type));
  snapshot.program_version = "holdfast " HOLDFAST_VERSION;
  snapshot.summary->backup_end = clock.Now();
  TRY_VOID(repository_.SaveSnapshot(snapshot, stop_));
  return std::move(tally_.report());
}

// The snapshot's tree.
Result<Id> Archiver::StoreSource(const repo::Snapshot* parent, TimePoint now) {
  if (!options_.made.empty()) {
    TRY(Node directory, StoreMade());
    return StoreAncestors(std::move(directory));
  }
  if (!options_.stream_name.empty()) {
    TRY(Node file, StoreStream(now));
    Node directory = AncestorNode(path_.components.size() - 1, file);
    TRY(directory.subtree, StoreTree(file));
    return StoreAncestors(std::move(directory));
  }
  Fd source(::open(options_.source.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status {};
  if (!source.valid() || ::fstat(source.get(), &status) != 0)
    return tl::make_unexpected(FromErrno("open " + options_.source, errno));
  if (S_ISDIR(status.st_mode)) {
    TRY(Node root, StoreDirectory(std::move(source), parent));
    return StoreAncestors(std::move(root));
  }
  if (path_.components.empty())
    return Fail(Code::kInvalid,
                "a file cannot be a snapshot's root; give it a path with --as-path");
  Node node = NodeFromStat(path_.components.back(), status);
  TRY(Node file, StoreFile(std::move(source), std::move(node)));
  return StoreAncestors(std::move(file));
}

Result<Node> Archiver::StoreDirectory(Fd source, const repo::Snapshot* parent) {
  TreeArchiverOptions options;
  TRY(const ExcludeList excludes, ExcludeList::Parse(options_.excludes, options_.iexcludes));
  options.excludes = &excludes;
  options.one_file_system = options_.one_file_system;
  if (options_.identity.path.empty() && path_.text != "/") options.exclude_prefix = path_.text;

  struct stat status {};
  if (::fstat(source.get(), &status) != 0)
    return tl::make_unexpected(FromErrno("stat " + options_.source, errno));
  Node node = NodeFromStat(path_.components.empty() ? "/" : path_.components.back(), status);
  TRY_VOID(ReadExtras({-1, "", source.get()}, node));
  std::optional<Id> before;
  if (parent != nullptr) {
    TRY(before, SourceTreeOf(*parent));
  }

  std::jthread scan;
  if (options_.count && (parent == nullptr || !parent->summary)) {
    scan = std::jthread([&](std::stop_token stop) {
      const auto totals = Scan(options_.source, excludes, options.exclude_prefix, stop);
      if (totals) meter_.SetTotals(totals->files, totals->bytes);
    });
  }
  TreeArchiver trees(repository_, options, pool_, contents_, tally_);
  TRY(auto stored, trees.Run(std::move(source), std::move(node), before, stop_));
  if (stored) return *std::move(stored);
  if (tally_.report().unreadable.first().empty())
    return Fail(Code::kInternal, "the backup ended before everything was stored: a bug");
  return Fail(Code::kDenied, options_.source +
                                 " cannot be read: " + tally_.report().unreadable.first().front() +
                                 "; run as a user that may read the volume");
}

// A block device becomes a file of its size.
Result<Node> Archiver::StoreFile(Fd source, Node node) {
  node.type = NodeType::kFile;
  node.mode = repo::GoMode(S_IFREG | (repo::PosixMode(node.mode) & 07777));
  node.device = node.device_id = 0;
  node.links = 1;
  int read_errno = 0;
  const auto open = [&] { return std::move(source); };
  contents_.StoreLarge(open, [&](const Fd&, const Content& content) -> Result<void> {
    node.content = content.ids;
    node.size = content.size;
    read_errno = content.read_errno;
    return {};
  });
  TRY_VOID(pool_.Run(stop_));
  // There is nothing else to save: half of it would be no snapshot.
  if (read_errno != 0) return tl::make_unexpected(FromErrno("read " + options_.source, read_errno));
  tally_.File(node, nullptr, false);
  return node;
}

Result<Node> Archiver::StoreStream(TimePoint now) {
  if (!IsPlainName(options_.stream_name))
    return Fail(Code::kInvalid,
                "\"" + options_.stream_name + "\" is no file name; use one without /");
  const auto since = now.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  Node node;
  node.name = options_.stream_name;
  node.mode = 0600;
  node.mtime = {seconds.count(),
                static_cast<std::uint32_t>(std::chrono::nanoseconds(since - seconds).count())};
  node.atime = node.ctime = node.mtime;
  node.uid = ::getuid();
  node.gid = ::getgid();
  if (options_.dump == nullptr)
    return StoreFile(Fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)), std::move(node));
  TRY(Node file, StoreFile(options_.dump->TakeContent(), std::move(node)));
  TRY_VOID(options_.dump->Finish(file.size));
  return file;
}

// Owned by nobody in particular, and of no time: what they are is all that there is to them.
Result<Node> Archiver::StoreMade() {
  repo::TreeBuilder tree;
  for (const MadeFile& file : options_.made) {
    const ByteView content = AsBytes(file.content);
    TRY(const repo::SavedBlob saved, repository_.SaveBlob(BlobType::kData, content, stop_));
    tally_.Blob(BlobType::kData, content.size(), saved);
    Node node;
    node.name = file.name;
    node.mode = 0600;
    node.links = 1;
    node.size = content.size();
    node.content.emplace(1, saved.id);
    TRY_VOID(tree.Add(node));
    tally_.File(node, nullptr, false);
  }
  Node directory = AncestorNode(path_.components.size() - 1, Node());
  const std::string text = tree.Finish();
  TRY(const repo::SavedBlob saved, repository_.SaveBlob(BlobType::kTree, AsBytes(text), stop_));
  tally_.Blob(BlobType::kTree, text.size(), saved);
  directory.subtree = saved.id;
  return directory;
}

// The directories above the source, one entry each: their own metadata when they are real, the
// source's times and neutral owners when the path is a name given by the user. What is made up for
// a stream belongs to whoever its file belongs to.
Node Archiver::AncestorNode(std::size_t depth, const Node& source) const {
  Node node;
  if (options_.identity.path.empty() && options_.stream_name.empty()) {
    std::string path;
    for (std::size_t i = 0; i <= depth; ++i) path += "/" + path_.components[i];
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) return NodeFromStat(path_.components[depth], status);
  }
  if (depth < path_.components.size()) node.name = path_.components[depth];
  node.type = NodeType::kDir;
  node.mode = repo::GoMode(S_IFDIR | 0755);
  node.mtime = node.atime = node.ctime = source.mtime;
  if (!options_.stream_name.empty()) {
    node.uid = source.uid;
    node.gid = source.gid;
  }
  return node;
}

Result<Id> Archiver::StoreAncestors(Node node) {
  const Node source = node;
  for (std::size_t depth = path_.components.size(); depth-- > 0;) {
    TRY(const Id id, StoreTree(node));
    if (depth == 0) return id;
    node = AncestorNode(depth - 1, source);
    node.subtree = id;
  }
  return *node.subtree;
}

Result<Id> Archiver::StoreTree(const Node& only) {
  repo::TreeBuilder tree;
  TRY_VOID(tree.Add(only));
  const std::string text = tree.Finish();
  TRY(const repo::SavedBlob saved, repository_.SaveBlob(BlobType::kTree, AsBytes(text), stop_));
  tally_.Blob(BlobType::kTree, text.size(), saved);
  return saved.id;
}

}  // namespace

Result<void> CheckSource(const std::string& source) {
  struct stat status {};
  if (::stat(source.c_str(), &status) != 0) {
    TRY_VOID(OpenRoot(source));
    return {};
  }
  if (S_ISDIR(status.st_mode) || S_ISREG(status.st_mode) || S_ISBLK(status.st_mode)) return {};
  return Fail(Code::kInvalid, source +
                                  " is no directory, file or block device; name one of these, or "
                                  "use --stdin for what another program writes");
}

Result<ArchiveReport> Archive(repo::Repository& repository,
                              const std::vector<repo::Snapshot>& parents,
                              const ArchiveOptions& options, Meter& meter, const Clock& clock,
                              std::stop_token stop) {
  TRY_VOID(ExcludeList::Parse(options.excludes, options.iexcludes));
  if (options.stream_name.empty() && options.made.empty()) TRY_VOID(CheckSource(options.source));
  TRY(SnapshotPath path, PathFor(options));
  return Archiver(repository, options, std::move(path), meter, std::move(stop)).Run(parents, clock);
}

}  // namespace holdfast::engine
