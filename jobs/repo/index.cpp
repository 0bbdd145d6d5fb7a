#include "jobs/repo/index.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <type_traits>

namespace holdfast::repo {
namespace {

constexpr std::size_t kPrefix = 2;  // bytes of an id that name its bucket
constexpr std::size_t kSuffix = Id::kSize - kPrefix;
constexpr std::uint32_t kClaimed = UINT32_MAX;  // the pack number of a blob that is on its way
constexpr std::uint32_t kTreeBit = 1U << 31;    // in a length, which is below kMaxBlobSize

// A number without alignment, so that entries have no padding.
class Packed32 {
 public:
  Packed32() = default;
  Packed32(std::uint32_t value) { std::memcpy(bytes_.data(), &value, sizeof(value)); }
  operator std::uint32_t() const {
    std::uint32_t value;
    std::memcpy(&value, bytes_.data(), sizeof(value));
    return value;
  }

 private:
  std::array<std::uint8_t, 4> bytes_{};
};

std::size_t BucketNumber(const Id& id) { return std::size_t{id.bytes[0]} << 8 | id.bytes[1]; }

std::size_t SlotCount(std::size_t packs) {
  std::size_t slots = 16;
  while (slots < 2 * packs) slots *= 2;
  return slots;
}

}  // namespace

struct Index::Entry {
  std::array<std::uint8_t, kSuffix> suffix;
  Packed32 pack;  // number in packs_, or kClaimed
  Packed32 offset;
  Packed32 length;  // with kTreeBit
  Packed32 uncompressed_length;

  BlobType type() const { return (length & kTreeBit) != 0 ? BlobType::kTree : BlobType::kData; }

  static auto IsOf(BlobType type) {
    return [type](const Entry& entry) { return entry.type() == type; };
  }

  int Compare(const Id& id) const {
    return std::memcmp(suffix.data(), id.bytes.data() + kPrefix, kSuffix);
  }

  static Entry Of(const Blob& blob, std::uint32_t pack) {
    Entry entry;
    std::copy(blob.handle.id.bytes.begin() + kPrefix, blob.handle.id.bytes.end(),
              entry.suffix.begin());
    entry.pack = pack;
    entry.offset = blob.offset;
    entry.length = blob.length | (blob.handle.type == BlobType::kTree ? kTreeBit : 0);
    entry.uncompressed_length = blob.uncompressed_length;
    return entry;
  }
};

// Entries in blocks, each sorted by id; those of one id in no order. A block that is full is never
// moved, and all full ones have the same size: an array that grows by being copied leaves holes in
// the heap that nothing else fits into, half as much again as what is kept.
struct Index::Bucket {
  static constexpr std::uint32_t kBlock = 32;
  static constexpr std::uint32_t kStep = 4;  // 92 bytes of slack in each bucket on average
  struct Full {
    std::array<Entry, kBlock> entries;
    std::unique_ptr<Full> older;
  };

  struct Free {
    void operator()(Entry* entries) const { std::free(entries); }
  };

  std::unique_ptr<Entry[], Free> newest;  // not empty while there are full ones
  std::uint32_t count = 0;                // in the newest
  std::uint32_t capacity = 0;
  std::unique_ptr<Full> full;

  std::span<Entry> Newest() { return {newest.get(), count}; }

  // Calls `visit` with each block until it returns true.
  template <typename Visit>
  bool AnyBlock(const Visit& visit) {
    if (visit(Newest())) return true;
    for (Full* block = full.get(); block != nullptr; block = block->older.get())
      if (visit(std::span<Entry>(block->entries))) return true;
    return false;
  }
  template <typename Visit>
  void ForEach(const Visit& visit) {
    AnyBlock([&](std::span<Entry> block) {
      std::ranges::for_each(block, visit);
      return false;
    });
  }

  static Entry* PlaceIn(std::span<Entry> block, const Id& id) {
    return std::to_address(std::partition_point(
        block.begin(), block.end(), [&](const Entry& entry) { return entry.Compare(id) < 0; }));
  }

  // The first entry of the id that `wanted` accepts.
  template <typename Wanted>
  Entry* FindIf(const Id& id, const Wanted& wanted) {
    Entry* found = nullptr;
    AnyBlock([&](std::span<Entry> block) {
      Entry* const end = block.data() + block.size();
      for (Entry* at = PlaceIn(block, id); at != end && at->Compare(id) == 0; ++at)
        if (wanted(*at)) {
          found = at;
          return true;
        }
      return false;
    });
    return found;
  }
  Entry* Find(const BlobHandle& handle, std::uint32_t pack) {
    return FindIf(handle.id, [&](const Entry& entry) {
      return entry.type() == handle.type && entry.pack == pack;
    });
  }

  // In place where the heap allows: a move leaves a hole.
  void Resize(std::uint32_t size) {
    static_assert(std::is_trivially_copyable_v<Entry>);
    void* const resized = std::realloc(newest.get(), size * sizeof(Entry));
    if (resized == nullptr) throw std::bad_alloc();
    static_cast<void>(newest.release());
    newest.reset(static_cast<Entry*>(resized));
    capacity = size;
  }

  void Insert(const Id& id, const Entry& entry) {
    if (count == kBlock) Close();
    if (count == capacity) Resize(std::min(kBlock, capacity + kStep));
    Entry* const at = PlaceIn(Newest(), id);
    Entry* const end = newest.get() + count;
    std::copy_backward(at, end, end + 1);
    *at = entry;
    ++count;
  }

  void Close() {
    auto block = std::make_unique_for_overwrite<Full>();
    std::copy_n(newest.get(), kBlock, block->entries.data());
    block->older = std::move(full);
    full = std::move(block);
    newest.reset();
    count = capacity = 0;
  }

  void Reopen() {
    Resize(kBlock);
    std::ranges::copy(full->entries, newest.get());
    count = kBlock;
    full = std::move(full->older);
  }

  // A full block stays full: the newest gives it its last.
  void Erase(const Entry* entry) {
    AnyBlock([&](std::span<Entry> block) {
      const auto at = std::ranges::find_if(block, [&](Entry& e) { return &e == entry; });
      if (at == block.end()) return false;
      std::copy(at + 1, block.end(), at);
      if (block.data() != newest.get()) {
        const Entry last = newest[count - 1];
        Entry* const end = block.data() + block.size() - 1;
        Entry* const place = std::find_if(block.data(), end, [&](const Entry& e) {
          return std::memcmp(e.suffix.data(), last.suffix.data(), kSuffix) > 0;
        });
        std::copy_backward(place, end, end + 1);
        *place = last;
      }
      return true;
    });
    if (--count == 0 && full) Reopen();
  }

  std::size_t Count() const {
    std::size_t entries = count;
    for (const Full* block = full.get(); block != nullptr; block = block->older.get())
      entries += kBlock;
    return entries;
  }

  // In the order of ForEach.
  const Entry& At(std::uint32_t number) const {
    if (number < count) return newest[number];
    const Full* block = full.get();
    for (number -= count; number >= kBlock; number -= kBlock) block = block->older.get();
    return block->entries[number];
  }
};

Index::Index() : buckets_(std::make_unique<Bucket[]>(kBuckets)) {
  static_assert(sizeof(Entry) == 46);
}
Index::~Index() = default;

Index::Bucket& Index::BucketOf(const Id& id) const { return buckets_[BucketNumber(id)]; }

std::shared_mutex& Index::LockOf(std::size_t bucket) const { return locks_[bucket % kStripes]; }

std::uint32_t Index::PackNumber(const Id& id) {
  const std::unique_lock lock(packs_mutex_);
  const auto slot_of = [&](const Id& pack) {
    std::size_t slot = IdHash()(pack) & (pack_slots_.size() - 1);
    while (pack_slots_[slot] != 0 && packs_[pack_slots_[slot] - 1] != pack)
      slot = (slot + 1) & (pack_slots_.size() - 1);
    return slot;
  };
  if (pack_slots_.size() < 2 * (packs_.size() + 1)) {
    pack_slots_.assign(SlotCount(packs_.size() + 1), 0);
    for (std::uint32_t number = 1; number <= packs_.size(); ++number)
      pack_slots_[slot_of(packs_[number - 1])] = number;
  }
  const std::size_t slot = slot_of(id);
  if (pack_slots_[slot] == 0) {
    packs_.push_back(id);
    pack_slots_[slot] = static_cast<std::uint32_t>(packs_.size());
  }
  return pack_slots_[slot] - 1;
}

void Index::Add(const PackEntry& pack) {
  const std::uint32_t number = PackNumber(pack.id);
  for (const Blob& blob : pack.blobs) {
    const Id& id = blob.handle.id;
    const std::unique_lock lock(LockOf(BucketNumber(id)));
    Bucket& bucket = BucketOf(id);
    const Entry entry = Entry::Of(blob, number);
    if (Entry* const claimed = bucket.Find(blob.handle, kClaimed)) {
      *claimed = entry;
    } else if (bucket.Find(blob.handle, number) == nullptr) {
      bucket.Insert(id, entry);
    }
  }
}

bool Index::Claim(const BlobHandle& handle) {
  const std::unique_lock lock(LockOf(BucketNumber(handle.id)));
  Bucket& bucket = BucketOf(handle.id);
  if (bucket.FindIf(handle.id, Entry::IsOf(handle.type)) != nullptr) return false;
  bucket.Insert(handle.id, Entry::Of({handle, 0, 0, 0}, kClaimed));
  return true;
}

void Index::Abandon(const BlobHandle& handle) {
  const std::unique_lock lock(LockOf(BucketNumber(handle.id)));
  Bucket& bucket = BucketOf(handle.id);
  if (Entry* const claimed = bucket.Find(handle, kClaimed)) bucket.Erase(claimed);
}

bool Index::Has(const BlobHandle& handle) const {
  const std::shared_lock lock(LockOf(BucketNumber(handle.id)));
  return BucketOf(handle.id).FindIf(handle.id, Entry::IsOf(handle.type)) != nullptr;
}

PackedBlob Index::Unpack(std::size_t bucket, const Entry& entry) const {
  PackedBlob place;
  {
    const std::shared_lock lock(packs_mutex_);
    place.pack = packs_[entry.pack];
  }
  Blob& blob = place.blob;
  blob.handle.type = entry.type();
  blob.handle.id.bytes[0] = static_cast<std::uint8_t>(bucket >> 8);
  blob.handle.id.bytes[1] = static_cast<std::uint8_t>(bucket);
  std::ranges::copy(entry.suffix, blob.handle.id.bytes.begin() + kPrefix);
  blob.offset = entry.offset;
  blob.length = entry.length & ~kTreeBit;
  blob.uncompressed_length = entry.uncompressed_length;
  return place;
}

std::optional<PackedBlob> Index::Lookup(const BlobHandle& handle) const {
  const std::size_t bucket = BucketNumber(handle.id);
  const std::shared_lock lock(LockOf(bucket));
  const Entry* const entry = BucketOf(handle.id).FindIf(handle.id, [&](const Entry& each) {
    return each.type() == handle.type && each.pack != kClaimed;
  });
  if (entry == nullptr) return std::nullopt;
  return Unpack(bucket, *entry);
}

std::vector<PackedBlob> Index::LookupAll(const BlobHandle& handle) const {
  std::vector<PackedBlob> places;
  const std::size_t bucket = BucketNumber(handle.id);
  const std::shared_lock lock(LockOf(bucket));
  BucketOf(handle.id).FindIf(handle.id, [&](const Entry& entry) {
    if (entry.type() == handle.type && entry.pack != kClaimed)
      places.push_back(Unpack(bucket, entry));
    return false;
  });
  return places;
}

void Index::ForEach(const std::function<void(const PackedBlob&)>& visit) const {
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    const std::shared_lock lock(LockOf(bucket));
    std::vector<const Entry*> sorted;
    buckets_[bucket].ForEach([&](const Entry& entry) { sorted.push_back(&entry); });
    std::ranges::sort(sorted, [](const Entry* a, const Entry* b) { return a->suffix < b->suffix; });
    for (const Entry* entry : sorted)
      if (entry->pack != kClaimed) visit(Unpack(bucket, *entry));
  }
}

void Index::ForEachPack(const std::function<void(const PackEntry&)>& visit) const {
  std::vector<std::shared_lock<std::shared_mutex>> held;
  for (std::shared_mutex& lock : locks_) held.emplace_back(lock);

  // An entry as its pack's number and its place among all entries.
  std::vector<std::uint32_t> first_of_bucket(kBuckets);
  std::uint32_t place = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    first_of_bucket[bucket] = place;
    place += static_cast<std::uint32_t>(buckets_[bucket].Count());
  }
  std::vector<std::uint64_t> order;
  order.reserve(place);
  place = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket)
    buckets_[bucket].ForEach([&](const Entry& entry) {
      if (entry.pack != kClaimed) order.push_back(std::uint64_t{entry.pack} << 32 | place);
      ++place;
    });
  std::ranges::sort(order);

  PackEntry pack;
  const auto finish = [&] {
    std::ranges::sort(pack.blobs, {}, &Blob::offset);
    if (!pack.blobs.empty()) visit(pack);
    pack.blobs.clear();
  };
  std::uint64_t current = kClaimed;
  for (const std::uint64_t item : order) {
    if (item >> 32 != current) finish();
    current = item >> 32;
    const auto at = static_cast<std::uint32_t>(item);
    const auto after = std::ranges::upper_bound(first_of_bucket, at);
    const auto bucket = static_cast<std::size_t>(after - first_of_bucket.begin()) - 1;
    PackedBlob found = Unpack(bucket, buckets_[bucket].At(at - first_of_bucket[bucket]));
    pack.id = found.pack;
    pack.blobs.push_back(found.blob);
  }
  finish();
}

std::size_t Index::blob_count() const {
  std::size_t count = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    const std::shared_lock lock(LockOf(bucket));
    count += buckets_[bucket].Count();
  }
  return count;
}

std::size_t Index::pack_count() const {
  const std::shared_lock lock(packs_mutex_);
  return packs_.size();
}

std::size_t Index::MemoryUse() const {
  std::size_t bytes = kBuckets * sizeof(Bucket);
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    const std::shared_lock lock(LockOf(bucket));
    const Bucket& held = buckets_[bucket];
    bytes += held.capacity * sizeof(Entry) +
             (held.Count() - held.count) / Bucket::kBlock * sizeof(Bucket::Full);
  }
  const std::shared_lock lock(packs_mutex_);
  return bytes + packs_.capacity() * sizeof(Id) + pack_slots_.capacity() * sizeof(std::uint32_t);
}

void Index::ShrinkToFit() {
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    const std::unique_lock lock(LockOf(bucket));
    if (buckets_[bucket].count != 0 && buckets_[bucket].capacity > buckets_[bucket].count)
      buckets_[bucket].Resize(buckets_[bucket].count);
  }
  const std::unique_lock lock(packs_mutex_);
  packs_.shrink_to_fit();
  // Made again when a pack is added.
  pack_slots_ = {};
}

void Index::Clear() {
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    const std::unique_lock lock(LockOf(bucket));
    buckets_[bucket] = Bucket();
  }
  const std::unique_lock lock(packs_mutex_);
  packs_.clear();
  pack_slots_.clear();
}

}  // namespace holdfast::repo
