// Stores the content of files as blobs: small ones two at a time on one thread, large ones cut into
// chunks that all threads share.
//
// Memory: a chunk buffer for each reader of a large file, two for each thread at work, and three
// for chunks that wait; 640 KiB a thread for small files.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "jobs/engine/archive_tally.h"
#include "jobs/engine/chunk_buffers.h"
#include "jobs/engine/fd.h"
#include "jobs/engine/work_pool.h"
#include "jobs/repo/repository.h"

namespace holdfast::engine {

// The urgencies of a backup's jobs.
enum ArchiveUrgency : std::size_t { kChunkJobs, kRangeJobs, kLargeFileJobs, kDirectoryJobs };

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
  struct Chunk {
    std::shared_ptr<LargeFile> file;
    repo::Id* id = nullptr;  // where its id belongs
    ChunkBuffers::Buffer buffer;
  };
  class ReadJob;
  class ChunkJob;

  Result<void> Read(const std::shared_ptr<LargeFile>& file, std::stop_token stop);
  Result<void> Emit(const std::shared_ptr<LargeFile>& file, ChunkBuffers::Buffer buffer, bool last,
                    std::stop_token stop);
  Result<void> StoreWaiting(std::stop_token stop);
  Result<void> StoreAllWaiting(std::stop_token stop);
  std::vector<Chunk> TakeWaiting();
  Result<void> StoreOne(ByteView content, const repo::Id& id, std::stop_token stop);
  Result<void> FinishPart(LargeFile& file);

  repo::Repository& repository_;
  WorkPool& pool_;
  ArchiveTally& tally_;
  ChunkBuffers buffers_;

  std::mutex mutex_;  // guards the rest
  std::deque<Chunk> waiting_;
  std::size_t waiting_bytes_ = 0;
};

}  // namespace holdfast::engine
