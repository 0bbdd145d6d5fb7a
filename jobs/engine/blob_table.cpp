#include "jobs/engine/blob_table.h"

#include <algorithm>

namespace holdfast::engine {
namespace {

std::uint64_t PrefixOf(const repo::Id& id) {
  std::uint64_t prefix = 0;
  for (std::size_t i = 0; i < sizeof(prefix); ++i) prefix = prefix << 8 | id.bytes[i];
  return prefix;
}

}  // namespace

BlobTable::BlobTable(const repo::Index& index) {
  prefixes_.reserve(index.blob_count());
  std::vector<repo::BlobHandle> alike;  // different blobs of the last prefix
  const auto finish = [&] {
    if (alike.size() < 2) return alike.clear();
    auto number = static_cast<std::uint32_t>(prefixes_.size() - alike.size());
    for (const repo::BlobHandle& handle : alike) shared_.emplace(handle, number++);
    alike.clear();
  };
  index.ForEach([&](const repo::PackedBlob& place) {
    const repo::BlobHandle& handle = place.blob.handle;
    const std::uint64_t prefix = PrefixOf(handle.id);
    if (!prefixes_.empty() && prefix != prefixes_.back()) finish();
    if (std::ranges::find(alike, handle) != alike.end()) return;  // another place of it
    alike.push_back(handle);
    prefixes_.push_back(prefix);
  });
  finish();
  notes_.resize(prefixes_.size());
}

std::uint32_t BlobTable::NumberOf(const repo::BlobHandle& handle) const {
  if (!shared_.empty()) {
    const auto shared = shared_.find(handle);
    if (shared != shared_.end()) return shared->second;
  }
  const auto found = std::ranges::lower_bound(prefixes_, PrefixOf(handle.id));
  return static_cast<std::uint32_t>(found - prefixes_.begin());
}

}  // namespace holdfast::engine
