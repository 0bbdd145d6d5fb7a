// Stores the content of files as blobs: small ones two at a time on one thread, large ones cut into
// chunks that all threads share.
//
// A thread that reads a large file stops as soon as two chunks wait: they are stored first, by
// whoever is free, and whoever has nothing to store reads on. Chunks are hashed two at a time
// (hash_many.h); the one that is finished is stored, the other waits for the next.
//
// Memory: a chunk buffer for each thread, which reads into it or stores what is in it; one for each
// thread and one more for chunks that wait; 640 KiB a thread for small files.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "jobs/engine/archive_tally.h"
#include "jobs/engine/chunk_buffers.h"
#include "jobs/engine/fd.h"
#include "jobs/engine/work_pool.h"
#include "jobs/repo/hash_many.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

// The urgencies of a backup's jobs.
enum ArchiveUrgency : std::size_t {
  kChunkJobs,
  kReadOnJobs,
  kRangeJobs,
  kLargeFileJobs,
  kDirectoryJobs,
  kArchiveUrgencies
};

// Files below this size are one chunk each, whatever is in them.
inline constexpr std::uint64_t kSmallFile = repo::kMinChunk;

// What came of reading a file to its end.
struct Content {
  std::vector<repo::Id> ids;
  std::uint64_t size = 0;
  int read_errno = 0;  // not 0: the file could not be read to its end
};

// Safe from many threads.
class ContentArchiver {
 public:
  // All must outlive it.
  ContentArchiver(repo::Repository& repository, WorkPool& pool, ArchiveTally& tally);

  // Opens a large file when its turn has come, so that few are open at a time; invalid with errno.
  using Open = std::function<Fd()>;
  // Called once the last chunk of a large file is stored, on any thread; the file is still open.
  using Done = std::function<Result<void>(const Fd& file, const Content& content)>;

  // Reads a file from where it stands, in jobs of the pool; returns at once.
  void StoreLarge(Open open, Done done);

  // Stores one blob for each content; their ids in the same order.
  Result<std::vector<repo::Id>> Store(std::span<const ByteView> contents, std::stop_token stop);

 private:
  struct LargeFile;
  using LargeFilePtr = std::shared_ptr<LargeFile>;
  struct Chunk {
    LargeFilePtr file;
    repo::Id* id = nullptr;  // where its id belongs
    ChunkBuffers::Buffer buffer;
    repo::Hashing hashing;
  };
  class ReadJob;
  class ReadOnJob;
  class ChunkJob;

  Result<void> Begin(const LargeFilePtr& file, std::stop_token stop);
  Result<void> ReadOn(const LargeFilePtr& file, std::stop_token stop);
  bool ReadMore(LargeFile& file);
  std::optional<ChunkBuffers::Buffer> TakeChunk(LargeFile& file);
  bool Emit(const LargeFilePtr& file, ChunkBuffers::Buffer buffer);
  void EndReading();

  bool Wait(Chunk chunk);
  bool PostIfDue();
  std::optional<Chunk> NextHashed();
  Result<void> StoreNext(std::stop_token stop);
  Result<void> StoreOne(ByteView content, const repo::Id& id, std::stop_token stop);
  Result<void> FinishPart(LargeFile& file);

  repo::Repository& repository_;
  WorkPool& pool_;
  ArchiveTally& tally_;
  ChunkBuffers buffers_;

  std::mutex mutex_;  // guards the rest
  std::deque<Chunk> waiting_;
  std::size_t reading_ = 0;  // files that are not read to their end: more chunks will come
};

}  // namespace holdfast::engine
