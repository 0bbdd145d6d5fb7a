#include "jobs/repo/config.h"

#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const auto config = repo::DecodeConfig({data, size});
  if (!config) return 0;
  fuzz::Require(repo::IsIrreducible(config->chunker_polynomial), "the polynomial is irreducible");
  const auto again = repo::DecodeConfig(AsBytes(repo::EncodeConfig(*config)));
  fuzz::Require(again && again->id == config->id && again->version == config->version &&
                    again->chunker_polynomial == config->chunker_polynomial,
                "what was read is written as it was");
  return 0;
}
