// Ids of several contents at once. A SHA-256 round waits for the one before it; on processors with
// SHA instructions two streams side by side fill the gaps and take little longer than one.
#pragma once

#include <span>
#include <vector>

#include "base/bytes.h"
#include "jobs/repo/id.h"

namespace holdfast::repo {

enum class HashKernel {
  kOneByOne,    // by OpenSSL, on any processor
  kSideBySide,  // two streams, with the SHA extensions
};

// The kernels of this processor, the fastest last.
std::vector<HashKernel> HashKernels();

// ids[i] becomes Id::Of(contents[i]); both have the same length. Fastest when neighbours have
// about the same size.
void HashMany(std::span<const ByteView> contents, std::span<Id> ids,
              HashKernel kernel = HashKernels().back());

}  // namespace holdfast::repo
