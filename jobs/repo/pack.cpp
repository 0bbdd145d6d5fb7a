#include "jobs/repo/pack.h"

#include <algorithm>

#include <spdlog/fmt/fmt.h>

namespace holdfast::repo {
namespace {

constexpr std::size_t kLengthSize = 4;
constexpr std::size_t kPlainEntry = 1 + kLengthSize + Id::kSize;
constexpr std::size_t kCompressedEntry = kPlainEntry + kLengthSize;
constexpr std::uint8_t kCompressedFlag = 2;
// Fetched at first: the header of a pack of ordinary chunks.
constexpr std::uint64_t kFirstRead = 4096;

void AppendLength(Bytes& out, std::uint32_t length) {
  for (int shift = 0; shift < 32; shift += 8)
    out.push_back(static_cast<std::uint8_t>(length >> shift));
}

std::uint32_t ReadLength(const std::uint8_t* at) {
  std::uint32_t length = 0;
  for (unsigned i = 0; i < kLengthSize; ++i) length |= std::uint32_t{at[i]} << (8 * i);
  return length;
}

void AppendEntry(Bytes& out, const Blob& blob) {
  const bool compressed = blob.uncompressed_length != 0;
  out.push_back(static_cast<std::uint8_t>(static_cast<std::uint8_t>(blob.handle.type) |
                                          (compressed ? kCompressedFlag : 0)));
  AppendLength(out, blob.length);
  if (compressed) AppendLength(out, blob.uncompressed_length);
  out.insert(out.end(), blob.handle.id.bytes.begin(), blob.handle.id.bytes.end());
}

// Takes one entry off the front of the opened header.
Result<Blob> TakeEntry(ByteView& rest) {
  const std::uint8_t type = rest.front();
  if (type > 3) return Fail(Code::kCorrupt, fmt::format("pack header: blob type {}", type));
  const bool compressed = (type & kCompressedFlag) != 0;
  const std::size_t size = compressed ? kCompressedEntry : kPlainEntry;
  if (rest.size() < size) return Fail(Code::kCorrupt, "pack header: the last entry is cut off");
  Blob blob;
  blob.handle.type = static_cast<BlobType>(type & 1);
  blob.length = ReadLength(&rest[1]);
  if (compressed) blob.uncompressed_length = ReadLength(&rest[1 + kLengthSize]);
  std::ranges::copy(rest.subspan(size - Id::kSize, Id::kSize), blob.handle.id.bytes.begin());
  rest = rest.subspan(size);
  if (blob.length < kSealOverhead || (compressed && blob.uncompressed_length == 0))
    return Fail(Code::kCorrupt, "pack header: impossible length");
  return blob;
}

// The sealed header's length, from the last four bytes of a pack.
Result<std::uint64_t> HeaderLength(ByteView tail, std::uint64_t pack_size) {
  if (tail.size() < kLengthSize) return Fail(Code::kCorrupt, "pack: shorter than its header");
  const std::uint64_t length = ReadLength(tail.last(kLengthSize).data());
  if (length < kSealOverhead || length > kMaxPackHeader || length + kLengthSize > pack_size)
    return Fail(Code::kCorrupt, "pack: impossible header length");
  return length;
}

}  // namespace

Bytes EncodePackHeader(const Key& key, std::span<const Blob> blobs) {
  Bytes entries;
  entries.reserve(blobs.size() * kCompressedEntry);
  for (const Blob& blob : blobs) AppendEntry(entries, blob);
  Bytes header = key.Seal(entries);
  AppendLength(header, static_cast<std::uint32_t>(header.size()));
  return header;
}

Result<std::vector<Blob>> DecodePackHeader(const Key& key, ByteView tail, std::uint64_t pack_size) {
  TRY(const std::uint64_t length, HeaderLength(tail, pack_size));
  if (tail.size() < length + kLengthSize)
    return Fail(Code::kCorrupt, "pack: shorter than its header");
  const auto opened = key.Open(tail.subspan(tail.size() - kLengthSize - length, length));
  if (!opened) return tl::make_unexpected(WithContext("pack header", opened.error()));

  std::vector<Blob> blobs;
  blobs.reserve(opened->size() / kPlainEntry);
  std::uint64_t offset = 0;
  for (ByteView rest = *opened; !rest.empty();) {
    TRY(Blob blob, TakeEntry(rest));
    blob.offset = static_cast<std::uint32_t>(offset);
    offset += blob.length;
    if (offset > UINT32_MAX) return Fail(Code::kCorrupt, "pack header: blobs beyond 4 GiB");
    blobs.push_back(blob);
  }
  if (offset + length + kLengthSize != pack_size)
    return Fail(Code::kCorrupt, "pack header: blobs do not add up to the pack");
  return blobs;
}

Result<std::vector<Blob>> ReadPackHeader(storage::Backend& storage, const Key& key, const Id& pack,
                                         std::uint64_t pack_size, std::stop_token stop) {
  const storage::Handle handle{storage::FileType::kPack, pack.Hex()};
  const auto load = [&](std::uint64_t size) {
    return storage.Load(handle, pack_size - size, size, stop);
  };
  const auto name = [&](Error error) {
    return WithContext("pack " + pack.Short(), std::move(error));
  };
  if (pack_size < kSealOverhead + kLengthSize)
    return Fail(Code::kCorrupt, "pack " + pack.Short() + ": too short");
  TRY(Bytes tail, load(std::min(pack_size, kFirstRead)));
  TRY(const std::uint64_t length, HeaderLength(tail, pack_size).map_error(name));
  if (length + kLengthSize > tail.size()) {
    TRY(tail, load(length + kLengthSize));
  }
  return DecodePackHeader(key, tail, pack_size).map_error(name);
}

PackWriter::PackWriter(BlobType type, PackBuffer buffer)
    : type_(type), buffer_(std::move(buffer)) {}

std::uint8_t* PackWriter::Reserve(const Id& id, std::uint32_t length,
                                  std::uint32_t uncompressed_length) {
  const std::lock_guard lock(mutex_);
  const std::size_t header = (blobs_.size() + 1) * kCompressedEntry + kSealOverhead + kLengthSize;
  if (closed_ || blobs_.size() >= kMaxPackBlobs || size_ + length + header > buffer_.capacity)
    return nullptr;
  std::uint8_t* const place = buffer_.bytes.get() + size_;
  blobs_.push_back({{type_, id}, static_cast<std::uint32_t>(size_), length, uncompressed_length});
  size_ += length;
  ++filling_;
  return place;
}

bool PackWriter::Done() {
  const std::lock_guard lock(mutex_);
  --filling_;
  return closed_ && filling_ == 0;
}

bool PackWriter::Close() {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  closed_ = true;
  return filling_ == 0;
}

std::size_t PackWriter::CapacityFor(std::size_t length) {
  return length + kCompressedEntry + kSealOverhead + kLengthSize;
}

Result<ByteView> PackWriter::Finish(const Key& key) {
  const Bytes header = EncodePackHeader(key, blobs_);
  const auto decoded = DecodePackHeader(key, header, size_ + header.size());
  if (!decoded || *decoded != blobs_)
    return Fail(Code::kInternal,
                "a pack header does not decode to what was written: faulty memory or a bug");
  std::ranges::copy(header, buffer_.bytes.get() + size_);
  return ByteView(buffer_.bytes.get(), size_ + header.size());
}

}  // namespace holdfast::repo
