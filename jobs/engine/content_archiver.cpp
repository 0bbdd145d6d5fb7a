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

// Chunks that are hashed side by side.
constexpr std::size_t kTogether = 2;

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
  LargeFile(Open how_to_open, Done when_done, repo::Chunker cutter)
      : open(std::move(how_to_open)), done(std::move(when_done)), chunker(std::move(cutter)) {}

  const Open open;
  const Done done;
  Fd fd;
  repo::Chunker chunker;
  ChunkBuffers::Buffer buffer;  // the chunk that is being read
  std::size_t uncut = 0;        // bytes at its end that the chunker has not seen
  std::deque<Id> ids;           // grows at its end by the reader; elements stay where they are
  std::uint64_t size = 0;
  int read_errno = 0;
  std::atomic<std::size_t> parts = 1;  // chunks not stored yet, and the reader
};

class ContentArchiver::ReadJob final : public WorkPool::Job {
 public:
  ReadJob(ContentArchiver& archiver, LargeFilePtr file)
      : archiver_(archiver), file_(std::move(file)) {}
  Result<void> Run(std::stop_token stop) override { return archiver_.Begin(file_, stop); }

 private:
  ContentArchiver& archiver_;
  const LargeFilePtr file_;
};

class ContentArchiver::ReadOnJob final : public WorkPool::Job {
 public:
  ReadOnJob(ContentArchiver& archiver, LargeFilePtr file)
      : archiver_(archiver), file_(std::move(file)) {}
  Result<void> Run(std::stop_token stop) override { return archiver_.ReadOn(file_, stop); }

 private:
  ContentArchiver& archiver_;
  const LargeFilePtr file_;
};

class ContentArchiver::ChunkJob final : public WorkPool::Job {
 public:
  explicit ChunkJob(ContentArchiver& archiver) : archiver_(archiver) {}
  Result<void> Run(std::stop_token stop) override { return archiver_.StoreNext(stop); }

 private:
  ContentArchiver& archiver_;
};

ContentArchiver::ContentArchiver(repo::Repository& repository, WorkPool& pool, ArchiveTally& tally)
    : repository_(repository), pool_(pool), tally_(tally) {}

void ContentArchiver::StoreLarge(Open open, Done done) {
  auto file = std::make_shared<LargeFile>(std::move(open), std::move(done),
                                          repo::Chunker(repository_.cut_search()));
  pool_.Post(kLargeFileJobs, std::make_unique<ReadJob>(*this, std::move(file)));
}

Result<void> ContentArchiver::Begin(const LargeFilePtr& file, std::stop_token stop) {
  file->fd = file->open();
  if (!file->fd.valid()) {
    file->read_errno = errno;
    return FinishPart(*file);
  }
  file->buffer = buffers_.Take();
  {
    const std::lock_guard lock(mutex_);
    ++reading_;
  }
  return ReadOn(file, stop);
}

// Reads until there are chunks to be stored first, or to the end.
Result<void> ContentArchiver::ReadOn(const LargeFilePtr& file, std::stop_token stop) {
  while (file->uncut != 0 || ReadMore(*file)) {
    if (stop.stop_requested()) return Fail(Code::kCancelled, "stopped while reading files");
    auto chunk = TakeChunk(*file);
    if (chunk && Emit(file, *std::move(chunk))) {
      pool_.Post(kReadOnJobs, std::make_unique<ReadOnJob>(*this, file));
      return {};
    }
  }
  ChunkBuffers::Buffer rest = std::move(file->buffer);
  if (rest.size != 0 && file->read_errno == 0) Emit(file, std::move(rest));
  EndReading();
  return FinishPart(*file);
}

// False at the end, or when the file cannot be read further.
bool ContentArchiver::ReadMore(LargeFile& file) {
  ChunkBuffers::Buffer& buffer = file.buffer;
  // No chunk is smaller than kMinChunk, so nothing is moved that need not be.
  const std::size_t wanted =
      buffer.size < repo::kMinChunk ? repo::kMinChunk - buffer.size : kReadSize;
  const ssize_t length = ReadSome(file.fd.get(), buffer.data() + buffer.size, wanted);
  if (length < 0) file.read_errno = errno;
  if (length <= 0) return false;
  file.uncut = static_cast<std::size_t>(length);
  file.size += file.uncut;
  buffer.size += file.uncut;
  tally_.Read(file.uncut);
  return true;
}

// The chunk that ends in the buffer; what was read beyond it moves to the next.
std::optional<ChunkBuffers::Buffer> ContentArchiver::TakeChunk(LargeFile& file) {
  ByteView fresh = file.buffer.view().last(file.uncut);
  const auto cut = file.chunker.Next(fresh);
  if (!cut) {
    file.uncut = 0;
    return std::nullopt;
  }
  fresh = fresh.subspan(*cut);
  ChunkBuffers::Buffer next = buffers_.Take();
  std::ranges::copy(fresh, next.data());
  next.size = file.uncut = fresh.size();
  file.buffer.size -= fresh.size();
  return std::exchange(file.buffer, std::move(next));
}

// True when chunks are to be stored before more is read.
bool ContentArchiver::Emit(const LargeFilePtr& file, ChunkBuffers::Buffer buffer) {
  file->parts.fetch_add(1, std::memory_order_relaxed);
  repo::Hashing hashing(buffer.view());
  return Wait({file, &file->ids.emplace_back(), std::move(buffer), hashing});
}

void ContentArchiver::EndReading() {
  const std::lock_guard lock(mutex_);
  --reading_;
  if (!waiting_.empty()) PostIfDue();
}

// True when somebody is told to store what waits.
bool ContentArchiver::Wait(Chunk chunk) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(chunk));
  return PostIfDue();
}

// With the lock held, when a chunk waits: it does so for a second one, if there will be one.
bool ContentArchiver::PostIfDue() {
  if (waiting_.size() < kTogether && reading_ != 0) return false;
  pool_.Post(kChunkJobs, std::make_unique<ChunkJob>(*this));
  return true;
}

// Of the two that have waited longest the one that is hashed sooner; the other waits again. Nothing
// when a second is still to come.
std::optional<ContentArchiver::Chunk> ContentArchiver::NextHashed() {
  std::unique_lock lock(mutex_);
  if (waiting_.empty() || (waiting_.size() < kTogether && reading_ != 0)) return std::nullopt;
  Chunk first = std::move(waiting_.front());
  waiting_.pop_front();
  if (waiting_.empty()) return first;
  Chunk second = std::move(waiting_.front());
  waiting_.pop_front();
  lock.unlock();
  const std::size_t before = first.hashing.left();
  repo::Hashing::Together(first.hashing, second.hashing);
  // In their order where nothing is hashed side by side.
  if (first.hashing.left() != before && second.hashing.left() < first.hashing.left())
    std::swap(first, second);
  lock.lock();
  waiting_.push_front(std::move(second));
  PostIfDue();
  return first;
}

Result<void> ContentArchiver::StoreNext(std::stop_token stop) {
  std::optional<Chunk> chunk = NextHashed();
  if (!chunk) return {};
  *chunk->id = chunk->hashing.Finish();
  TRY_VOID(StoreOne(chunk->buffer.view(), *chunk->id, stop));
  chunk->buffer = {};
  return FinishPart(*chunk->file);
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
