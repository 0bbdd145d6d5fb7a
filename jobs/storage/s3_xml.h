// The two XML answers of S3 that the mover reads: errors and listings.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace holdfast::storage {

// The <Error> document; every field is empty when the body is something else (a proxy's page).
struct S3ErrorBody {
  std::string code;
  std::string message;
  std::string region;
};
S3ErrorBody ParseS3Error(ByteView body);

struct S3Listing {
  struct Entry {
    std::string key;
    std::uint64_t size = 0;  // bytes
  };
  std::vector<Entry> entries;
  std::string next_token;  // empty on the last page
};
// One page of ListObjectsV2. Unavailable for anything else: a proxy in between or an answer that
// was cut, either of which may be gone the next time.
Result<S3Listing> ParseS3Listing(ByteView body);

}  // namespace holdfast::storage
