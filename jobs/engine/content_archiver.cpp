#include "jobs/engine/content_archiver.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include <unistd.h>

#include "jobs/repo/chunker.h"
#include "jobs/repo/hash_many.h"

namespace holdfast::engine {
namespace {

using repo::BlobType;
using repo::Id;

// Two chunks are hashed side by side (hash_many.h), so that many are waited for; more wait only for
// a thread that is not free, and the reader then works itself. Very large ones count for two.
constexpr std::size_t kTogether = 2;
constexpr std::size_t kMaxTogether = std::size_t{5} << 20;

ssize_t ReadSome(int fd, std::uint8_t* to, std::size_t size) {
  ssize_t length = -1;
  do {
    length = ::read(fd, to, size);
  } while (length < 0 && errno == EINTR);
  return length;
}

}  // namespace

// One file on its way through the pool: its reader and its chunks hold it.
struct ContentArchiver::LargeFile {
  Open open;
  Done done;
  Fd fd;
  std::deque<Id> ids;  // grows at its end by the reader; elements stay where they are
  std::uint64_t size = 0;
  int read_errno = 0;
  std::atomic<std::size_t> parts = 1;  // chunks not stored yet, and the reader
};

class ContentArchiver::ReadJob final : public WorkPool::Job {
 public:
  ReadJob(ContentArchiver& archiver, std::shared_ptr<LargeFile> file)
      : archiver_(archiver), file_(std::move(file)) {}
  Result<void> Run(std::stop_token stop) override {
    file_->fd = file_->open();
    if (!file_->fd.valid()) file_->read_errno = errno;
    if (file_->fd.valid()) TRY_VOID(archiver_.Read(file_, stop));
    return archiver_.FinishPart(*file_);
  }

 private:
  ContentArchiver& archiver_;
  const std::shared_ptr<LargeFile> file_;
};

class ContentArchiver::ChunkJob final : public WorkPool::Job {
 public:
  explicit ChunkJob(ContentArchiver& archiver) : archiver_(archiver) {}
  Result<void> Run(std::stop_token stop) override { return archiver_.StoreWaiting(stop); }

 private:
  ContentArchiver& archiver_;
};

ContentArchiver::ContentArchiver(repo::Repository& repository, WorkPool& pool, ArchiveTally& tally)
    : repository_(repository), pool_(pool), tally_(tally) {}

void ContentArchiver::StoreLarge(Open open, Done done) {
  auto file = std::make_shared<LargeFile>();
  file->open = std::move(open);
  file->done = std::move(done);
  pool_.Post(kLargeFileJobs, std::make_unique<ReadJob>(*this, std::move(file)));
}

// Reads into one buffer until a chunk ends in it; what was read beyond moves to the next.
Result<void> ContentArchiver::Read(const std::shared_ptr<LargeFile>& file, std::stop_token stop) {
  repo::Chunker chunker(repository_.cut_search());
  ChunkBuffers::Buffer buffer = buffers_.Take();
  while (true) {
    if (stop.stop_requested()) return Fail(Code::kCancelled, "stopped while reading files");
    // No chunk is smaller than kMinChunk, so nothing is moved that need not be.
    const std::size_t wanted =
        buffer.size < repo::kMinChunk ? repo::kMinChunk - buffer.size : kReadSize;
    const ssize_t length = ReadSome(file->fd.get(), buffer.data() + buffer.size, wanted);
    if (length < 0) file->read_errno = errno;
    if (length <= 0) break;
    const auto read = static_cast<std::size_t>(length);
    file->size += read;
    tally_.Read(read);
    ByteView fresh(buffer.data() + buffer.size, read);
    buffer.size += read;
    while (const auto cut = chunker.Next(fresh)) {
      fresh = fresh.subspan(*cut);
      ChunkBuffers::Buffer next = buffers_.Take();
      std::ranges::copy(fresh, next.data());
      next.size = fresh.size();
      buffer.size -= fresh.size();
      TRY_VOID(Emit(file, std::exchange(buffer, std::move(next)), false, stop));
      fresh = buffer.view();
      if (fresh.empty()) break;
    }
  }
  if (buffer.size != 0 && file->read_errno == 0)
    TRY_VOID(Emit(file, std::move(buffer), true, stop));
  // A chunk may wait for a second that does not come.
  return StoreAllWaiting(stop);
}

// Hands chunks to whoever is free, two at a time. When more wait already, this thread stores some
// itself.
Result<void> ContentArchiver::Emit(const std::shared_ptr<LargeFile>& file,
                                   ChunkBuffers::Buffer buffer, bool last, std::stop_token stop) {
  file->parts.fetch_add(1, std::memory_order_relaxed);
  std::size_t count = 0;
  bool enough = false;
  {
    const std::lock_guard lock(mutex_);
    waiting_bytes_ += buffer.size;
    waiting_.push_back({file, &file->ids.emplace_back(), std::move(buffer)});
    count = waiting_.size();
    enough = last || count >= kTogether || waiting_bytes_ > kMaxTogether;
  }
  if (count > kTogether) return StoreWaiting(stop);
  if (enough) pool_.Post(kChunkJobs, std::make_unique<ChunkJob>(*this));
  return {};
}

std::vector<ContentArchiver::Chunk> ContentArchiver::TakeWaiting() {
  const std::lock_guard lock(mutex_);
  std::vector<Chunk> chunks;
  std::size_t bytes = 0;
  while (!waiting_.empty() && chunks.size() < kTogether) {
    bytes += waiting_.front().buffer.size;
    if (!chunks.empty() && bytes > kMaxTogether) break;
    waiting_bytes_ -= waiting_.front().buffer.size;
    chunks.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return chunks;
}

// Up to two chunks. None may be left: another thread took two.
Result<void> ContentArchiver::StoreWaiting(std::stop_token stop) {
  std::vector<Chunk> chunks = TakeWaiting();
  std::vector<ByteView> contents;
  for (const Chunk& chunk : chunks) contents.push_back(chunk.buffer.view());
  std::vector<Id> ids(chunks.size());
  repo::HashMany(contents, ids);
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    TRY_VOID(StoreOne(contents[i], ids[i], stop));
    *chunks[i].id = ids[i];
    chunks[i].buffer = {};
    TRY_VOID(FinishPart(*chunks[i].file));
  }
  return {};
}

Result<void> ContentArchiver::StoreAllWaiting(std::stop_token stop) {
  const auto any = [&] {
    const std::lock_guard lock(mutex_);
    return !waiting_.empty();
  };
  while (any()) TRY_VOID(StoreWaiting(stop));
  return {};
}

Result<std::vector<Id>> ContentArchiver::Store(std::span<const ByteView> contents,
                                               std::stop_token stop) {
  std::vector<Id> ids(contents.size());
  repo::HashMany(contents, ids);
  for (std::size_t i = 0; i < contents.size(); ++i) TRY_VOID(StoreOne(contents[i], ids[i], stop));
  return ids;
}

Result<void> ContentArchiver::StoreOne(ByteView content, const Id& id, std::stop_token stop) {
  TRY(const repo::SavedBlob saved, repository_.SaveBlob(BlobType::kData, content, stop, &id));
  tally_.Blob(BlobType::kData, content.size(), saved);
  return {};
}

// Whoever finishes the last part finishes the file.
Result<void> ContentArchiver::FinishPart(LargeFile& file) {
  if (file.parts.fetch_sub(1, std::memory_order_acq_rel) != 1) return {};
  const Content content{{file.ids.begin(), file.ids.end()}, file.size, file.read_errno};
  const Fd fd = std::move(file.fd);
  return file.done(fd, content);
}

}  // namespace holdfast::engine
