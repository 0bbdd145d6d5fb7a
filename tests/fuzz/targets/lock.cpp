#include "jobs/repo/lock.h"

#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const auto lock = repo::DecodeLock({data, size});
  if (!lock) return 0;
  const std::string text = repo::EncodeLock(*lock);
  const auto again = repo::DecodeLock(AsBytes(text));
  fuzz::Require(again && again->exclusive == lock->exclusive && repo::EncodeLock(*again) == text,
                "what was read is written as it was");
  return 0;
}
