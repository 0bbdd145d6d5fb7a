#include "jobs/repo/tree.h"

#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const auto tree = repo::DecodeTree({data, size});
  if (!tree) return 0;
  for (const repo::Node& node : tree->nodes)
    fuzz::Require(!node.name.empty() && node.name != "." && node.name != ".." &&
                      node.name.find('/') == std::string::npos &&
                      node.name.find('\0') == std::string::npos,
                  "a name stays in its directory");
  const auto text = repo::EncodeTree(*tree);
  fuzz::Require(text.has_value(), "what was read can be written");
  const auto again = repo::DecodeTree(AsBytes(*text));
  fuzz::Require(again && repo::EncodeTree(*again) == *text, "what was read is written as it was");
  return 0;
}
