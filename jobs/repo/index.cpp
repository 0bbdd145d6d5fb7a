#include "jobs/repo/index.h"

#include <algorithm>
#include <cstring>

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

// Entries sorted by id; those of one id in no order.
struct Index::Bucket {
  std::unique_ptr<Entry[]> entries;
  std::uint32_t count = 0;
  std::uint32_t capacity = 0;

  std::span<Entry> All() { return {entries.get(), count}; }

  std::span<Entry> Equal(const Id& id) {
    const auto all = All();
    const auto first = std::partition_point(
        all.begin(), all.end(), [&](const Entry& entry) { return entry.Compare(id) < 0; });
    auto last = first;
    while (last != all.end() && last->Compare(id) == 0) ++last;
    return {first, last};
  }

  Entry* Find(const BlobHandle& handle, std::uint32_t pack) {
    for (Entry& entry : Equal(handle.id))
      if (entry.type() == handle.type && entry.pack == pack) return &entry;
    return nullptr;
  }

  void Resize(std::uint32_t size) {
    auto grown = std::make_unique_for_overwrite<Entry[]>(size);
    std::copy_n(entries.get(), count, grown.get());
    entries = std::move(grown);
    capacity = size;
  }

  void Insert(const Id& id, const Entry& entry) {
    // A sixteenth of slack: growing stays cheap and costs three percent on average.
    if (count == capacity) Resize(count + std::max(4U, count / 16));
    Entry* const at = Equal(id).data();
    Entry* const end = entries.get() + count;
    std::copy_backward(at, end, end + 1);
    *at = entry;
    ++count;
  }

  void Erase(Entry* at) {
    std::copy(at + 1, entries.get() + count, at);
    --count;
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
  for (const Entry& entry : bucket.Equal(handle.id))
    if (entry.type() == handle.type) return false;
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
  return std::ranges::any_of(BucketOf(handle.id).Equal(handle.id),
                             [&](const Entry& entry) { return entry.type() == handle.type; });
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
  for (const Entry& entry : BucketOf(handle.id).Equal(handle.id))
    if (entry.type() == handle.type && entry.pack != kClaimed) return Unpack(bucket, entry);
  return std::nullopt;
}

std::vector<PackedBlob> Index::LookupAll(const BlobHandle& handle) const {
  std::vector<PackedBlob> places;
  const std::size_t bucket = BucketNumber(handle.id);
  const std::shared_lock lock(LockOf(bucket));
  for (const Entry& entry : BucketOf(handle.id).Equal(handle.id))
    if (entry.type() == handle.type && entry.pack != kClaimed)
      places.push_back(Unpack(bucket, entry));
  return places;
}

void Index::ForEach(const std::function<void(const PackedBlob&)>& visit) const {
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    const std::shared_lock lock(LockOf(bucket));
    for (const Entry& entry : buckets_[bucket].All())
      if (entry.pack != kClaimed) visit(Unpack(bucket, entry));
  }
}

void Index::ForEachPack(const std::function<void(const PackEntry&)>& visit) const {
  std::vector<std::shared_lock<std::shared_mutex>> held;
  for (std::shared_mutex& lock : locks_) held.emplace_back(lock);

  // An entry as its pack's number and its place among all entries.
  std::vector<std::uint64_t> order;
  std::vector<std::uint32_t> first_of_bucket(kBuckets);
  std::uint32_t place = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    first_of_bucket[bucket] = place;
    for (const Entry& entry : buckets_[bucket].All()) {
      if (entry.pack != kClaimed) order.push_back(std::uint64_t{entry.pack} << 32 | place);
      ++place;
    }
  }
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
    PackedBlob found = Unpack(bucket, buckets_[bucket].entries[at - first_of_bucket[bucket]]);
    pack.id = found.pack;
    pack.blobs.push_back(found.blob);
  }
  finish();
}

std::size_t Index::blob_count() const {
  std::size_t count = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    const std::shared_lock lock(LockOf(bucket));
    count += buckets_[bucket].count;
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
    bytes += buckets_[bucket].capacity * sizeof(Entry);
  }
  const std::shared_lock lock(packs_mutex_);
  return bytes + packs_.capacity() * sizeof(Id) + pack_slots_.capacity() * sizeof(std::uint32_t);
}

void Index::ShrinkToFit() {
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    const std::unique_lock lock(LockOf(bucket));
    if (buckets_[bucket].capacity > buckets_[bucket].count)
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
