// The chunker against the loop that the format's definition suggests.
#include <array>
#include <cstdlib>

#include "jobs/repo/chunker.h"
#include "tests/bench/stages/material.h"

namespace holdfast::bench {
namespace {

using repo::ChunkerTables;
using repo::kChunkWindow;
using repo::kMaxChunk;
using repo::kMinChunk;

constexpr std::size_t kStream = 64 * 1024 * 1024;
constexpr repo::Polynomial kPolynomial = 0x3DA3358B4DC173;  // of restic's own tests
constexpr std::uint64_t kCutMask = (1ULL << 20) - 1;

// Two look-ups a byte in a chain, as restic does it. Returns the number of chunks.
std::size_t Textbook(ByteView data, const ChunkerTables& tables) {
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

std::size_t Ours(ByteView data, const std::shared_ptr<const ChunkerTables>& tables) {
  std::size_t chunks = 0;
  repo::Chunker chunker(tables);
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
  const auto tables = ChunkerTables::For(kPolynomial);
  const Bytes stream = Stream(state);
  for (auto _ : state) benchmark::DoNotOptimize(Textbook(stream, *tables));
  ReportBytes(state, kStream);
}

void Chunker(benchmark::State& state) {
  const auto tables = ChunkerTables::For(kPolynomial);
  const Bytes stream = Stream(state);
  if (Ours(stream, tables) != Textbook(stream, *tables)) {
    state.SkipWithError("the cuts differ from the textbook's");
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(Ours(stream, tables));
  ReportBytes(state, kStream);
}

void Streams(benchmark::internal::Benchmark* stage) {
  stage->ArgName("random:0_pages:1_zeros")->DenseRange(0, 2)->Unit(benchmark::kMillisecond);
}

BENCHMARK(ChunkerTextbook)->Apply(Streams);
BENCHMARK(Chunker)->Apply(Streams);

}  // namespace
}  // namespace holdfast::bench
