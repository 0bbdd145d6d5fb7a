// What the stages work on, the same in every run; and how their rates are reported.
#pragma once

#include <cstdint>

#include <benchmark/benchmark.h>

#include "base/bytes.h"
#include "jobs/repo/id.h"

namespace holdfast::bench {

// Nothing in it repeats.
Bytes RandomBytes(std::size_t size);
// 8 KiB pages of short rows with much filling, as pgbench's tables have: zstd makes it about ten
// times smaller.
Bytes TablePages(std::size_t size);

// The nth of a series of ids as evenly spread as digests are.
repo::Id NthId(std::uint64_t n);

// Bytes per second, and processor time per byte.
inline void ReportBytes(benchmark::State& state, std::size_t bytes_an_iteration) {
  using benchmark::Counter;
  const auto total =
      static_cast<double>(state.iterations()) * static_cast<double>(bytes_an_iteration);
  state.SetBytesProcessed(static_cast<std::int64_t>(total));
  state.counters["per byte"] = Counter(total, Counter::kIsRate | Counter::kInvert);
}

}  // namespace holdfast::bench
