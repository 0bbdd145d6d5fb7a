#include "jobs/protocol/dump_stream.h"

#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  protocol::DumpParser whole, bytewise;
  std::uint64_t content = 0;
  bool good = true;
  for (ByteView input(data, size); good && !input.empty();) {
    const std::size_t before = input.size();
    const auto piece = whole.Next(input);
    good = piece.has_value();
    fuzz::Require(!good || input.size() < before, "every call takes something");
    if (good) content += piece->size();
  }
  bool same = true;
  for (std::size_t i = 0; same && i < size; ++i) {
    ByteView one(data + i, 1);
    while (same && !one.empty()) same = bytewise.Next(one).has_value();
  }
  fuzz::Require(good == same, "cuts do not matter");
  fuzz::Require(content == whole.length(), "the length is that of the pieces");
  fuzz::Require(!good || whole.end() == bytewise.end(), "nor do they for the end");
  fuzz::Require(!whole.end() || whole.end()->length == whole.length(), "the mark is right");
  return 0;
}
