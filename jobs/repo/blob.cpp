#include "jobs/repo/blob.h"

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <new>
#include <stdexcept>

#include <spdlog/fmt/fmt.h>
#include <sys/mman.h>
#define ZSTD_STATIC_LINKING_ONLY  // contexts in memory of ours
#include <zstd.h>

namespace holdfast::repo {
namespace {

struct FreeZstd {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// What differs from zstd's level 1. In large inputs it looks for matches of seven bytes, too long
// for database pages: five cost nothing more and make them smaller than level 3 does, in two thirds
// of its time; in text they only cost. A table larger than the level's own for inputs of that size
// makes text smaller and takes less time.
struct FastSettings {
  int min_match;
  int hash_log;  // 0: the level's
};
constexpr int kAutoLevel = 1;
constexpr FastSettings kLong = {5, 0};
constexpr FastSettings kShort = {6, 15};
constexpr std::size_t kLongInput = std::size_t{256} << 10;
constexpr int kMaxLevel = 12;

// What a thread keeps for its next blob: more than most take.
constexpr std::size_t kKeptBuffer = std::size_t{2} << 20;

// Memory of which only what was touched costs anything.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { Unmap(); }

  std::span<std::uint8_t> Take(std::size_t size) {
    if (size > capacity_) {
      Unmap();
      void* const data =
          ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (data == MAP_FAILED) throw std::bad_alloc();
      data_ = static_cast<std::uint8_t*>(data);
      capacity_ = size;
    } else if (touched_ > kKeptBuffer) {
      ::madvise(data_ + kKeptBuffer, capacity_ - kKeptBuffer, MADV_DONTNEED);
    }
    touched_ = 0;
    return {data_, capacity_};
  }
  // The first bytes of what Take gave were written to; they stay until the next Take.
  void Touched(std::size_t size) { touched_ = size; }

 private:
  void Unmap() {
    if (data_ != nullptr) ::munmap(data_, capacity_);
  }

  std::uint8_t* data_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t touched_ = 0;
};

// One thread's compressor and the buffer it fills.
class Compressor {
 public:
  ByteView Compress(ByteView content, Compression compression) {
    ZSTD_CCtx* const context = compression == Compression::kMax ? Thorough() : Fast(content.size());
    const std::span frame = buffer_.Take(ZSTD_compressBound(content.size()));
    const std::size_t size =
        ZSTD_compress2(context, frame.data(), frame.size(), content.data(), content.size());
    if (ZSTD_isError(size)) throw std::runtime_error(ZSTD_getErrorName(size));
    buffer_.Touched(size);
    if (size >= content.size()) return {};
    return frame.first(size);
  }

 private:
  // A context that zstd allocates is allocated again when blobs of very different sizes follow each
  // other, with a page fault for every 4 KiB. This one, of 0.7 MiB, is large enough for all.
  ZSTD_CCtx* Fast(std::size_t size) {
    if (fast_ == nullptr) {
      const std::size_t words = WorkspaceSize() / sizeof(std::uint64_t) + 1;
      workspace_ = std::make_unique_for_overwrite<std::uint64_t[]>(words);
      fast_ = ZSTD_initStaticCCtx(workspace_.get(), words * sizeof(std::uint64_t));
      if (fast_ == nullptr) throw std::bad_alloc();
      ZSTD_CCtx_setParameter(fast_, ZSTD_c_compressionLevel, kAutoLevel);
    }
    const FastSettings& settings = size > kLongInput ? kLong : kShort;
    ZSTD_CCtx_setParameter(fast_, ZSTD_c_minMatch, settings.min_match);
    ZSTD_CCtx_setParameter(fast_, ZSTD_c_hashLog, settings.hash_log);
    return fast_;
  }

  static std::size_t WorkspaceSize() {
    ZSTD_compressionParameters parameters = ZSTD_getCParams(kAutoLevel, 0, 0);
    parameters.hashLog = std::max<unsigned>(parameters.hashLog, kShort.hash_log);
    return ZSTD_estimateCCtxSize_usingCParams(parameters);
  }

  ZSTD_CCtx* Thorough() {
    if (thorough_ == nullptr) {
      thorough_.reset(ZSTD_createCCtx());
      if (thorough_ == nullptr) throw std::bad_alloc();
      ZSTD_CCtx_setParameter(thorough_.get(), ZSTD_c_compressionLevel, kMaxLevel);
    }
    return thorough_.get();
  }

  std::unique_ptr<std::uint64_t[]> workspace_;  // of fast_
  ZSTD_CCtx* fast_ = nullptr;
  std::unique_ptr<ZSTD_CCtx, FreeZstd> thorough_;
  Buffer buffer_;
};

// Large contents are tried before zstd spends its time and memory on all of them.
constexpr std::size_t kTried = std::size_t{512} << 10;
constexpr std::size_t kSamples = 3;
constexpr std::size_t kSampleSize = std::size_t{32} << 10;
// Enough to see that bytes are not spread evenly, as in most of what can be compressed: counting
// equal bytes is slow, because each count waits for the one before it.
constexpr std::size_t kGlimpse = std::size_t{4} << 10;

// True when byte values are spread so evenly in the samples that only encrypted data, or what
// another program compressed, looks like it: chi-squared of 255 degrees of freedom, of which 400 is
// six standard deviations above the mean.
bool LooksRandom(ByteView sample) {
  constexpr double kLimit = 400;
  std::array<std::uint32_t, 256> counts{};
  for (const std::uint8_t byte : sample) ++counts[byte];
  const double expected = static_cast<double>(sample.size()) / static_cast<double>(counts.size());
  double sum = 0;
  for (const std::uint32_t count : counts) {
    const double off = count - expected;
    sum += off * off / expected;
  }
  return sum < kLimit;
}

// Three samples of the content look random, and zstd cannot make any of them smaller.
bool Incompressible(Compressor& compressor, ByteView content) {
  if (content.size() < kTried) return false;
  for (std::size_t i = 0; i < kSamples; ++i) {
    const std::size_t at = (content.size() - kSampleSize) / (kSamples - 1) * i;
    const ByteView sample = content.subspan(at, kSampleSize);
    if (!LooksRandom(sample.first(kGlimpse)) || !LooksRandom(sample) ||
        !compressor.Compress(sample, Compression::kAuto).empty())
      return false;
  }
  return true;
}

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
  if (content.empty()) return {};
  if (compression != Compression::kMax && Incompressible(compressor, content)) return {};
  return compressor.Compress(content, compression);
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
