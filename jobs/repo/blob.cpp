#include "jobs/repo/blob.h"

#include <algorithm>
#include <memory>
#include <new>
#include <optional>

#include <spdlog/fmt/fmt.h>
#include <zstd.h>

#include "jobs/repo/hash_many.h"

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

Result<ByteView> BlobOpener::Unseal(const Sealed& sealed, Buffer& buffer) {
  const Blob& blob = sealed.blob;
  const auto fail = [&](std::string_view what) {
    return tl::make_unexpected(Damaged(blob.handle, what));
  };
  if (blob.PlainLength() > kMaxBlobSize) return fail("larger than any blob");
  const auto opened = key_.OpenInPlace(sealed.bytes);
  if (!opened) return fail(opened.error().message);
  if (blob.uncompressed_length == 0) return ByteView(*opened);
  if (blob.uncompressed_length > buffer.capacity) {
    buffer.bytes = std::make_unique_for_overwrite<std::uint8_t[]>(blob.uncompressed_length);
    buffer.capacity = blob.uncompressed_length;
  }
  const std::span content(buffer.bytes.get(), blob.uncompressed_length);
  if (const auto done = DecompressInto(*opened, content); !done) return fail(done.error().message);
  return ByteView(content);
}

std::vector<Result<ByteView>> BlobOpener::Open(std::span<const Sealed> blobs) {
  std::vector<Result<ByteView>> results;
  std::vector<ByteView> contents;
  for (const Sealed& sealed : blobs) {
    results.push_back(Unseal(sealed, buffers_[results.size()]));
    contents.push_back(results.back().value_or(ByteView()));
  }
  std::array<Id, kTogether> ids;
  HashMany(contents, std::span(ids).first(contents.size()));
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i] && ids[i] != blobs[i].blob.handle.id)
      results[i] =
          tl::make_unexpected(Damaged(blobs[i].blob.handle, "the content does not have this id"));
  }
  return results;
}

Result<Bytes> OpenBlob(const Key& key, const Blob& blob, std::span<std::uint8_t> sealed) {
  BlobOpener opener(key);
  const BlobOpener::Sealed only{blob, sealed};
  auto opened = opener.Open(std::span(&only, 1));
  TRY(const ByteView content, std::move(opened.front()));
  return Bytes(content.begin(), content.end());
}

}  // namespace holdfast::repo
