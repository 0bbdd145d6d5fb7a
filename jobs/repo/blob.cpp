#include "jobs/repo/blob.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <new>
#include <optional>

#include <spdlog/fmt/fmt.h>
#include <zstd.h>

namespace holdfast::repo {
namespace {

struct FreeZstd {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// zstd's level 1 looks for matches of seven bytes in large inputs, too long for database pages:
// five cost nothing more and make them smaller than level 3 does, in two thirds of its time.
constexpr int kAutoLevel = 1;
constexpr int kAutoMinMatch = 5;
constexpr int kMaxLevel = 12;

// What a thread keeps for its next blob: more than most take.
constexpr std::size_t kKeptBuffer = std::size_t{2} << 20;

// One thread's compressor and the buffer it fills.
struct Compressor {
  std::unique_ptr<ZSTD_CCtx, FreeZstd> context{ZSTD_createCCtx()};
  std::unique_ptr<std::uint8_t[]> buffer;
  std::size_t capacity = 0;
  std::optional<Compression> set_for;

  void SetFor(Compression compression) {
    if (set_for == compression) return;
    const bool max = compression == Compression::kMax;
    ZSTD_CCtx_reset(context.get(), ZSTD_reset_session_and_parameters);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, max ? kMaxLevel : kAutoLevel);
    if (!max) ZSTD_CCtx_setParameter(context.get(), ZSTD_c_minMatch, kAutoMinMatch);
    set_for = compression;
  }

  void Reserve(std::size_t size) {
    if (size <= capacity && capacity <= std::max(size, kKeptBuffer)) return;
    buffer.reset();
    buffer = std::make_unique_for_overwrite<std::uint8_t[]>(size);
    capacity = size;
  }
};

ZSTD_DCtx* ThreadDecompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeZstd> context(ZSTD_createDCtx());
  if (!context) throw std::bad_alloc();
  return context.get();
}

Error Damaged(const BlobHandle& handle, std::string_view what) {
  return {Code::kCorrupt, fmt::format("{}: {}", Describe(handle), what)};
}

}  // namespace

std::string_view BlobTypeName(BlobType type) { return type == BlobType::kData ? "data" : "tree"; }

std::string Describe(const BlobHandle& handle) {
  return fmt::format("{} {}", BlobTypeName(handle.type), handle.id.Short());
}

std::uint64_t Blob::PlainLength() const {
  if (uncompressed_length != 0) return uncompressed_length;
  return length > kSealOverhead ? length - kSealOverhead : 0;
}

ByteView Compress(ByteView content, Compression compression) {
  thread_local Compressor compressor;
  if (!compressor.context) throw std::bad_alloc();
  if (content.empty()) return {};
  compressor.Reserve(ZSTD_compressBound(content.size()));
  compressor.SetFor(compression);
  const std::size_t size = ZSTD_compress2(compressor.context.get(), compressor.buffer.get(),
                                          compressor.capacity, content.data(), content.size());
  if (ZSTD_isError(size) || size >= content.size()) return {};
  return {compressor.buffer.get(), size};
}

namespace {

// Corrupt unless `frame` is zstd of exactly as many bytes as there is room for.
Result<void> DecompressInto(ByteView frame, std::span<std::uint8_t> content) {
  const std::size_t written = ZSTD_decompressDCtx(ThreadDecompressor(), content.data(),
                                                  content.size(), frame.data(), frame.size());
  if (ZSTD_isError(written))
    return Fail(Code::kCorrupt, fmt::format("zstd: {}", ZSTD_getErrorName(written)));
  if (written != content.size())
    return Fail(Code::kCorrupt, "zstd: the content is shorter than declared");
  return {};
}

}  // namespace

Result<Bytes> Decompress(ByteView frame, std::uint64_t size) {
  Bytes content(size);
  TRY_VOID(DecompressInto(frame, content));
  return content;
}

Result<Bytes> DecompressUpTo(ByteView frame, std::uint64_t limit) {
  const unsigned long long declared = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (declared == ZSTD_CONTENTSIZE_ERROR) return Fail(Code::kCorrupt, "zstd: not a frame");
  if (declared != ZSTD_CONTENTSIZE_UNKNOWN) {
    if (declared > limit) return Fail(Code::kCorrupt, "zstd: the content is too large");
    return Decompress(frame, declared);
  }
  // Writers that stream do not state the size.
  ZSTD_DCtx* const context = ThreadDecompressor();
  ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
  Bytes content;
  ZSTD_inBuffer in{frame.data(), frame.size(), 0};
  while (true) {
    const std::size_t done = content.size();
    content.resize(std::min<std::uint64_t>(limit, done + ZSTD_DStreamOutSize()));
    ZSTD_outBuffer out{content.data(), content.size(), done};
    const std::size_t left = ZSTD_decompressStream(context, &out, &in);
    if (ZSTD_isError(left))
      return Fail(Code::kCorrupt, fmt::format("zstd: {}", ZSTD_getErrorName(left)));
    content.resize(out.pos);
    if (left == 0) return content;
    if (out.pos == done) return Fail(Code::kCorrupt, "zstd: cut off, or the content is too large");
  }
}

std::span<std::uint8_t> ReusedBuffer::Take(std::size_t size) {
  // More than this is given back as soon as less will do.
  constexpr std::size_t kKept = std::size_t{8} << 20;
  constexpr std::size_t kLeast = std::size_t{64} << 10;
  if (size > capacity_ || capacity_ > std::max(size, kKept)) {
    bytes_.reset();
    capacity_ = size > kKept ? size : std::max(std::bit_ceil(size), kLeast);
    bytes_ = std::make_unique_for_overwrite<std::uint8_t[]>(capacity_);
  }
  return {bytes_.get(), size};
}

Result<ByteView> UnsealBlob(const Key& key, const Blob& blob, std::span<std::uint8_t> sealed,
                            ReusedBuffer& buffer) {
  const auto fail = [&](std::string_view what) {
    return tl::make_unexpected(Damaged(blob.handle, what));
  };
  if (blob.PlainLength() > kMaxBlobSize) return fail("larger than any blob");
  const auto opened = key.OpenInPlace(sealed);
  if (!opened) return fail(opened.error().message);
  if (blob.uncompressed_length == 0) return ByteView(*opened);
  const std::span content = buffer.Take(blob.uncompressed_length);
  if (const auto done = DecompressInto(*opened, content); !done) return fail(done.error().message);
  return ByteView(content);
}

Result<void> RequireId(const Blob& blob, const Id& id) {
  if (id == blob.handle.id) return {};
  return tl::make_unexpected(Damaged(blob.handle, "the content does not have this id"));
}

Result<Bytes> OpenBlob(const Key& key, const Blob& blob, std::span<std::uint8_t> sealed) {
  ReusedBuffer buffer;
  TRY(const ByteView content, UnsealBlob(key, blob, sealed, buffer));
  TRY_VOID(RequireId(blob, Id::Of(content)));
  return Bytes(content.begin(), content.end());
}

}  // namespace holdfast::repo
