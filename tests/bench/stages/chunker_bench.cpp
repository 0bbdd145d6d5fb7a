// The chunker against the loop that the format's definition suggests.
#include <array>
#include <cstdlib>

#include "jobs/repo/chunker.h"
#include "tests/bench/stages/material.h"

namespace holdfast::bench {
namespace {

using repo::CutKernel;
using repo::CutSearch;
using repo::kChunkWindow;
using repo::kCutMask;
using repo::kMaxChunk;
using repo::kMinChunk;
using repo::Mod;
using repo::Polynomial;

constexpr std::size_t kStream = 64 * 1024 * 1024;
constexpr Polynomial kPolynomial = 0x3DA3358B4DC173;  // of restic's own tests

// What the textbook's loop looks up; by the bench's own means, so that it stays what it is.
struct Tables {
  Tables() {
    for (std::uint64_t byte = 0; byte < 256; ++byte) {
      const Polynomial above = byte << repo::kPolynomialDegree;
      mod[byte] = Mod(above, kPolynomial) | above;
      out[byte] = byte;
      for (std::size_t i = 1; i < kChunkWindow; ++i) out[byte] = Mod(out[byte] << 8, kPolynomial);
    }
  }
  std::array<std::uint64_t, 256> out, mod;
};

// Two look-ups a byte in a chain, as restic does it. Returns the number of chunks.
std::size_t Textbook(ByteView data) {
  static const Tables tables;
  std::size_t chunks = 0;
  for (std::size_t start = 0; start < data.size(); ++chunks) {
    const std::size_t end = std::min(start + kMaxChunk, data.size());
    std::array<std::uint8_t, kChunkWindow> window{};
    std::uint64_t digest = 0;
    std::size_t at = std::min(start + kMinChunk - kChunkWindow, end), oldest = 0;
    for (bool cut = false; at < end && !cut; ++at) {
      digest ^= tables.out[window[oldest]];
      window[oldest] = data[at];
      oldest = (oldest + 1) % kChunkWindow;
      const std::uint64_t top = digest >> (repo::kPolynomialDegree - 8);
      digest = ((digest << 8) | data[at]) ^ tables.mod[top];
      cut = (digest & kCutMask) == 0 && at + 1 - start >= kMinChunk;
    }
    start = at;
  }
  return chunks;
}

std::size_t Ours(ByteView data, const std::shared_ptr<const CutSearch>& search) {
  std::size_t chunks = 0;
  repo::Chunker chunker(search);
  while (!data.empty()) {
    data = data.subspan(chunker.Next(data).value_or(data.size()));
    ++chunks;
  }
  return chunks;
}

Bytes Stream(const benchmark::State& state) {
  switch (state.range(0)) {
    case 0:
      return RandomBytes(kStream);
    case 1:
      return TablePages(kStream);
    default:
      return Bytes(kStream);
  }
}

void ChunkerTextbook(benchmark::State& state) {
  const Bytes stream = Stream(state);
  for (auto _ : state) benchmark::DoNotOptimize(Textbook(stream));
  ReportBytes(state, kStream);
}

// By the kernels of this processor, the fastest last.
void Chunker(benchmark::State& state) {
  const auto kernel = static_cast<CutKernel>(state.range(1));
  const auto search = std::make_shared<const CutSearch>(kPolynomial, kernel);
  const Bytes stream = Stream(state);
  if (Ours(stream, search) != Textbook(stream)) {
    state.SkipWithError("the cuts differ from the textbook's");
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(Ours(stream, search));
  ReportBytes(state, kStream);
}

constexpr const char* kStreamNames = "random:0_pages:1_zeros";

void Kernels(benchmark::internal::Benchmark* stage) {
  stage->ArgNames({kStreamNames, "kernel"})->Unit(benchmark::kMillisecond);
  for (const CutKernel kernel : CutSearch::Kernels())
    for (const std::int64_t stream : {0, 1, 2}) stage->Args({stream, static_cast<int>(kernel)});
}

BENCHMARK(ChunkerTextbook)->ArgName(kStreamNames)->DenseRange(0, 2)->Unit(benchmark::kMillisecond);
BENCHMARK(Chunker)->Apply(Kernels);

}  // namespace
}  // namespace holdfast::bench
