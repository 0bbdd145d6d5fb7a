// The input is patterns, one a line; the last line is the path they are asked about.
#include "jobs/engine/exclude.h"

#include "tests/fuzz/target.h"

namespace {

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines(1);
  for (const char c : text) {
    if (c == '\n')
      lines.emplace_back();
    else
      lines.back() += c;
  }
  return lines;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  std::vector<std::string> lines = Lines(AsText({data, size}));
  const std::string path = "/" + lines.back();
  lines.pop_back();
  const auto list = engine::ExcludeList::Parse(lines);
  if (!list) return 0;
  const bool excluded = list->Excludes(path);
  fuzz::Require(list->Excludes(path) == excluded, "the answer stays the same");
  fuzz::Require(!excluded || !list->empty(), "no pattern excludes nothing");
  return 0;
}
