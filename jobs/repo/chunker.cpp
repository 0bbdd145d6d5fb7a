#include "jobs/repo/chunker.h"

#include <algorithm>
#include <utility>

namespace holdfast::repo {

Chunker::Chunker(std::shared_ptr<const CutSearch> search) : search_(std::move(search)) {}

void Chunker::Reset() { size_ = 0; }

void Chunker::Remember(ByteView fed) {
  const auto fresh = static_cast<std::ptrdiff_t>(std::min(fed.size(), kChunkWindow));
  std::copy(window_.begin() + fresh, window_.end(), window_.begin());
  std::copy(fed.end() - fresh, fed.end(), window_.end() - fresh);
}

// Windows that end in the first 64 bytes of the piece begin in what was fed before it.
std::optional<std::size_t> Chunker::FindCut(ByteView piece, std::size_t begin) const {
  const std::size_t seam = std::min(piece.size(), kChunkWindow);
  if (begin < seam) {
    std::array<std::uint8_t, 2 * kChunkWindow> joined;
    std::ranges::copy(window_, joined.begin());
    std::ranges::copy(piece.first(seam), joined.begin() + kChunkWindow);
    const auto cut = search_->Find(joined.data(), kChunkWindow + begin, kChunkWindow + seam);
    if (cut) return *cut - kChunkWindow;
  }
  return search_->Find(piece.data(), std::max(begin, seam), piece.size());
}

std::optional<std::size_t> Chunker::Next(ByteView piece) {
  piece = piece.first(std::min(piece.size(), kMaxChunk - size_));
  // No chunk is smaller than kMinChunk, so its first bytes are not looked at: a third of all.
  const std::size_t begin = size_ + 1 < kMinChunk ? kMinChunk - 1 - size_ : 0;
  if (const auto cut = FindCut(piece, begin)) {
    Reset();
    return cut;
  }
  size_ += piece.size();
  if (size_ == kMaxChunk) {
    Reset();
    return piece.size();
  }
  Remember(piece);
  return std::nullopt;
}

}  // namespace holdfast::repo
