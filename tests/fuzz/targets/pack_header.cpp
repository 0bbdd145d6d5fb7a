// The input is what stands in a header before it is sealed, after 4 bytes with the sum of the
// blobs' lengths: the MAC keeps every other change from being looked at.
#include <array>
#include <cstring>

#include "jobs/repo/pack.h"
#include "tests/fuzz/target.h"

namespace {

using namespace holdfast;

const repo::Key& TheKey() {
  static const repo::Key key = [] {
    std::array<std::uint8_t, repo::Key::kSize> material;
    material.fill(7);
    return repo::Key(material);
  }();
  return key;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::uint32_t blobs_size = 0;
  if (size < sizeof blobs_size) return 0;
  std::memcpy(&blobs_size, data, sizeof blobs_size);

  Bytes tail = TheKey().Seal(ByteView(data, size).subspan(sizeof blobs_size));
  const auto length = static_cast<std::uint32_t>(tail.size());
  tail.resize(length + sizeof length);
  std::memcpy(&tail[length], &length, sizeof length);

  const auto blobs = repo::DecodePackHeader(TheKey(), tail, blobs_size + tail.size());
  (void)repo::DecodePackHeader(TheKey(), {data, size}, size);  // as it stands: no MAC fits
  if (!blobs) return 0;
  std::uint64_t sum = 0;
  for (const repo::Blob& blob : *blobs) {
    fuzz::Require(blob.offset == sum, "blobs lie one after the other");
    sum += blob.length;
  }
  fuzz::Require(sum == blobs_size, "the blobs fill the pack");
  return 0;
}
