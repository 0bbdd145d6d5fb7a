// Content-defined chunks: cuts where the Rabin fingerprint of the last 64 bytes ends in 20 zero
// bits, exactly where restic cuts (FORMAT.md, "Chunks").
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "jobs/repo/polynomial.h"

namespace holdfast::repo {

inline constexpr std::size_t kChunkWindow = 64;
inline constexpr std::size_t kMinChunk = 512 * 1024;
inline constexpr std::size_t kMaxChunk = 8 * 1024 * 1024;

// What the loop looks up, computed once per polynomial (about 30 us) and shared by all chunkers.
struct ChunkerTables {
  std::array<std::uint64_t, 256> out;  // fingerprint of the byte followed by 63 zeros
  std::array<std::uint64_t, 256> mod;  // cancels the byte above the degree and adds its remainder

  static std::shared_ptr<const ChunkerTables> For(Polynomial polynomial);
};

// The state of one stream, fed piece by piece from the caller's own buffers; nothing is copied but
// the last 64 bytes of a piece. Not for use from two threads at once.
class Chunker {
 public:
  explicit Chunker(std::shared_ptr<const ChunkerTables> tables);

  // The number of leading bytes of `piece` with which the current chunk ends (1 or more), and the
  // next call starts a new chunk; or nullopt when the chunk goes on beyond the piece. Larger
  // pieces are faster; the cuts do not depend on how the stream is divided.
  std::optional<std::size_t> Next(ByteView piece);

  // Forgets the current chunk, for the next file.
  void Reset();
  // Bytes of the current chunk so far; at the end of a stream what is left is the last chunk.
  std::size_t size() const { return size_; }

 private:
  std::size_t Skip(std::size_t available);
  void Remember(ByteView fed);

  std::shared_ptr<const ChunkerTables> tables_;
  std::size_t size_ = 0;
  std::uint64_t digest_ = 0;
  std::array<std::uint8_t, kChunkWindow> window_{};  // the last bytes fed, oldest first
};

}  // namespace holdfast::repo
