#include "jobs/engine/restore_batch.h"

#include <algorithm>
#include <cerrno>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs/engine/directory.h"
#include "jobs/engine/file_content.h"
#include "jobs/engine/metadata.h"
#include "jobs/repo/parallel.h"

namespace holdfast::engine {
namespace {

// 64 Ki pieces of 1 MiB on average are 64 GiB of a large file in one round, for 6 MiB of memory.
constexpr std::size_t kMaxPieces = 64 * 1024;
// Two batches are in memory, one that is planned and one that is carried out.
constexpr std::size_t kMaxEntries = 6 * 1024;
// Of the entries' paths: in a very deep tree each of them may be as long as a book.
constexpr std::size_t kMaxPathBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxOpenFiles = 128;
// What one thread takes at a time: less towards the end, so that all of them end together.
constexpr std::uint64_t kMaxPortion = std::uint64_t{4} << 20;
constexpr std::uint64_t kMinPortion = std::uint64_t{512} << 10;
// As many bytes as cost about what making a file costs.
constexpr std::uint64_t kPieceCost = std::uint64_t{16} << 10;

struct Split {
  std::string directory;
  std::string name;
};

Split SplitPath(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

void RestoreReport::Add(const RestoreReport& part) {
  files += part.files;
  files_written += part.files_written;
  bytes += part.bytes;
  bytes_fetched += part.bytes_fetched;
  bytes_written += part.bytes_written;
  other_entries += part.other_entries;
  entries_removed += part.entries_removed;
  sockets_skipped += part.sockets_skipped;
  failed.Add(part.failed);
  damaged = damaged || part.damaged;
  mismatched.Add(part.mismatched);
  metadata_failures += part.metadata_failures;
}

RestoreBatch::RestoreBatch(repo::Repository& repository, int target, const BatchOptions& options,
                           Meter& meter, std::stop_token stop)
    : repository_(repository),
      target_(target),
      options_(options),
      meter_(meter),
      stop_(std::move(stop)) {}

void RestoreBatch::StartFile(File file) {
  path_bytes_ += file.path.size();
  Planned& planned = files_.emplace_back();
  static_cast<File&>(planned) = std::move(file);
  planned.node.content.reset();
  planned.created = planned.exists;
  some_exist_ = some_exist_ || planned.exists;
}

void RestoreBatch::AddPiece(const repo::PackedBlob& place, std::uint64_t offset) {
  const auto [known, added] =
      pack_numbers_.try_emplace(place.pack, static_cast<std::uint32_t>(packs_.size()));
  if (added) packs_.push_back(place.pack);
  pieces_.push_back(
      {known->second, static_cast<std::uint32_t>(files_.size() - 1), offset, place.blob, false});
  ++files_.back().pieces;
  ++files_.back().pending;
}

void RestoreBatch::EndFile() { files_.back().ended = true; }

void RestoreBatch::AddLink(std::string first, std::string path) {
  path_bytes_ += first.size() + path.size();
  links_.push_back({std::move(first), std::move(path)});
}

void RestoreBatch::AddDirectory(std::string path, repo::Node node) {
  path_bytes_ += path.size();
  directories_.push_back({std::move(path), std::move(node)});
}

bool RestoreBatch::full() const { return entries() >= kMaxEntries || path_bytes_ >= kMaxPathBytes; }

bool RestoreBatch::pieces_full() const { return pieces_.size() >= kMaxPieces; }

Result<void> RestoreBatch::Parallel(std::size_t count, const Work& work) const {
  return repo::InParallel(options_.threads, count, work, stop_);
}

Result<void> RestoreBatch::Flush() {
  TRY_VOID(FlushPieces());
  TRY_VOID(WriteDown());
  TRY_VOID(Parallel(files_.size(), [&](std::size_t i, std::stop_token) {
    return FinishFile(static_cast<std::uint32_t>(i));
  }));
  open_by_file_.clear();
  open_.clear();
  files_.clear();
  for (const Link& link : links_) MakeLink(link);
  links_.clear();
  path_bytes_ = 0;
  some_exist_ = false;
  return FinishDirectories();
}

Result<void> RestoreBatch::WriteDown() {
  if (!options_.times_are_trusted || std::ranges::none_of(files_, &Planned::NeedsWritingDown))
    return {};
  if (::syncfs(target_) != 0) return tl::make_unexpected(FromErrno("flush the volume", errno));
  return {};
}

Result<void> RestoreBatch::FlushPieces() {
  if (some_exist_) TRY_VOID(ComparePieces());
  TRY_VOID(FetchPieces());
  pieces_.clear();
  packs_.clear();
  pack_numbers_.clear();
  return {};
}

// Marks the pieces that files on disk have already, from an earlier restore or from before.
Result<void> RestoreBatch::ComparePieces() {
  return Parallel(pieces_.size(), [&](std::size_t i, std::stop_token) -> Result<void> {
    Piece& piece = pieces_[i];
    Planned& file = files_[piece.file];
    if (!file.exists || HasFailed(file)) return {};
    const FilePtr fd = Open(piece.file);
    if (!fd) return Failed(piece.file, "open", errno);
    const std::uint64_t length = piece.blob.PlainLength();
    piece.present = HasContent(fd->get(), piece.offset, length, piece.blob.handle.id);
    if (piece.present) {
      --file.pending;
      meter_.AddBytes(length);
    }
    return {};
  });
}

Result<void> RestoreBatch::FetchPieces() {
  std::ranges::sort(pieces_, {}, [](const Piece& piece) {
    return std::tuple(piece.present, piece.pack, piece.blob.offset, piece.blob.handle.id,
                      piece.file, piece.offset);
  });
  const auto portions = Portions();
  std::atomic<std::size_t> next = 0;
  const auto source = [&]() -> std::optional<repo::PackReader::Portion> {
    const std::size_t number = next++;
    if (number >= portions.size()) return std::nullopt;
    return PortionOf(portions[number], number);
  };
  const auto read = [&](std::size_t, std::stop_token stop) {
    const auto deliver = [&](std::size_t number, const repo::Blob& blob, Result<ByteView> content) {
      return Deliver(blob, std::move(content), portions[number], stop);
    };
    return repository_.LoadPortions(source, deliver, stop);
  };
  return Parallel(std::min(options_.threads, portions.size()), read);
}

std::uint64_t RestoreBatch::CostOf(const Piece& piece) { return piece.blob.length + kPieceCost; }

// The pieces to be fetched, sorted, in portions of one pack each.
std::vector<std::span<const RestoreBatch::Piece>> RestoreBatch::Portions() const {
  const auto end = std::ranges::find(pieces_, true, &Piece::present);
  std::uint64_t left = 0;
  for (auto piece = pieces_.begin(); piece != end; ++piece) left += CostOf(*piece);
  std::vector<std::span<const Piece>> portions;
  for (auto first = pieces_.begin(); first != end;) {
    const std::uint64_t most = std::clamp(left / (2 * options_.threads), kMinPortion, kMaxPortion);
    std::uint64_t cost = CostOf(*first);
    auto last = std::next(first);
    // A blob that several files want is fetched once: its pieces stay together.
    while (last != end && last->pack == first->pack &&
           (last->blob.offset == std::prev(last)->blob.offset || cost + CostOf(*last) <= most))
      cost += CostOf(*last++);
    portions.emplace_back(first, last);
    left -= cost;
    first = last;
  }
  return portions;
}

repo::PackReader::Portion RestoreBatch::PortionOf(std::span<const Piece> pieces,
                                                  std::size_t number) const {
  repo::PackReader::Portion portion{packs_[pieces.front().pack], {}, number};
  for (const Piece& piece : pieces) {
    if (portion.blobs.empty() || portion.blobs.back() != piece.blob)
      portion.blobs.push_back(piece.blob);
  }
  return portion;
}

// `pieces` are all that this portion serves, by blob offset. A damaged blob may lie elsewhere, too.
Result<void> RestoreBatch::Deliver(const repo::Blob& blob, Result<ByteView> content,
                                   std::span<const Piece> pieces, std::stop_token stop) {
  if (stop.stop_requested()) return holdfast::Fail(Code::kCancelled, "the restore was stopped");
  Bytes other;
  if (!content) {
    auto loaded = repository_.LoadBlob(blob.handle, stop);
    const Code code = loaded ? Code::kInternal : loaded.error().code;
    if (!loaded && code != Code::kNotFound && code != Code::kCorrupt)
      return tl::make_unexpected(loaded.error());
    if (loaded) {
      other = *std::move(loaded);
      content = ByteView(other);
    }
  }
  {
    const std::lock_guard lock(report_mutex_);
    report_.bytes_fetched += blob.length;
    if (!content) report_.damaged = true;
  }
  const auto wanted = std::ranges::equal_range(
      pieces, blob.offset, {}, [](const Piece& piece) { return piece.blob.offset; });
  for (const Piece& piece : wanted) {
    // A false index may give one place to two blobs.
    if (piece.blob != blob) continue;
    Planned& file = files_[piece.file];
    if (!content) {
      Fail(file, content.error().message);
      --file.pending;
      continue;
    }
    --file.pending;
    TRY_VOID(file.IsWhole() ? RestoreWhole(piece.file, *content) : WritePiece(piece, *content));
  }
  return {};
}

Result<void> RestoreBatch::RestoreWhole(std::uint32_t index, ByteView content) {
  Planned& file = files_[index];
  file.finished = true;
  const Fd fd =
      OpenBeneath(target_, file.path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (!fd.valid()) return Failed(index, "create", errno);
  if (const int error = WriteNew(fd.get(), content)) return Failed(index, "write", error);
  if (options_.verify && !HasBytes(fd.get(), 0, content)) Mismatched(file);
  const std::uint64_t failures = ApplyMetadata({-1, "", fd.get()}, file.node);
  meter_.AddFiles(1);
  meter_.AddBytes(content.size());
  const std::lock_guard lock(report_mutex_);
  report_.bytes_written += content.size();
  report_.metadata_failures += failures;
  ++report_.files_written;
  return {};
}

Result<void> RestoreBatch::WritePiece(const Piece& piece, ByteView content) {
  Planned& file = files_[piece.file];
  if (HasFailed(file)) return {};
  const FilePtr fd = Open(piece.file);
  if (!fd) return Failed(piece.file, "open for writing", errno);
  const int error = WriteSparse(fd->get(), content, piece.offset, !file.exists);
  if (error != 0) return Failed(piece.file, "write", error);
  if (options_.verify && !HasBytes(fd->get(), piece.offset, content)) Mismatched(file);
  meter_.AddBytes(content.size());
  const std::lock_guard lock(files_mutex_);
  const std::lock_guard report_lock(report_mutex_);
  report_.bytes_written += content.size();
  if (!std::exchange(file.changed, true)) ++report_.files_written;
  return {};
}

void RestoreBatch::Mismatched(Planned& file) {
  const std::lock_guard lock(files_mutex_);
  const std::lock_guard report_lock(report_mutex_);
  if (!std::exchange(file.failed, true))
    report_.mismatched.Add(file.path, "differs from the snapshot when read back");
}

Result<void> RestoreBatch::FinishFile(std::uint32_t index) {
  Planned& file = files_[index];
  if (HasFailed(file) || !file.ended || file.finished) return {};
  if (file.IsWhole()) return RestoreWhole(index, {});
  meter_.AddFiles(1);
  Place place{-1, "", -1};
  Fd parent;
  FilePtr fd;
  const Split split = SplitPath(file.path);
  if (file.exists && !file.changed) {
    // Not for writing: a file that needed no change may be read-only.
    parent = OpenBeneath(target_, split.directory, O_PATH | O_DIRECTORY);
    place = {parent.get(), split.name.c_str(), -1};
  } else {
    fd = Open(index);
    if (!fd) return Failed(index, "create", errno);
    place.fd = fd->get();
  }
  CountMetadata(ApplyMetadata(place, file.node));
  Close(index);
  return {};
}

void RestoreBatch::CountMetadata(std::uint64_t failures) {
  const std::lock_guard lock(report_mutex_);
  report_.metadata_failures += failures;
}

void RestoreBatch::MakeLink(const Link& link) {
  const Split from = SplitPath(link.first);
  const Split to = SplitPath(link.path);
  const Fd from_directory = OpenBeneath(target_, from.directory, O_PATH | O_DIRECTORY);
  const Fd to_directory = OpenBeneath(target_, to.directory, O_PATH | O_DIRECTORY);
  meter_.AddFiles(1);
  if (from_directory.valid() && to_directory.valid() &&
      ::linkat(from_directory.get(), from.name.c_str(), to_directory.get(), to.name.c_str(), 0) ==
          0)
    return;
  report_.failed.Add(link.path, FromErrno("hard link to " + Printable(link.first), errno).message);
}

// Those that lock their owner out come last and in order, the deepest first: who is not root could
// not reach what lies below them any more.
Result<void> RestoreBatch::FinishDirectories() {
  const auto open_to_owner = [](const Directory& directory) {
    return (repo::PosixMode(directory.node.mode) & 0700) == 0700;
  };
  const auto closed = std::ranges::stable_partition(directories_, open_to_owner);
  const auto open = static_cast<std::size_t>(closed.begin() - directories_.begin());
  TRY_VOID(Parallel(open, [&](std::size_t i, std::stop_token) -> Result<void> {
    FinishDirectory(directories_[i]);
    return {};
  }));
  for (const Directory& directory : closed) FinishDirectory(directory);
  directories_.clear();
  return {};
}

void RestoreBatch::FinishDirectory(const Directory& directory) {
  const Fd fd = OpenBeneath(target_, directory.path, O_RDONLY | O_DIRECTORY);
  const int error = errno;
  const std::uint64_t failures = fd.valid() ? ApplyMetadata({-1, "", fd.get()}, directory.node) : 0;
  const std::lock_guard lock(report_mutex_);
  report_.metadata_failures += failures;
  if (!fd.valid()) report_.failed.Add(directory.path, FromErrno("open directory", error).message);
}

RestoreBatch::FilePtr RestoreBatch::Open(std::uint32_t index) {
  const std::lock_guard lock(files_mutex_);
  if (const auto known = open_by_file_.find(index); known != open_by_file_.end()) {
    open_.splice(open_.begin(), open_, known->second);
    return open_.front().fd;
  }
  Planned& file = files_[index];
  const int create = file.created ? 0 : O_CREAT | O_EXCL;
  Fd fd = OpenBeneath(target_, file.path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | create,
                      file.created ? 0 : 0600);
  if (!fd.valid()) return nullptr;
  if (!file.created && ::ftruncate(fd.get(), static_cast<off_t>(file.size)) != 0) return nullptr;
  file.created = true;
  if (open_.size() >= kMaxOpenFiles) {
    open_by_file_.erase(open_.back().file);
    open_.pop_back();
  }
  open_.push_front({index, std::make_shared<const Fd>(std::move(fd))});
  open_by_file_[index] = open_.begin();
  return open_.front().fd;
}

void RestoreBatch::Close(std::uint32_t index) {
  const std::lock_guard lock(files_mutex_);
  const auto known = open_by_file_.find(index);
  if (known == open_by_file_.end()) return;
  open_.erase(known->second);
  open_by_file_.erase(known);
}

Result<void> RestoreBatch::Failed(std::uint32_t index, std::string_view what, int error_number) {
  Planned& file = files_[index];
  Error error = FromErrno(Printable(file.path) + ": " + std::string(what), error_number);
  if (error.code == Code::kNoSpace) return tl::make_unexpected(std::move(error));
  Fail(file, FromErrno(what, error_number).message);
  return {};
}

void RestoreBatch::Fail(Planned& file, std::string_view reason) {
  const std::lock_guard lock(files_mutex_);
  const std::lock_guard report_lock(report_mutex_);
  if (!std::exchange(file.failed, true)) report_.failed.Add(file.path, reason);
}

bool RestoreBatch::HasFailed(const Planned& file) const {
  const std::lock_guard lock(files_mutex_);
  return file.failed;
}

}  // namespace holdfast::engine
