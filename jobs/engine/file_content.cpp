#include "jobs/engine/file_content.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "base/hash.h"

namespace holdfast::engine {
namespace {

// The block of every common file system: a hole of less frees nothing.
constexpr std::size_t kBlock = 4096;
// Stays in the processor's cache together with what it is compared with.
constexpr std::size_t kCompareSize = 128 * 1024;

bool AllZero(ByteView bytes) {
  return bytes.front() == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

// Makes zeros of what is there. Not every file system can do it without writing them.
int PunchHole(int fd, ByteView zeros, std::uint64_t offset) {
  const int done = ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                               static_cast<off_t>(offset), static_cast<off_t>(zeros.size()));
  return done == 0 ? 0 : WriteAll(fd, zeros, offset);
}

// Reads by pieces and hands each to `visit`, until it returns false. False also when not all of it
// can be read.
template <typename Visit>
bool ReadPieces(int fd, std::uint64_t offset, std::uint64_t length, const Visit& visit) {
  thread_local Bytes buffer(kCompareSize);
  while (length != 0) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(length, buffer.size()));
    const ssize_t got = ::pread(fd, buffer.data(), wanted, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || !visit(ByteView(buffer).first(static_cast<std::size_t>(got)))) return false;
    offset += static_cast<std::uint64_t>(got);
    length -= static_cast<std::uint64_t>(got);
  }
  return true;
}

}  // namespace

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

int WriteSparse(int fd, ByteView bytes, std::uint64_t offset, bool fresh) {
  // From `at`, up to where blocks of zeros begin or end.
  const auto run_from = [&](std::size_t at, bool zeros) {
    while (at < bytes.size()) {
      const std::size_t block = std::min(bytes.size() - at, kBlock - (offset + at) % kBlock);
      if ((block == kBlock && AllZero(bytes.subspan(at, block))) != zeros) break;
      at += block;
    }
    return at;
  };
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t zeros = run_from(at, false);
    if (const int error = WriteAll(fd, bytes.subspan(at, zeros - at), offset + at)) return error;
    at = run_from(zeros, true);
    if (fresh || at == zeros) continue;
    if (const int error = PunchHole(fd, bytes.subspan(zeros, at - zeros), offset + zeros))
      return error;
  }
  return 0;
}

int WriteNew(int fd, ByteView content) {
  if (const int error = WriteSparse(fd, content, 0, true)) return error;
  const bool ends_in_hole =
      !content.empty() && content.size() % kBlock == 0 && AllZero(content.last(kBlock));
  if (ends_in_hole && ::ftruncate(fd, static_cast<off_t>(content.size())) != 0) return errno;
  return 0;
}

bool HasContent(int fd, std::uint64_t offset, std::uint64_t length, const repo::Id& id) {
  Sha256Stream hash;
  const auto add = [&](ByteView piece) {
    hash.Update(piece);
    return true;
  };
  return ReadPieces(fd, offset, length, add) && hash.Finish() == id.bytes;
}

bool HasBytes(int fd, std::uint64_t offset, ByteView bytes) {
  return ReadPieces(fd, offset, bytes.size(), [&](ByteView piece) {
    const bool same = std::memcmp(piece.data(), bytes.data(), piece.size()) == 0;
    bytes = bytes.subspan(piece.size());
    return same;
  });
}

}  // namespace holdfast::engine
