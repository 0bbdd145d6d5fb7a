// The index of a large repository: time and memory per blob.
#include "jobs/repo/index.h"
#include "tests/bench/stages/material.h"

namespace holdfast::bench {
namespace {

using repo::Blob;
using repo::Index;
using repo::PackEntry;

constexpr std::uint64_t kManyBlobs = 10'000'000;
constexpr std::uint64_t kBlobsAPack = 20;
constexpr std::uint32_t kStored = 700'000, kPlain = 1'000'000;

PackEntry NthPack(std::uint64_t n) {
  PackEntry pack{NthId(~n), {}};
  for (std::uint64_t i = 0; i < kBlobsAPack; ++i)
    pack.blobs.push_back(Blob{{repo::BlobType::kData, NthId(n * kBlobsAPack + i)},
                              static_cast<std::uint32_t>(i) * kStored,
                              kStored,
                              kPlain});
  return pack;
}

std::unique_ptr<Index> Filled(std::uint64_t blobs) {
  auto index = std::make_unique<Index>();
  for (std::uint64_t n = 0; n < blobs / kBlobsAPack; ++n) index->Add(NthPack(n));
  return index;
}

// Ten million blobs, kept for all that look up.
Index& Large() {
  static const std::unique_ptr<Index> index = [] {
    auto filled = Filled(kManyBlobs);
    filled->ShrinkToFit();
    return filled;
  }();
  return *index;
}

void ReportBlobs(benchmark::State& state, std::uint64_t blobs) {
  using benchmark::Counter;
  const auto total = static_cast<double>(state.iterations()) * static_cast<double>(blobs);
  state.counters["per blob"] = Counter(total, Counter::kIsRate | Counter::kInvert);
}

// With making the ids, a few ns each.
void IndexInsert(benchmark::State& state) {
  const auto blobs = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    const auto index = Filled(blobs);
    index->ShrinkToFit();
    state.counters["bytes/blob"] =
        static_cast<double>(index->MemoryUse()) / static_cast<double>(blobs);
  }
  ReportBlobs(state, blobs);
}

void IndexLookupKnown(benchmark::State& state) {
  Large();
  std::uint64_t n = 0;
  for (auto _ : state) {
    n = (n + 7'919) % kManyBlobs;
    if (!Large().Lookup({repo::BlobType::kData, NthId(n)})) state.SkipWithError("a blob is lost");
  }
  ReportBlobs(state, 1);
}

void IndexLookupUnknown(benchmark::State& state) {
  Large();
  std::uint64_t n = kManyBlobs;
  for (auto _ : state)
    if (Large().Has({repo::BlobType::kData, NthId(++n)})) state.SkipWithError("a blob is invented");
  ReportBlobs(state, 1);
}

std::string IndexFile() {
  std::vector<PackEntry> packs;
  for (std::uint64_t n = 0; n < 1000; ++n) packs.push_back(NthPack(n));
  return repo::EncodeIndex(packs);
}

void IndexFileEncode(benchmark::State& state) {
  std::vector<PackEntry> packs;
  for (std::uint64_t n = 0; n < 1000; ++n) packs.push_back(NthPack(n));
  for (auto _ : state) benchmark::DoNotOptimize(repo::EncodeIndex(packs));
  ReportBytes(state, IndexFile().size());
}

void IndexFileDecode(benchmark::State& state) {
  const std::string file = IndexFile();
  for (auto _ : state) {
    const auto done = repo::DecodeIndex(AsBytes(file), [](PackEntry&& pack) -> Result<void> {
      benchmark::DoNotOptimize(pack);
      return {};
    });
    if (!done) state.SkipWithError(done.error().message.c_str());
  }
  ReportBytes(state, file.size());
}

BENCHMARK(IndexInsert)
    ->ArgName("blobs")
    ->Arg(100'000)
    ->Arg(kManyBlobs)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(IndexLookupKnown);
BENCHMARK(IndexLookupUnknown);
BENCHMARK(IndexFileEncode)->Unit(benchmark::kMillisecond);
BENCHMARK(IndexFileDecode)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace holdfast::bench
