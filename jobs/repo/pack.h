// Packs: blobs one after the other, then a sealed header that lists them (FORMAT.md, "Packs").
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "jobs/repo/blob.h"
#include "jobs/repo/crypto.h"
#include "jobs/repo/id.h"
#include "jobs/storage/backend.h"

namespace holdfast::repo {

// Half of restic's: two packs on their way and one being filled take what one and a half of its take.
inline constexpr std::size_t kDefaultPackSize = 8 * 1024 * 1024;
// restic's bound on a header, which bounds what a hostile pack can make us read.
inline constexpr std::size_t kMaxPackHeader = 16 * 1024 * 1024;

// The header's bytes as they stand at the end of a pack, with the trailing length.
Bytes EncodePackHeader(const Key& key, std::span<const Blob> blobs);
// From the end of a pack: `tail` holds at least the header. Offsets are summed up from the first
// blob on. Corrupt when the MAC, a type, a length or the sum against `pack_size` does not fit.
Result<std::vector<Blob>> DecodePackHeader(const Key& key, ByteView tail, std::uint64_t pack_size);
// Reads a stored pack's header in one request, or two when it is long.
Result<std::vector<Blob>> ReadPackHeader(storage::Backend& storage, const Key& key, const Id& pack,
                                         std::uint64_t pack_size, std::stop_token stop);

// Blobs in a pack that we write. Tiny ones fill a pack by their number, so that neither its header
// nor the index file that lists it takes much memory.
inline constexpr std::size_t kMaxPackBlobs = 16384;

// Memory for a pack. Made new, it costs a page fault for each 4 KiB that is filled; used again,
// none.
struct PackBuffer {
  std::unique_ptr<std::uint8_t[]> bytes;
  std::size_t capacity = 0;

  static PackBuffer Make(std::size_t capacity) {
    return {std::make_unique_for_overwrite<std::uint8_t[]>(capacity), capacity};
  }
};

// A pack that is being filled in memory, by many threads at once: Reserve hands out disjoint places
// under a short lock, and each thread seals straight into its own place.
class PackWriter {
 public:
  // The buffer's capacity bounds the whole pack, at most 4 GiB; memory is touched only as it is
  // filled.
  PackWriter(BlobType type, PackBuffer buffer);
  // What a pack of one sealed blob of `length` bytes takes.
  static std::size_t CapacityFor(std::size_t length);

  // A place of `length` bytes, or nullptr when the pack is closed or has no room. Each place given
  // out must be followed by Done once it is filled.
  std::uint8_t* Reserve(const Id& id, std::uint32_t length, std::uint32_t uncompressed_length);
  // True when this was the last outstanding place of a closed pack: the caller then owns the pack.
  bool Done();
  // No more places are given out. True as for Done.
  bool Close();

  BlobType type() const { return type_; }
  // The rest is for the owner of a closed pack.
  const std::vector<Blob>& blobs() const { return blobs_; }
  // Appends the header, decoded again and compared first, so that bad memory cannot write a bad
  // pack (Internal then). The view is the whole pack; its SHA-256 is its name.
  Result<ByteView> Finish(const Key& key);
  // Ends the pack's life; its memory may serve another.
  PackBuffer TakeBuffer() { return std::move(buffer_); }

 private:
  const BlobType type_;
  PackBuffer buffer_;
  std::mutex mutex_;
  std::size_t size_ = 0;
  std::size_t filling_ = 0;
  bool closed_ = false;
  std::vector<Blob> blobs_;
};

}  // namespace holdfast::repo
