// One large object in parts, a few of them under way at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>

#include "base/bytes.h"
#include "base/error.h"

namespace holdfast::storage {

// Objects above `threshold` go in parts. A pack (16 MiB) never does: it is one request, which costs
// the least and needs no memory of what was begun. What is larger is a rare single blob, whose
// parts go side by side, as one connection alone may be the slowest part of the way.
struct PartOptions {
  std::size_t threshold = std::size_t{32} << 20;  // bytes
  std::size_t part_size = std::size_t{16} << 20;  // bytes; S3 wants 5 MiB at least
  int at_once = 4;
};

std::size_t PartCount(std::size_t bytes, const PartOptions& options);

using SendPart =
    std::function<Result<void>(std::size_t index, ByteView part, const std::stop_token& stop)>;

// Calls `send` for each part, from up to `at_once` threads. The first error stops the others and is
// returned when none is under way any more; so does `stop`, as Cancelled.
Result<void> SendInParts(ByteView data, const PartOptions& options, const SendPart& send,
                         const std::stop_token& stop);

}  // namespace holdfast::storage
