// Encryption and authentication.
#include "jobs/repo/crypto.h"
#include "tests/bench/stages/material.h"

namespace holdfast::bench {
namespace {

void Poly1305(benchmark::State& state) {
  const Bytes message = RandomBytes(static_cast<std::size_t>(state.range(0)));
  const std::array<std::uint8_t, 32> key = repo::Id::Of(message).bytes;
  for (auto _ : state) benchmark::DoNotOptimize(repo::Poly1305(key, message));
  ReportBytes(state, message.size());
}

void Seal(benchmark::State& state) {
  const repo::Key key = repo::Key::Random();
  const Bytes plain = RandomBytes(static_cast<std::size_t>(state.range(0)));
  Bytes sealed(plain.size() + repo::kSealOverhead);
  for (auto _ : state) {
    key.Seal(plain, sealed);
    benchmark::DoNotOptimize(sealed.data());
  }
  ReportBytes(state, plain.size());
}

// With the copy that opening in place needs here.
void Open(benchmark::State& state) {
  const repo::Key key = repo::Key::Random();
  const Bytes plain = RandomBytes(static_cast<std::size_t>(state.range(0)));
  const Bytes sealed = key.Seal(plain);
  Bytes place(sealed.size());
  for (auto _ : state) {
    std::copy(sealed.begin(), sealed.end(), place.begin());
    if (!key.OpenInPlace(place)) state.SkipWithError("the MAC does not match");
  }
  ReportBytes(state, plain.size());
}

void Sizes(benchmark::internal::Benchmark* stage) {
  stage->ArgName("bytes")->Arg(50)->Arg(3 << 10)->Arg(1 << 20);
}

BENCHMARK(Poly1305)->Apply(Sizes);
BENCHMARK(Seal)->Apply(Sizes);
BENCHMARK(Open)->Apply(Sizes);

}  // namespace
}  // namespace holdfast::bench
