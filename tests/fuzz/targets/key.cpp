#include "jobs/repo/key.h"

#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const auto file = repo::DecodeKeyFile({data, size});
  if (!file) return 0;
  const std::string text = repo::EncodeKeyFile(*file);
  const auto again = repo::DecodeKeyFile(AsBytes(text));
  fuzz::Require(again && again->salt == file->salt && again->data == file->data &&
                    repo::EncodeKeyFile(*again) == text,
                "what was read is written as it was");
  return 0;
}
