// Buffers for chunks, kept for the next chunk: fresh memory costs a page fault for every 4 KiB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "jobs/repo/chunker.h"

namespace holdfast::engine {

// Read into a buffer behind a part of a chunk at most.
inline constexpr std::size_t kReadSize = 256 * 1024;

// Safe from many threads. Must outlive its buffers.
class ChunkBuffers {
 public:
  // Room for the largest chunk and one read. Memory is taken as it is touched; what a chunk touched
  // beyond 2 MiB is given back with the buffer.
  static constexpr std::size_t kCapacity = repo::kMaxChunk + kReadSize;

  class Buffer {
   public:
    Buffer() = default;
    Buffer(Buffer&& other) noexcept
        : size(std::exchange(other.size, 0)),
          owner_(other.owner_),
          data_(std::exchange(other.data_, nullptr)) {}
    Buffer& operator=(Buffer&& other) noexcept {
      std::swap(size, other.size);
      std::swap(owner_, other.owner_);
      std::swap(data_, other.data_);
      return *this;
    }
    ~Buffer() {
      if (data_ != nullptr) owner_->GiveBack(data_, size);
    }

    std::uint8_t* data() { return data_; }
    ByteView view() const { return {data_, size}; }

    std::size_t size = 0;  // bytes used, from the front

   private:
    friend class ChunkBuffers;
    Buffer(ChunkBuffers* owner, std::uint8_t* data) : owner_(owner), data_(data) {}

    ChunkBuffers* owner_ = nullptr;
    std::uint8_t* data_ = nullptr;
  };

  ChunkBuffers() = default;
  ChunkBuffers(const ChunkBuffers&) = delete;
  ChunkBuffers& operator=(const ChunkBuffers&) = delete;
  ~ChunkBuffers();

  // Throws std::bad_alloc when there is no address space.
  Buffer Take();

 private:
  void GiveBack(std::uint8_t* data, std::size_t used);

  std::mutex mutex_;
  std::vector<std::uint8_t*> free_;
};

}  // namespace holdfast::engine
