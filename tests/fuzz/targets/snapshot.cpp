#include "jobs/repo/snapshot.h"

#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const auto snapshot = repo::DecodeSnapshot({data, size});
  if (!snapshot) return 0;
  // Bytes that are not UTF-8 become U+FFFD when written, so that the texts are compared.
  const std::string text = repo::EncodeSnapshot(*snapshot);
  const auto again = repo::DecodeSnapshot(AsBytes(text));
  fuzz::Require(again && repo::EncodeSnapshot(*again) == text,
                "what was read is written as it was");
  return 0;
}
