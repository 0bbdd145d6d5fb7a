// zstd by itself at several levels, and as blobs are compressed.
#include <zstd.h>

#include "jobs/repo/blob.h"
#include "tests/bench/stages/material.h"

namespace holdfast::bench {
namespace {

constexpr std::int64_t kSourceFile = 12 << 10, kChunk = 1 << 20;

Bytes Content(const benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  return state.range(1) == 0 ? TablePages(size) : RandomBytes(size);
}

void Zstd(benchmark::State& state) {
  const Bytes content = Content(state);
  Bytes frame(ZSTD_compressBound(content.size()));
  ZSTD_CCtx* context = ZSTD_createCCtx();
  for (auto _ : state)
    benchmark::DoNotOptimize(ZSTD_compressCCtx(context, frame.data(), frame.size(), content.data(),
                                               content.size(), static_cast<int>(state.range(2))));
  ZSTD_freeCCtx(context);
  ReportBytes(state, content.size());
}

void CompressBlob(benchmark::State& state) {
  const Bytes content = Content(state);
  for (auto _ : state) benchmark::DoNotOptimize(repo::Compress(content, repo::Compression::kAuto));
  ReportBytes(state, content.size());
}

void DecompressBlob(benchmark::State& state) {
  const Bytes content = Content(state);
  const ByteView compressed = repo::Compress(content, repo::Compression::kAuto);
  const Bytes frame(compressed.begin(), compressed.end());
  for (auto _ : state) {
    auto plain = repo::Decompress(frame, content.size());
    if (!plain) state.SkipWithError(plain.error().message.c_str());
    benchmark::DoNotOptimize(plain);
  }
  ReportBytes(state, content.size());
}

BENCHMARK(Zstd)
    ->ArgNames({"bytes", "random", "level"})
    ->ArgsProduct({{kSourceFile, kChunk}, {0, 1}, {1, 3, 12}});
BENCHMARK(CompressBlob)
    ->ArgNames({"bytes", "random"})
    ->ArgsProduct({{kSourceFile, kChunk}, {0, 1}});
BENCHMARK(DecompressBlob)->ArgNames({"bytes", "random"})->ArgsProduct({{kSourceFile, kChunk}, {0}});

}  // namespace
}  // namespace holdfast::bench
