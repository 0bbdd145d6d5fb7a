// A tar archive written to a stream, by libarchive: POSIX pax, so that names of any bytes and
// length, nanoseconds, large ids and sizes, and extended attributes fit.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "jobs/repo/tree.h"

namespace holdfast::engine {

// Takes the next bytes of an output; an Error ends it.
using ByteSink = std::function<Result<void>(ByteView)>;

// Not safe from many threads. After an Error only destruction is allowed.
class TarWriter {
 public:
  explicit TarWriter(ByteSink sink);
  ~TarWriter();

  // Starts an entry. A file's content follows by Write, exactly node.size bytes. With a
  // `hard_link`, the name of an earlier entry, there is no content.
  Result<void> Add(const std::string& path, const repo::Node& node, const std::string& hard_link);
  Result<void> Write(ByteView content);
  Result<void> Finish();

 private:
  struct Archive;
  std::unique_ptr<Archive> archive_;
};

}  // namespace holdfast::engine
