#include "jobs/repo/pack_reader.h"

#include <algorithm>
#include <utility>

namespace holdfast::repo {
namespace {

constexpr std::uint64_t kMaxGap = 256 * 1024;
constexpr std::uint64_t kMaxRead = 4ULL << 20;

bool TooLarge(const Blob& blob) { return blob.length > kMaxBlobSize + kSealOverhead; }

std::uint64_t EndOf(const Blob& blob) { return std::uint64_t{blob.offset} + blob.length; }

}  // namespace

std::vector<PackReader::Range> PackReader::MakeRanges(std::span<const Blob> sorted) {
  std::vector<Range> ranges;
  std::size_t first = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const std::uint64_t end = EndOf(sorted[i]);
    const bool joins = !ranges.empty() && sorted[i].offset <= ranges.back().end + kMaxGap &&
                       end - ranges.back().offset <= kMaxRead;
    if (!joins) {
      first = i;
      ranges.push_back({{}, sorted[i].offset, end});
    }
    ranges.back().blobs = sorted.subspan(first, i - first + 1);
    ranges.back().end = std::max(ranges.back().end, end);
  }
  return ranges;
}

Result<void> PackReader::Read(const Source& source, const Visitor& visit, std::stop_token stop) {
  source_ = &source;
  visit_ = &visit;
  stop_ = std::move(stop);
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) TRY_VOID(Fill(lane));
  while (const auto done = hash_.Next()) {
    TRY_VOID(Deliver(*done));
    TRY_VOID(Fill(done->lane));
  }
  return {};
}

Result<void> PackReader::Fill(std::size_t lane) {
  while (!lanes_[lane].busy) {
    TRY(const bool more, NextBlob());
    if (!more) return {};
    const Blob& blob = unopened_.front();
    unopened_ = unopened_.subspan(1);
    TRY_VOID(Begin(lane, blob));
  }
  return {};
}

// Whether unopened_ has one.
Result<bool> PackReader::NextBlob() {
  while (unopened_.empty()) {
    if (next_range_ < ranges_.size()) {
      TRY_VOID(Fetch(ranges_[next_range_++]));
      continue;
    }
    TRY(const bool more, NextPortion());
    if (!more) return false;
  }
  return true;
}

Result<bool> PackReader::NextPortion() {
  std::optional<Portion> next = (*source_)();
  if (!next) return false;
  portion_ = *std::move(next);
  ranges_.clear();
  next_range_ = 0;
  // No memory is taken for what cannot be.
  const auto too_large = std::ranges::partition(portion_.blobs, std::not_fn(TooLarge));
  for (const Blob& blob : too_large)
    TRY_VOID(Reject(blob, {Code::kCorrupt, Describe(blob.handle) + ": larger than any blob"}));
  portion_.blobs.erase(too_large.begin(), too_large.end());
  std::ranges::sort(portion_.blobs, {}, &Blob::offset);
  ranges_ = MakeRanges(portion_.blobs);
  return true;
}

Result<void> PackReader::Fetch(const Range& range) {
  // At most one lane is busy here; the buffer that it does not need is free.
  const auto needed = [&](std::size_t buffer) {
    return std::ranges::any_of(
        lanes_, [&](const Lane& lane) { return lane.busy && lane.fetched == buffer; });
  };
  if (needed(last_buffer_)) last_buffer_ = 1 - last_buffer_;
  fetched_ = buffers_[last_buffer_].Take(range.end - range.offset);
  const auto read = storage_.LoadInto({storage::FileType::kPack, portion_.pack.Hex()}, range.offset,
                                      fetched_, stop_);
  if (read) {
    unopened_ = range.blobs;
    fetched_offset_ = opened_to_ = range.offset;
    return {};
  }
  if (read.error().code == Code::kCancelled) return read;
  for (const Blob& blob : range.blobs) TRY_VOID(Reject(blob, read.error()));
  return {};
}

Result<void> PackReader::Begin(std::size_t number, const Blob& blob) {
  // Blobs are opened where they lie. Only a false index lets them overlap.
  if (blob.offset < opened_to_)
    return Reject(blob, {Code::kCorrupt, Describe(blob.handle) + " overlaps another blob"});
  opened_to_ = EndOf(blob);
  Lane& lane = lanes_[number];
  const auto content = UnsealBlob(
      key_, blob, fetched_.subspan(blob.offset - fetched_offset_, blob.length), lane.buffer);
  if (!content) return Reject(blob, content.error());
  lane.busy = true;
  lane.blob = blob;
  lane.pack = portion_.pack;
  lane.number = portion_.number;
  lane.content = *content;
  lane.fetched.reset();
  if (blob.uncompressed_length == 0) lane.fetched = last_buffer_;
  hash_.Start(number, *content);
  return {};
}

Result<void> PackReader::Deliver(const HashLanes::Done& done) {
  Lane& lane = lanes_[done.lane];
  lane.busy = false;
  const auto right = RequireId(lane.blob, done.id);
  if (right) return (*visit_)(lane.number, lane.blob, lane.content);
  return (*visit_)(lane.number, lane.blob,
                   tl::make_unexpected(WithContext("pack " + lane.pack.Short(), right.error())));
}

Result<void> PackReader::Reject(const Blob& blob, Error error) const {
  return (*visit_)(
      portion_.number, blob,
      tl::make_unexpected(WithContext("pack " + portion_.pack.Short(), std::move(error))));
}

}  // namespace holdfast::repo
