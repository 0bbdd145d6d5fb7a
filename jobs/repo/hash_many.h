// Ids of several contents at once. A SHA-256 round waits for the one before it; on processors with
// SHA instructions two streams side by side fill the gaps and take little longer than one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "jobs/repo/id.h"

namespace holdfast::repo {

enum class HashKernel {
  kOneByOne,    // by OpenSSL, on any processor
  kSideBySide,  // two streams, with the SHA extensions
};

// The kernels of this processor, the fastest last.
std::vector<HashKernel> HashKernels();

// The id of one content, found beside others of any sizes: what is left of the longer goes on
// beside the next. Not for use from two threads at once; the content must stay where it is.
class Hashing {
 public:
  Hashing() = default;
  explicit Hashing(ByteView content) : rest_(content), size_(content.size()) {}

  // Bytes that are not hashed yet.
  std::size_t left() const { return rest_.size(); }
  // Goes on with both until less than 64 bytes of one are left; `kOneByOne` leaves all to Finish.
  static void Together(Hashing& a, Hashing& b, HashKernel kernel = HashKernels().back());
  // Once, at the end.
  Id Finish();

 private:
  ByteView rest_;
  std::size_t size_ = 0;
  std::array<std::uint32_t, 8> state_{};  // of what precedes rest_, when that is not all
};

// Hashes contents as they come, two at a time: whoever fills a lane as soon as it is free hashes
// nothing alone but the end, whatever the sizes. Not safe from many threads.
class HashLanes {
 public:
  static constexpr std::size_t kLanes = 2;
  struct Done {
    std::size_t lane = 0;
    Id id;
  };

  explicit HashLanes(HashKernel kernel = HashKernels().back()) : kernel_(kernel) {}

  // The lane must be free, and `content` stay where it is until the lane is done.
  void Start(std::size_t lane, ByteView content) { lanes_[lane].emplace(content); }
  // Hashes until one content is done; its lane is free again. Nothing when all are free.
  std::optional<Done> Next();

 private:
  HashKernel kernel_;
  std::array<std::optional<Hashing>, kLanes> lanes_;
  std::size_t turn_ = 0;
};

// ids[i] becomes Id::Of(contents[i]); both have the same length.
void HashMany(std::span<const ByteView> contents, std::span<Id> ids,
              HashKernel kernel = HashKernels().back());

}  // namespace holdfast::repo
