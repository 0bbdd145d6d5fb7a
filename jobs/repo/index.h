// Which blob lies where: index files, and the compact table of all of them (FORMAT.md, "Index").
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "jobs/repo/blob.h"
#include "jobs/repo/id.h"

namespace holdfast::repo {

struct PackedBlob {
  Id pack;
  Blob blob;

  friend bool operator==(const PackedBlob&, const PackedBlob&) = default;
};

// One pack as an index file lists it.
struct PackEntry {
  Id id;
  std::vector<Blob> blobs;
};

// The JSON of an index file, without its envelope.
std::string EncodeIndex(std::span<const PackEntry> packs, std::span<const Id> supersedes = {});

// Reads an index file without building a document; `visit` is called once per pack, in the file's
// order. Returns the ids under "supersedes". Corrupt when malformed; an Error from `visit` ends it.
Result<std::vector<Id>> DecodeIndex(ByteView text,
                                    const std::function<Result<void>(PackEntry&&)>& visit);

// All blobs the repository knows, in about 48 bytes each (46 and the pack's share of its id).
//
// Ids are spread over 65536 buckets by their first two bytes, which are therefore not stored; each
// bucket is a list of sorted blocks, one for every 32 blobs. Safe from many threads; a lock covers
// 1/32 of the buckets.
class Index {
 public:
  Index();
  ~Index();
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  // Adds a stored pack. A blob may lie in several packs; the same blob of the same pack again is
  // ignored. Blobs claimed with Claim become visible to Lookup.
  void Add(const PackEntry& pack);

  // True when nobody has the blob yet; it is then the caller's to store and to Add, and every
  // other Claim for it says false, also while it is still on its way.
  bool Claim(const BlobHandle& handle);
  // Gives a claim back after a failure.
  void Abandon(const BlobHandle& handle);

  // Known and stored, or claimed.
  bool Has(const BlobHandle& handle) const;
  // A stored place of the blob; nullopt when unknown or not stored yet.
  std::optional<PackedBlob> Lookup(const BlobHandle& handle) const;
  // All its stored places; more than one after interrupted work or two writers at once.
  std::vector<PackedBlob> LookupAll(const BlobHandle& handle) const;

  // Visits every stored blob, in the order of ids. `visit` must not call back into the index.
  void ForEach(const std::function<void(const PackedBlob&)>& visit) const;
  // The same, pack by pack, blobs by offset; takes about 8 bytes a blob meanwhile.
  void ForEachPack(const std::function<void(const PackEntry&)>& visit) const;

  std::size_t blob_count() const;  // stored and claimed
  std::size_t pack_count() const;
  // Bytes allocated for all of it, without the allocator's own overhead.
  std::size_t MemoryUse() const;
  // Forgets everything. Nobody may use the index meanwhile.
  void Clear();
  // Gives back the slack of growing; after loading.
  void ShrinkToFit();

 private:
  struct Bucket;
  struct Entry;
  static constexpr std::size_t kBuckets = 65536;
  // Below 64: the most locks that ThreadSanitizer lets one thread hold.
  static constexpr std::size_t kStripes = 32;

  Bucket& BucketOf(const Id& id) const;
  std::shared_mutex& LockOf(std::size_t bucket) const;
  std::uint32_t PackNumber(const Id& id);
  PackedBlob Unpack(std::size_t bucket, const Entry& entry) const;

  std::unique_ptr<Bucket[]> buckets_;
  mutable std::array<std::shared_mutex, kStripes> locks_;
  mutable std::shared_mutex packs_mutex_;
  std::vector<Id> packs_;
  std::vector<std::uint32_t> pack_slots_;  // open addressing into packs_, by number + 1
};

}  // namespace holdfast::repo
