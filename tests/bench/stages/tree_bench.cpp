// Directories as JSON.
#include <fmt/format.h>

#include "jobs/repo/tree.h"
#include "tests/bench/stages/material.h"

namespace holdfast::bench {
namespace {

// A directory of files with one chunk each.
repo::Tree Directory(std::int64_t files) {
  repo::Tree tree;
  for (std::int64_t n = 0; n < files; ++n) {
    repo::Node node;
    node.name = fmt::format("source{:06}.cpp", n);
    node.mode = 0644;
    node.user = node.group = "postgres";
    node.inode = 1'000'000 + static_cast<std::uint64_t>(n);
    node.size = 12'700;
    node.links = 1;
    node.content = {NthId(static_cast<std::uint64_t>(n))};
    tree.nodes.push_back(node);
  }
  return tree;
}

void TreeEncode(benchmark::State& state) {
  const repo::Tree tree = Directory(state.range(0));
  std::size_t size = 0;
  for (auto _ : state) {
    const auto text = repo::EncodeTree(tree);
    if (!text) state.SkipWithError(text.error().message.c_str());
    size = text->size();
  }
  ReportBytes(state, size);
}

void TreeDecode(benchmark::State& state) {
  const auto text = repo::EncodeTree(Directory(state.range(0)));
  for (auto _ : state) {
    const auto tree = repo::DecodeTree(AsBytes(*text));
    if (!tree) state.SkipWithError(tree.error().message.c_str());
    benchmark::DoNotOptimize(tree);
  }
  ReportBytes(state, text->size());
}

BENCHMARK(TreeEncode)->ArgName("files")->Arg(10)->Arg(10'000);
BENCHMARK(TreeDecode)->ArgName("files")->Arg(10)->Arg(10'000);

}  // namespace
}  // namespace holdfast::bench
