// Parts of a file's content by descriptor: written, with holes for zeros, and compared.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "jobs/repo/id.h"

namespace holdfast::engine {

// Writes all of `bytes` at `offset`. 0 or an errno.
int WriteAll(int fd, ByteView bytes, std::uint64_t offset);

// The same, but whole blocks of zeros become holes; in a file that is one hole so far (`fresh`)
// they are already.
int WriteSparse(int fd, ByteView bytes, std::uint64_t offset, bool fresh);

// The content of a file that is empty so far. 0 or an errno.
int WriteNew(int fd, ByteView content);

// Compares `length` bytes of an open file with a blob's id. False also when they cannot be read.
bool HasContent(int fd, std::uint64_t offset, std::uint64_t length, const repo::Id& id);

// Reads what the file holds at `offset` and compares it with `bytes`. False also when it cannot be
// read.
bool HasBytes(int fd, std::uint64_t offset, ByteView bytes);

}  // namespace holdfast::engine
