// SHA-256: a single OpenSSL stream against ours.
#include <thread>

#include <openssl/evp.h>

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

// A tiny file, a source file, a chunk; and whether the cores add up.
void Sizes(benchmark::internal::Benchmark* stage) {
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  stage->ArgName("bytes")->Arg(50)->Arg(12 << 10)->Arg(1 << 20)->ThreadRange(1, cores);
}

BENCHMARK(Sha256OpenSsl)->Apply(Sizes);
BENCHMARK(IdOf)->Apply(Sizes);

}  // namespace
}  // namespace holdfast::bench
