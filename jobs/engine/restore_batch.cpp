#include "jobs/engine/restore_batch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "jobs/engine/directory.h"
#include "jobs/engine/metadata.h"

namespace holdfast::engine {
namespace {

// 64 Ki pieces of 1 MiB on average are 64 GiB of a large file in one round, for 6 MiB of memory.
constexpr std::size_t kMaxPieces = 64 * 1024;
constexpr std::size_t kMaxEntries = 8 * 1024;
constexpr std::size_t kMaxOpenFiles = 128;
// The block of every common file system: a hole of less frees nothing.
constexpr std::size_t kBlock = 4096;
constexpr std::size_t kCompareSize = 256 * 1024;

bool AllZero(ByteView bytes) {
  return bytes.front() == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

// 0 or an errno.
int WriteAll(int fd, ByteView bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return 0;
}

// Writes the parts that are not zero into a file that is one hole so far; whole blocks of zeros
// stay holes.
int WriteSparse(int fd, ByteView bytes, std::uint64_t offset) {
  std::size_t start = 0;  // of what is still to be written
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t block = std::min(bytes.size() - at, kBlock - (offset + at) % kBlock);
    if (block == kBlock && AllZero(bytes.subspan(at, block))) {
      if (const int error = WriteAll(fd, bytes.subspan(start, at - start), offset + start))
        return error;
      start = at + block;
    }
    at += block;
  }
  return WriteAll(fd, bytes.subspan(start), offset + start);
}

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

bool HasContent(int fd, std::uint64_t offset, std::uint64_t length, const repo::Id& id) {
  thread_local Bytes buffer(kCompareSize);
  Sha256Stream hash;
  while (length != 0) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(length, buffer.size()));
    const ssize_t got = ::pread(fd, buffer.data(), wanted, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    hash.Update(ByteView(buffer).first(static_cast<std::size_t>(got)));
    offset += static_cast<std::uint64_t>(got);
    length -= static_cast<std::uint64_t>(got);
  }
  return hash.Finish() == id.bytes;
}

RestoreBatch::RestoreBatch(repo::Repository& repository, int target, bool verify, Meter& meter,
                           RestoreReport& report, std::stop_token stop)
    : repository_(repository),
      target_(target),
      verify_(verify),
      meter_(meter),
      report_(report),
      stop_(std::move(stop)) {}

void RestoreBatch::StartFile(File file) {
  Planned planned;
  static_cast<File&>(planned) = std::move(file);
  planned.node.content.reset();
  planned.created = planned.exists;
  files_.push_back(std::move(planned));
}

Result<void> RestoreBatch::AddPiece(const repo::PackedBlob& place, std::uint64_t offset) {
  if (files_.back().failed) return {};
  const auto [known, added] =
      pack_numbers_.try_emplace(place.pack, static_cast<std::uint32_t>(packs_.size()));
  if (added) packs_.push_back(place.pack);
  pieces_.push_back(
      {known->second, static_cast<std::uint32_t>(files_.size() - 1), offset, place.blob});
  ++files_.back().pending;
  if (pieces_.size() >= kMaxPieces) return FlushPieces();
  return {};
}

void RestoreBatch::FailFile(std::string_view reason) { Fail(files_.back(), reason); }

void RestoreBatch::EndFile() { files_.back().ended = true; }

void RestoreBatch::AddLink(std::string first, std::string path) {
  links_.push_back({std::move(first), std::move(path)});
}

void RestoreBatch::AddDirectory(std::string path, repo::Node node) {
  directories_.push_back({std::move(path), std::move(node)});
}

bool RestoreBatch::full() const {
  return files_.size() + links_.size() + directories_.size() >= kMaxEntries;
}

Result<void> RestoreBatch::Flush() {
  TRY_VOID(FlushPieces());
  for (std::uint32_t i = 0; i < files_.size(); ++i) TRY_VOID(FinishFile(i));
  open_by_file_.clear();
  open_.clear();
  files_.clear();
  for (const Link& link : links_) MakeLink(link);
  links_.clear();
  for (const Directory& directory : directories_) FinishDirectory(directory);
  directories_.clear();
  return {};
}

Result<void> RestoreBatch::FlushPieces() {
  std::ranges::sort(pieces_, {}, [](const Piece& piece) {
    return std::tuple(piece.pack, piece.blob.offset, piece.file, piece.offset);
  });
  for (auto first = pieces_.begin(); first != pieces_.end();) {
    const auto last = std::find_if(first, pieces_.end(),
                                   [&](const Piece& piece) { return piece.pack != first->pack; });
    TRY_VOID(FetchPack(packs_[first->pack], std::span(first, last)));
    first = last;
  }
  if (verify_) VerifyPieces();
  pieces_.clear();
  packs_.clear();
  pack_numbers_.clear();
  return {};
}

Result<void> RestoreBatch::FetchPack(const repo::Id& pack, std::span<const Piece> pieces) {
  std::vector<repo::Blob> blobs;
  for (const Piece& piece : pieces) {
    if (blobs.empty() || blobs.back().offset != piece.blob.offset) blobs.push_back(piece.blob);
  }
  std::size_t delivered = 0;
  const auto read = repository_.LoadBlobs(
      pack, blobs,
      [&](const repo::Blob& blob, Result<Bytes> content) {
        ++delivered;
        return Deliver(blob, std::move(content), pieces);
      },
      stop_);
  if (read) return {};
  // A pack that is gone or cut short: its blobs may lie in others too.
  const Code code = read.error().code;
  if (delivered != 0 || (code != Code::kNotFound && code != Code::kCorrupt)) return read;
  for (const repo::Blob& blob : blobs)
    TRY_VOID(Deliver(blob, tl::make_unexpected(read.error()), pieces));
  return {};
}

// `pieces` are all that this pack serves, by blob offset.
Result<void> RestoreBatch::Deliver(const repo::Blob& blob, Result<Bytes> content,
                                   std::span<const Piece> pieces) {
  if (stop_.stop_requested()) return holdfast::Fail(Code::kCancelled, "the restore was stopped");
  report_.bytes_fetched += blob.length;
  if (!content) content = repository_.LoadBlob(blob.handle, stop_);
  const Code code = content ? Code::kInternal : content.error().code;
  if (!content && code != Code::kNotFound && code != Code::kCorrupt)
    return tl::make_unexpected(content.error());
  const auto wanted = std::ranges::equal_range(
      pieces, blob.offset, {}, [](const Piece& piece) { return piece.blob.offset; });
  for (const Piece& piece : wanted) {
    --files_[piece.file].pending;
    if (content) {
      TRY_VOID(WritePiece(piece, *content));
    } else {
      report_.damaged = true;
      Fail(files_[piece.file], content.error().message);
    }
  }
  return {};
}

Result<void> RestoreBatch::WritePiece(const Piece& piece, ByteView content) {
  Planned& file = files_[piece.file];
  if (file.failed) return {};
  const int fd = Open(piece.file);
  if (fd < 0) return Failed(piece.file, "open for writing", errno);
  const int error =
      file.exists ? WriteAll(fd, content, piece.offset) : WriteSparse(fd, content, piece.offset);
  if (error != 0) return Failed(piece.file, "write", error);
  report_.bytes_written += content.size();
  meter_.AddBytes(content.size());
  return {};
}

void RestoreBatch::VerifyPieces() {
  std::ranges::sort(pieces_, {},
                    [](const Piece& piece) { return std::tuple(piece.file, piece.offset); });
  for (const Piece& piece : pieces_) {
    Planned& file = files_[piece.file];
    if (file.failed) continue;
    const int fd = Open(piece.file);
    if (fd >= 0 && HasContent(fd, piece.offset, piece.blob.PlainLength(), piece.blob.handle.id))
      continue;
    file.failed = true;
    report_.mismatched.Add(file.path, "differs from the snapshot when read back");
  }
}

Result<void> RestoreBatch::FinishFile(std::uint32_t index) {
  Planned& file = files_[index];
  if (file.failed || !file.ended) return {};
  meter_.AddFiles(1);
  Place place{-1, "", -1};
  Fd parent;
  const Split split = SplitPath(file.path);
  if (file.created && !open_by_file_.contains(index)) {
    // Not for writing: a file that needed no change may be read-only.
    parent = OpenBeneath(target_, split.directory, O_PATH | O_DIRECTORY);
    place = {parent.get(), split.name.c_str(), -1};
  } else {
    place.fd = Open(index);
    if (place.fd < 0) return Failed(index, "create", errno);
  }
  report_.metadata_failures += ApplyMetadata(place, file.node);
  Close(index);
  return {};
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

void RestoreBatch::FinishDirectory(const Directory& directory) {
  const Fd fd = OpenBeneath(target_, directory.path, O_RDONLY | O_DIRECTORY);
  if (!fd.valid()) {
    report_.failed.Add(directory.path, FromErrno("open directory", errno).message);
    return;
  }
  report_.metadata_failures += ApplyMetadata({-1, "", fd.get()}, directory.node);
}

int RestoreBatch::Open(std::uint32_t index) {
  if (const auto known = open_by_file_.find(index); known != open_by_file_.end()) {
    open_.splice(open_.begin(), open_, known->second);
    return open_.front().fd.get();
  }
  Planned& file = files_[index];
  const int create = file.created ? 0 : O_CREAT | O_EXCL;
  Fd fd = OpenBeneath(target_, file.path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | create,
                      file.created ? 0 : 0600);
  if (!fd.valid()) return -1;
  if (!file.created && ::ftruncate(fd.get(), static_cast<off_t>(file.size)) != 0) return -1;
  if (!file.created) ++report_.files_written;
  file.created = true;
  if (open_.size() >= kMaxOpenFiles) Close(open_.back().file);
  open_.push_front({index, std::move(fd)});
  open_by_file_[index] = open_.begin();
  return open_.front().fd.get();
}

void RestoreBatch::Close(std::uint32_t index) {
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
  if (!std::exchange(file.failed, true)) report_.failed.Add(file.path, reason);
}

}  // namespace holdfast::engine
