// Reads blobs out of packs: fetches them by ranges, opens, decompresses and compares them with
// their ids. Two blobs are hashed side by side (hash_many.h), from one portion to the next, and all
// buffers are used again.
//
// Memory: two ranges of 4 MiB or one blob, and two contents. One for each thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "base/error.h"
#include "jobs/repo/blob.h"
#include "jobs/repo/crypto.h"
#include "jobs/repo/hash_many.h"
#include "jobs/storage/backend.h"

namespace holdfast::repo {

class PackReader {
 public:
  // Blobs of one pack. Neighbours less than 256 KiB apart share a request, of at most 4 MiB unless
  // a single blob is larger.
  struct Portion {
    Id pack;
    std::vector<Blob> blobs;
    std::size_t number = 0;  // the caller's own
  };
  // The next portion to be read; nothing when there is none.
  using Source = std::function<std::optional<Portion>()>;
  // Gets each blob once, about in the order of offsets, with the number of its portion and its
  // content, valid during the call, or the Error for this blob alone. An Error it returns ends the
  // reading.
  using Visitor = std::function<Result<void>(std::size_t number, const Blob&, Result<ByteView>)>;

  // Both outlive the reader.
  PackReader(storage::Backend& storage, const Key& key) : storage_(storage), key_(key) {}

  // Cancelled, and Errors of the visitor.
  Result<void> Read(const Source& source, const Visitor& visit, std::stop_token stop);

 private:
  // Sorted blobs that one request fetches.
  struct Range {
    std::span<const Blob> blobs;
    std::uint64_t offset = 0;
    std::uint64_t end = 0;
  };
  struct Lane {
    bool busy = false;
    Blob blob;
    Id pack;
    std::size_t number = 0;
    ByteView content;
    // Which of the fetched ranges the content lies in; nothing when it is in the buffer.
    std::optional<std::size_t> fetched;
    ReusedBuffer buffer;
  };

  static std::vector<Range> MakeRanges(std::span<const Blob> sorted);
  // Opens the next blobs until one is good and its hashing has begun, or there are none left.
  Result<void> Fill(std::size_t lane);
  Result<bool> NextBlob();
  Result<bool> NextPortion();
  Result<void> Fetch(const Range& range);
  Result<void> Begin(std::size_t lane, const Blob& blob);
  Result<void> Deliver(const HashLanes::Done& done);
  Result<void> Reject(const Blob& blob, Error error) const;

  storage::Backend& storage_;
  const Key& key_;
  HashLanes hash_;
  std::array<Lane, HashLanes::kLanes> lanes_;

  // While reading:
  const Source* source_ = nullptr;
  const Visitor* visit_ = nullptr;
  std::stop_token stop_;
  Portion portion_;
  std::vector<Range> ranges_;         // of the portion, those to be fetched
  std::size_t next_range_ = 0;        // in ranges_
  std::span<const Blob> unopened_;    // of the range that was fetched last
  std::uint64_t fetched_offset_ = 0;  // where that range begins in the pack
  std::uint64_t opened_to_ = 0;       // what lies before in the pack was overwritten
  std::span<std::uint8_t> fetched_;   // the range's bytes, in buffers_[last_buffer_]
  std::size_t last_buffer_ = 0;
  std::array<ReusedBuffer, HashLanes::kLanes> buffers_;
};

}  // namespace holdfast::repo
