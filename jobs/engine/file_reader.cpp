#include "jobs/engine/file_reader.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <unistd.h>

namespace holdfast::engine {
namespace {

// Large enough to make the system call's cost vanish, small enough to stay in the cache between
// reading, chunking and hashing.
constexpr std::size_t kReadSize = 512 * 1024;

ssize_t ReadSome(int fd, std::uint8_t* to, std::size_t size) {
  ssize_t length = -1;
  do {
    length = ::read(fd, to, size);
  } while (length < 0 && errno == EINTR);
  return length;
}

}  // namespace

FileReader::FileReader(std::shared_ptr<const repo::CutSearch> search)
    : chunker_(std::move(search)), buffer_(repo::kMaxChunk + kReadSize) {}

Result<FileReader::Outcome> FileReader::ReadChunks(
    int fd, const std::function<Result<void>(ByteView)>& visit, std::stop_token stop) {
  chunker_.Reset();
  Outcome outcome;
  std::size_t filled = 0;  // bytes of the current chunk in the buffer
  while (true) {
    if (stop.stop_requested()) return Fail(Code::kCancelled, "stopped while reading files");
    const ssize_t length = ReadSome(fd, buffer_.data() + filled, kReadSize);
    if (length < 0) {
      outcome.read_errno = errno;
      return outcome;
    }
    if (length == 0) break;
    outcome.bytes += static_cast<std::uint64_t>(length);

    const std::size_t end = filled + static_cast<std::size_t>(length);
    std::size_t start = 0;  // of the current chunk
    std::size_t fed = filled;
    while (const auto cut = chunker_.Next(ByteView(buffer_).subspan(fed, end - fed))) {
      fed += *cut;
      TRY_VOID(visit(ByteView(buffer_).subspan(start, fed - start)));
      start = fed;
      if (fed == end) break;
    }
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(start),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end), buffer_.begin());
    filled = end - start;
  }
  if (filled != 0) TRY_VOID(visit(ByteView(buffer_).first(filled)));
  return outcome;
}

}  // namespace holdfast::engine
