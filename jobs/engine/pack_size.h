// How large a pack is, by what the index says of it.
#pragma once

#include <cstdint>

#include "jobs/repo/index.h"
#include "jobs/repo/pack.h"

namespace holdfast::engine {

// Bytes of a blob's entry in a pack's header (FORMAT.md, "Packs").
inline std::uint64_t HeaderEntrySize(const repo::Blob& blob) {
  return blob.uncompressed_length == 0 ? 37 : 41;
}

// What a pack of these blobs takes: the blobs, their header entries, sealed, and four bytes for the
// header's length.
inline std::uint64_t ImpliedSize(const repo::PackEntry& pack) {
  std::uint64_t size = repo::kSealOverhead + 4;
  for (const repo::Blob& blob : pack.blobs) size += blob.length + HeaderEntrySize(blob);
  return size;
}

}  // namespace holdfast::engine
