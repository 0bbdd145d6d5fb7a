// Reads one file after another into blobs: content-defined chunks in one buffer, whatever the size
// of the file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>

#include "base/bytes.h"
#include "base/error.h"
#include "jobs/repo/chunker.h"
#include "jobs/repo/id.h"

namespace holdfast::engine {

// Holds one buffer of kMaxChunk plus one read. Not safe from many threads: each reading thread has
// its own.
class FileReader {
 public:
  explicit FileReader(std::shared_ptr<const repo::CutSearch> search);

  // Calls `visit` with each chunk in order, the last one at the end of the file; an empty file has
  // none. The view is valid during the call. A file that cannot be read to its end is an Outcome;
  // an Error is what `visit` returned, or Cancelled.
  struct Outcome {
    std::uint64_t bytes = 0;
    int read_errno = 0;
  };
  Result<Outcome> ReadChunks(int fd, const std::function<Result<void>(ByteView)>& visit,
                             std::stop_token stop);

 private:
  repo::Chunker chunker_;
  Bytes buffer_;
};

}  // namespace holdfast::engine
