// One byte of notes for every blob of an index, beside it.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "jobs/repo/index.h"

namespace holdfast::engine {

// Numbers the different blobs of an index and keeps a byte for each: 9 bytes a blob, instead of the
// 33 that the names would take. The first 8 bytes of an id tell almost all blobs apart; those that
// share them (data and a tree of the same content; never two random ids in practice) are kept with
// their whole names, so that no blob is ever taken for another.
//
// Safe from one thread at a time.
class BlobTable {
 public:
  // The table is of the blobs that `index` holds now; it does not refer to the index afterwards.
  explicit BlobTable(const repo::Index& index);

  std::size_t size() const { return notes_.size(); }
  // Below size(). The blob must have been in the index.
  std::uint32_t NumberOf(const repo::BlobHandle& handle) const;
  std::uint8_t& operator[](std::uint32_t number) { return notes_[number]; }
  std::uint8_t& operator[](const repo::BlobHandle& handle) { return notes_[NumberOf(handle)]; }

 private:
  std::vector<std::uint64_t> prefixes_;  // rising; one for each blob
  std::map<repo::BlobHandle, std::uint32_t> shared_;
  std::vector<std::uint8_t> notes_;
};

}  // namespace holdfast::engine
