// SHA-256: a single OpenSSL stream against ours.
#include <array>
#include <thread>

#include <openssl/evp.h>

#include "jobs/repo/hash_many.h"
#include "jobs/repo/id.h"
#include "tests/bench/stages/material.h"

namespace holdfast::bench {
namespace {

void Sha256OpenSsl(benchmark::State& state) {
  const Bytes content = RandomBytes(static_cast<std::size_t>(state.range(0)));
  repo::Id id;
  for (auto _ : state) {
    EVP_Digest(content.data(), content.size(), id.bytes.data(), nullptr, EVP_sha256(), nullptr);
    benchmark::DoNotOptimize(id);
  }
  ReportBytes(state, content.size());
}

void IdOf(benchmark::State& state) {
  const Bytes content = RandomBytes(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(repo::Id::Of(content));
  ReportBytes(state, content.size());
}

// Two contents of the size at once, by the kernels of this processor.
void HashTwo(benchmark::State& state) {
  const Bytes content = RandomBytes(static_cast<std::size_t>(state.range(0)));
  const std::array<ByteView, 2> contents = {content, content};
  std::array<repo::Id, 2> ids;
  for (auto _ : state) {
    repo::HashMany(contents, ids, static_cast<repo::HashKernel>(state.range(1)));
    benchmark::DoNotOptimize(ids);
  }
  if (ids[0] != repo::Id::Of(content) || ids[1] != ids[0])
    state.SkipWithError("the digests differ from OpenSSL's");
  ReportBytes(state, 2 * content.size());
}

void Kernels(benchmark::internal::Benchmark* stage) {
  stage->ArgNames({"bytes", "kernel"});
  for (const repo::HashKernel kernel : repo::HashKernels())
    for (const std::int64_t size : {50, 12 << 10, 1 << 20})
      stage->Args({size, static_cast<int>(kernel)});
}

// A tiny file, a source file, a chunk; and whether the cores add up.
void Sizes(benchmark::internal::Benchmark* stage) {
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  stage->ArgName("bytes")->Arg(50)->Arg(12 << 10)->Arg(1 << 20)->ThreadRange(1, cores);
}

BENCHMARK(Sha256OpenSsl)->Apply(Sizes);
BENCHMARK(IdOf)->Apply(Sizes);
BENCHMARK(HashTwo)->Apply(Kernels);

}  // namespace
}  // namespace holdfast::bench
