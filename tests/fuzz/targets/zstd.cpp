// The input is a zstd frame, as files and blobs carry them.
#include <array>

#include "jobs/repo/blob.h"
#include "tests/fuzz/target.h"

namespace {

using namespace holdfast;

constexpr std::uint64_t kLimit = 64 * 1024;

const repo::Key& TheKey() {
  static const repo::Key key = [] {
    std::array<std::uint8_t, repo::Key::kSize> material;
    material.fill(7);
    return repo::Key(material);
  }();
  return key;
}

// The blob that a pack would list for this frame and content.
bool Opens(ByteView frame, ByteView content) {
  Bytes sealed = TheKey().Seal(frame);
  repo::Blob blob;
  blob.handle.id = repo::Id::Of(content);
  blob.length = static_cast<std::uint32_t>(sealed.size());
  blob.uncompressed_length = static_cast<std::uint32_t>(content.size());
  const auto opened = repo::OpenBlob(TheKey(), blob, sealed);
  return opened && AsText(*opened) == AsText(content);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView frame(data, size);
  const auto content = repo::DecompressUpTo(frame, kLimit);
  if (!content) {
    (void)repo::Decompress(frame, kLimit);
    return 0;
  }
  fuzz::Require(content->size() <= kLimit, "the limit is kept");
  const auto exact = repo::Decompress(frame, content->size());
  if (!exact) return 0;  // several frames are one content where the size is not known only
  fuzz::Require(*exact == *content, "both ways give the same");
  fuzz::Require(content->empty() || Opens(frame, *content), "a blob of it opens");
  fuzz::Require(!repo::Decompress(frame, content->size() + 1), "another size is refused");
  return 0;
}
