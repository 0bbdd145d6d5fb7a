// Ids of several contents at once. A SHA-256 round waits for the one before it; on processors with
// SHA instructions two streams side by side fill the gaps and take little longer than one.
#pragma once

#include <cstddef>
#include <memory>
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

// Hashes contents as they come, two at a time: whoever fills a lane as soon as it is free hashes
// nothing alone but the end, whatever the sizes. Not safe from many threads.
class HashLanes {
 public:
  static constexpr std::size_t kLanes = 2;
  struct Done {
    std::size_t lane = 0;
    Id id;
  };

  explicit HashLanes(HashKernel kernel = HashKernels().back());
  ~HashLanes();

  // The lane must be free, and `content` stay where it is until the lane is done.
  void Start(std::size_t lane, ByteView content);
  // Hashes until one content is done; its lane is free again. Nothing when all are free.
  std::optional<Done> Next();

 private:
  class Kernel;
  std::unique_ptr<Kernel> kernel_;
};

// ids[i] becomes Id::Of(contents[i]); both have the same length. Fastest when neighbours have
// about the same size.
void HashMany(std::span<const ByteView> contents, std::span<Id> ids,
              HashKernel kernel = HashKernels().back());

}  // namespace holdfast::repo
