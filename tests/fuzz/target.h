// What a fuzz target includes: it defines LLVMFuzzerTestOneInput, which takes any bytes and returns
// 0. A crash, a sanitizer's report, a failed Require or an input that takes seconds is a finding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace holdfast::fuzz {

// For what must hold of everything that was accepted.
inline void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace holdfast::fuzz
