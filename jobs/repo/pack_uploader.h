// From sealed blobs to stored packs: fills packs from many threads, stores them in the background
// with bounded memory, and saves index files behind them (FORMAT.md, "Order").
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "jobs/repo/index.h"
#include "jobs/repo/pack.h"
#include "jobs/storage/backend.h"

namespace holdfast::repo {

// Safe from many threads, but nobody may Add while Drain runs. The first Error of any pack or index
// file stays: every later call returns it.
class PackUploader {
 public:
  // Stores the JSON of one index file. Called from the background threads and from Drain.
  using SaveIndex = std::function<Result<void>(ByteView, std::stop_token)>;

  PackUploader(storage::Backend& storage, const Key& key, Index& index, SaveIndex save_index,
               std::size_t pack_size, int threads, int max_packs);
  // Abandons what is not stored yet.
  ~PackUploader();

  // Seals a blob into the open pack of its type; waits while all packs that may be in memory are
  // full and on their way. The blob shows up in the index once its pack is stored.
  Result<void> Add(const BlobHandle& handle, ByteView content, std::uint32_t uncompressed_length,
                   std::stop_token stop);

  // Stores the open packs, waits for all others, then saves the last index file.
  Result<void> Drain(std::stop_token stop);

 private:
  using Pack = std::shared_ptr<PackWriter>;
  using Lock = std::unique_lock<std::mutex>;

  PackBuffer TakeBuffer(std::size_t capacity);
  Result<Pack> OpenPack(BlobType type, std::size_t blob_length, std::stop_token stop);
  Result<void> WaitFor(Lock& lock, const std::function<bool()>& ready, std::stop_token stop);
  void Retire(const Pack& pack);
  void Enqueue(Pack pack);
  void Work(std::stop_token stop);
  Result<void> Store(PackWriter& pack, std::stop_token stop);
  Result<void> SaveIndexOf(std::vector<PackEntry> packs, std::stop_token stop);
  std::vector<PackEntry> TakeUnsaved(bool only_when_full);

  storage::Backend& storage_;
  const Key& key_;
  Index& index_;
  const SaveIndex save_index_;
  const std::array<std::size_t, 2> pack_sizes_;  // of ordinary packs, by blob type
  const int max_packs_;  // in memory; 3 or more: one open for each type, and one on its way

  std::mutex mutex_;  // guards all below
  std::condition_variable_any changed_;
  std::array<Pack, 2> open_;  // by blob type
  std::deque<Pack> queue_;
  std::vector<PackBuffer> spare_;  // of ordinary data packs that were stored
  int packs_ = 0;  // in memory: open, being filled to the end, queued or being stored
  std::array<int, 2> packs_of_{};  // the same, by blob type
  std::optional<Error> failure_;
  std::vector<PackEntry> unsaved_;  // stored packs that no index file lists yet
  std::size_t unsaved_blobs_ = 0;
  std::chrono::steady_clock::time_point oldest_unsaved_;

  std::vector<std::jthread> workers_;
};

}  // namespace holdfast::repo
