#include "jobs/storage/s3_xml.h"

#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  (void)storage::ParseS3Error({data, size});
  const auto listing = storage::ParseS3Listing({data, size});
  if (listing) fuzz::Require(listing->entries.size() <= size, "an entry takes a byte at least");
  const auto versions = storage::ParseS3Versions({data, size});
  if (versions) fuzz::Require(versions->entries.size() <= size, "a version takes a byte at least");
  return 0;
}
