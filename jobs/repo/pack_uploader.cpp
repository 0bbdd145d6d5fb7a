#include "jobs/repo/pack_uploader.h"

#include <algorithm>
#include <utility>

namespace holdfast::repo {
namespace {

// A text of about 3 MiB, a third of restic's, and little work lost when the mover dies.
constexpr std::size_t kFullIndex = 16'384;
constexpr std::chrono::minutes kOldIndex{10};

// Trees fill a pack slowly and keep its memory for long: restic's smallest pack is enough.
constexpr std::size_t kTreePackSize = std::size_t{4} << 20;

std::size_t Slot(BlobType type) { return static_cast<std::size_t>(type); }

}  // namespace

PackUploader::PackUploader(storage::Backend& storage, const Key& key, Index& index,
                           SaveIndex save_index, std::size_t pack_size, int threads, int max_packs)
    : storage_(storage),
      key_(key),
      index_(index),
      save_index_(std::move(save_index)),
      pack_sizes_{pack_size, std::min(pack_size, kTreePackSize)},
      max_packs_(max_packs) {
  for (int i = 0; i < threads; ++i)
    workers_.emplace_back([this](std::stop_token stop) { Work(stop); });
}

PackUploader::~PackUploader() {
  for (std::jthread& worker : workers_) worker.request_stop();
}

Result<void> PackUploader::WaitFor(Lock& lock, const std::function<bool()>& ready,
                                   std::stop_token stop) {
  const bool woken = changed_.wait(lock, stop, [&] { return failure_ || ready(); });
  if (failure_) return tl::make_unexpected(*failure_);
  if (!woken) return Fail(Code::kCancelled, "stopped while saving");
  return {};
}

// The pack that is open for the type, or a new one once memory allows. A blob that no ordinary pack
// could hold gets one of its own, which is never shared.
Result<PackUploader::Pack> PackUploader::OpenPack(BlobType type, std::size_t blob_length,
                                                  std::stop_token stop) {
  const std::size_t capacity = PackWriter::CapacityFor(blob_length);
  const std::size_t ordinary = pack_sizes_[Slot(type)];
  const bool alone = capacity > ordinary;
  Lock lock(mutex_);
  Pack& open = open_[Slot(type)];
  int& of_type = packs_of_[Slot(type)];
  // One is left for the other type, whose pack is often open for long.
  const auto room = [&] { return packs_ < max_packs_ && of_type < max_packs_ - 1; };
  TRY_VOID(WaitFor(
      lock, [&] { return (open && !alone) || room(); }, stop));
  if (open && !alone) return open;
  ++packs_;
  ++of_type;
  auto pack = std::make_shared<PackWriter>(type, TakeBuffer(std::max(capacity, ordinary)));
  if (!alone) {
    open = pack;
    changed_.notify_all();  // others may wait for this very pack
  }
  return pack;
}

// With the lock held.
PackBuffer PackUploader::TakeBuffer(std::size_t capacity) {
  if (spare_.empty() || spare_.back().capacity != capacity) return PackBuffer::Make(capacity);
  PackBuffer buffer = std::move(spare_.back());
  spare_.pop_back();
  return buffer;
}

Result<void> PackUploader::Add(const BlobHandle& handle, ByteView content,
                               std::uint32_t uncompressed_length, std::stop_token stop) {
  const std::size_t length = content.size() + kSealOverhead;
  while (true) {
    TRY(const Pack pack, OpenPack(handle.type, length, stop));
    std::uint8_t* const place =
        pack->Reserve(handle.id, static_cast<std::uint32_t>(length), uncompressed_length);
    if (place == nullptr) {
      Retire(pack);
      continue;
    }
    key_.Seal(content, {place, length});
    if (pack->Done()) Enqueue(pack);
    if (PackWriter::CapacityFor(length) > pack_sizes_[Slot(handle.type)]) Retire(pack);
    return {};
  }
}

// No more blobs go into the pack; whoever fills its last place sends it off.
void PackUploader::Retire(const Pack& pack) {
  {
    const Lock lock(mutex_);
    Pack& open = open_[Slot(pack->type())];
    if (open == pack) open = nullptr;
  }
  if (pack->Close()) Enqueue(pack);
}

void PackUploader::Enqueue(Pack pack) {
  const Lock lock(mutex_);
  queue_.push_back(std::move(pack));
  changed_.notify_all();
}

void PackUploader::Work(std::stop_token stop) {
  Lock lock(mutex_);
  while (changed_.wait(lock, stop, [&] { return !queue_.empty(); })) {
    Pack pack = std::move(queue_.front());
    queue_.pop_front();
    const bool failed = failure_.has_value();
    lock.unlock();
    Result<void> stored = failed ? Result<void>() : Store(*pack, stop);
    PackBuffer buffer = pack->TakeBuffer();
    const BlobType type = pack->type();
    pack.reset();
    lock.lock();
    --packs_;
    --packs_of_[Slot(type)];
    if (buffer.capacity == pack_sizes_[Slot(BlobType::kData)]) spare_.push_back(std::move(buffer));
    if (!stored && !failure_) failure_ = std::move(stored).error();
    changed_.notify_all();
  }
}

Result<void> PackUploader::Store(PackWriter& pack, std::stop_token stop) {
  TRY(const ByteView bytes, pack.Finish(key_));
  const Id id = Id::Of(bytes);
  if (auto saved = storage_.Save({storage::FileType::kPack, id.Hex()}, bytes, stop); !saved)
    return tl::make_unexpected(WithContext("pack " + id.Short(), std::move(saved).error()));
  PackEntry entry{id, pack.blobs()};
  index_.Add(entry);
  {
    const Lock lock(mutex_);
    if (unsaved_.empty()) oldest_unsaved_ = std::chrono::steady_clock::now();
    unsaved_blobs_ += entry.blobs.size();
    unsaved_.push_back(std::move(entry));
  }
  return SaveIndexOf(TakeUnsaved(/*only_when_full=*/true), stop);
}

std::vector<PackEntry> PackUploader::TakeUnsaved(bool only_when_full) {
  const Lock lock(mutex_);
  const auto age = std::chrono::steady_clock::now() - oldest_unsaved_;
  if (only_when_full && unsaved_blobs_ < kFullIndex && age < kOldIndex) return {};
  unsaved_blobs_ = 0;
  return std::exchange(unsaved_, {});
}

Result<void> PackUploader::SaveIndexOf(std::vector<PackEntry> packs, std::stop_token stop) {
  if (packs.empty()) return {};
  return save_index_(AsBytes(EncodeIndex(packs)), stop);
}

Result<void> PackUploader::Drain(std::stop_token stop) {
  for (const std::size_t slot : {0, 1}) {
    Lock lock(mutex_);
    const Pack open = open_[slot];
    lock.unlock();
    if (open) Retire(open);
  }
  {
    Lock lock(mutex_);
    TRY_VOID(WaitFor(
        lock, [&] { return packs_ == 0; }, stop));
  }
  Result<void> saved = SaveIndexOf(TakeUnsaved(/*only_when_full=*/false), stop);
  const Lock lock(mutex_);
  if (!saved && !failure_) failure_ = saved.error();
  return saved;
}

}  // namespace holdfast::repo
