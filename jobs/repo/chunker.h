// Content-defined chunks: cuts where the Rabin fingerprint of the last 64 bytes ends in 20 zero
// bits, exactly where restic cuts (FORMAT.md, "Chunks").
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "jobs/repo/cut_search.h"

namespace holdfast::repo {

inline constexpr std::size_t kMinChunk = 512 * 1024;
inline constexpr std::size_t kMaxChunk = 8 * 1024 * 1024;

// The state of one stream, fed piece by piece from the caller's own buffers; nothing is copied but
// the last 64 bytes of a piece. Not for use from two threads at once.
class Chunker {
 public:
  explicit Chunker(std::shared_ptr<const CutSearch> search);

  // The number of leading bytes of `piece` with which the current chunk ends (1 or more), and the
  // next call starts a new chunk; or nullopt when the chunk goes on beyond the piece. Larger
  // pieces are faster; the cuts do not depend on how the stream is divided.
  std::optional<std::size_t> Next(ByteView piece);

  // Forgets the current chunk, for the next file.
  void Reset();
  // Bytes of the current chunk so far; at the end of a stream what is left is the last chunk.
  std::size_t size() const { return size_; }

 private:
  std::optional<std::size_t> FindCut(ByteView piece, std::size_t begin) const;
  void Remember(ByteView fed);

  std::shared_ptr<const CutSearch> search_;
  std::size_t size_ = 0;
  std::array<std::uint8_t, kChunkWindow> window_{};  // the last bytes fed, oldest first
};

}  // namespace holdfast::repo
