// Blobs: the pieces of files and the trees, compressed and sealed one by one (FORMAT.md, "Blobs").
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "jobs/repo/crypto.h"
#include "jobs/repo/id.h"

namespace holdfast::repo {

enum class BlobType : std::uint8_t { kData = 0, kTree = 1 };

// "data" or "tree", as index files spell them.
std::string_view BlobTypeName(BlobType type);

// Names a blob: data and trees are separate name spaces.
struct BlobHandle {
  BlobType type = BlobType::kData;
  Id id;

  friend auto operator<=>(const BlobHandle&, const BlobHandle&) = default;
};

// "tree 1a2b3c4d", for messages.
std::string Describe(const BlobHandle& handle);

// A blob's place in its pack.
struct Blob {
  BlobHandle handle;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;               // as stored, with kSealOverhead
  std::uint32_t uncompressed_length = 0;  // 0: stored uncompressed

  // Bytes of content this blob claims to have.
  std::uint64_t PlainLength() const;

  friend bool operator==(const Blob&, const Blob&) = default;
};

// Blobs above this are not read: restic's largest data chunk is 8 MiB, a tree of a million files
// about 500 MiB.
inline constexpr std::uint64_t kMaxBlobSize = 1ULL << 30;

enum class Compression {
  kOff,   // data stays as it is; trees and JSON are compressed all the same, as restic does
  kAuto,  // zstd, as fast as the rest of the work: see blob.cpp
  kMax,   // zstd level 12, slower by twenty times for a few percent
};

// Compresses into a buffer that belongs to the calling thread and is valid until its next call
// here. Empty when compression would not make the content smaller.
ByteView Compress(ByteView content, Compression compression);

// Corrupt unless `frame` is zstd of exactly `size` bytes; never allocates more than `size`, which
// the caller has bounded.
Result<Bytes> Decompress(ByteView frame, std::uint64_t size);

// The same for content of unknown size: Corrupt beyond `limit`.
Result<Bytes> DecompressUpTo(ByteView frame, std::uint64_t limit);

// Memory that is used again and grows when need be. Made new, it costs a page fault for each 4 KiB
// that is filled; used again, none.
class ReusedBuffer {
 public:
  // `size` bytes of anything. Ends what was handed out before.
  std::span<std::uint8_t> Take(std::size_t size);

 private:
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t capacity_ = 0;
};

// Opens and decompresses; whether the content has the blob's id remains to be seen. The content
// lies in `sealed`, which is overwritten, or in `buffer`. Corrupt, naming the blob, when anything
// does not fit; sizes are checked before memory is taken.
Result<ByteView> UnsealBlob(const Key& key, const Blob& blob, std::span<std::uint8_t> sealed,
                            ReusedBuffer& buffer);
// Corrupt unless `id`, which the content has, is the blob's.
Result<void> RequireId(const Blob& blob, const Id& id);

// All of that.
Result<Bytes> OpenBlob(const Key& key, const Blob& blob, std::span<std::uint8_t> sealed);

}  // namespace holdfast::repo
