#include "jobs/engine/chunk_buffers.h"

#include <new>

#include <sys/mman.h>

namespace holdfast::engine {
namespace {

// Of ten chunks seven are smaller.
constexpr std::size_t kKeep = std::size_t{2} << 20;

}  // namespace

ChunkBuffers::~ChunkBuffers() {
  for (std::uint8_t* data : free_) ::munmap(data, kCapacity);
}

ChunkBuffers::Buffer ChunkBuffers::Take() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      std::uint8_t* const data = free_.back();
      free_.pop_back();
      return {this, data};
    }
  }
  void* const data =
      ::mmap(nullptr, kCapacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  return {this, static_cast<std::uint8_t*>(data)};
}

void ChunkBuffers::GiveBack(std::uint8_t* data, std::size_t used) {
  // One read may have gone beyond what is used.
  if (used + kReadSize > kKeep) ::madvise(data + kKeep, kCapacity - kKeep, MADV_DONTNEED);
  const std::lock_guard lock(mutex_);
  free_.push_back(data);
}

}  // namespace holdfast::engine
