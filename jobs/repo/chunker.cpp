#include "jobs/repo/chunker.h"

#include <algorithm>
#include <cstring>

namespace holdfast::repo {
namespace {

constexpr int kShift = kPolynomialDegree - 8;
constexpr std::uint64_t kCutMask = (1ULL << 20) - 1;  // one MiB on average
// The fingerprint depends on the last 64 bytes only, so nothing before them needs hashing.
constexpr std::size_t kHashFrom = kMinChunk - kChunkWindow;

std::uint64_t Append(std::uint64_t digest, std::uint8_t byte, const ChunkerTables& tables) {
  const std::uint64_t top = digest >> kShift;
  return ((digest << 8) | byte) ^ tables.mod[top];
}

std::uint64_t Slide(std::uint64_t digest, std::uint8_t out, std::uint8_t in,
                    const ChunkerTables& tables) {
  return Append(digest ^ tables.out[out], in, tables);
}

}  // namespace

std::shared_ptr<const ChunkerTables> ChunkerTables::For(Polynomial polynomial) {
  auto tables = std::make_shared<ChunkerTables>();
  for (std::uint64_t byte = 0; byte < 256; ++byte) {
    const Polynomial above = byte << kPolynomialDegree;
    tables->mod[byte] = Mod(above, polynomial) | above;

    Polynomial hash = Mod(byte, polynomial);
    for (std::size_t i = 1; i < kChunkWindow; ++i) hash = Mod(hash << 8, polynomial);
    tables->out[byte] = hash;
  }
  return tables;
}

Chunker::Chunker(std::shared_ptr<const ChunkerTables> tables) : tables_(std::move(tables)) {}

void Chunker::Reset() {
  size_ = 0;
  digest_ = 0;
  window_.fill(0);
}

// How many of the next bytes lie before the first hashed one.
std::size_t Chunker::Skip(std::size_t available) {
  const std::size_t skip = size_ < kHashFrom ? std::min(kHashFrom - size_, available) : 0;
  size_ += skip;
  return skip;
}

void Chunker::Remember(ByteView fed) {
  const std::size_t fresh = std::min(fed.size(), kChunkWindow);
  std::copy(window_.begin() + static_cast<std::ptrdiff_t>(fresh), window_.end(), window_.begin());
  std::ranges::copy(fed.last(fresh), window_.end() - static_cast<std::ptrdiff_t>(fresh));
}

std::optional<std::size_t> Chunker::Next(ByteView piece) {
  const std::size_t start = Skip(piece.size());
  const std::size_t end = start + std::min(piece.size() - start, kMaxChunk - size_);
  const ChunkerTables& tables = *tables_;
  std::uint64_t digest = digest_;

  const auto cut_at = [&](std::size_t at) {
    Reset();
    return at;
  };
  // Bytes slide out of the remembered window first, then out of the piece itself.
  std::size_t at = start;
  for (; at < end && at - start < kChunkWindow; ++at) {
    digest = Slide(digest, window_[at - start], piece[at], tables);
    if ((digest & kCutMask) == 0 && size_ + (at - start) + 1 >= kMinChunk) return cut_at(at + 1);
  }
  // A whole window lies behind: the chunk has at least kMinChunk bytes from here on.
  for (; at < end; ++at) {
    digest = Slide(digest, piece[at - kChunkWindow], piece[at], tables);
    if ((digest & kCutMask) == 0) return cut_at(at + 1);
  }

  size_ += end - start;
  if (size_ == kMaxChunk) return cut_at(end);
  digest_ = digest;
  Remember(piece.subspan(start, end - start));
  return std::nullopt;
}

}  // namespace holdfast::repo
