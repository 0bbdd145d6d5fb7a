#include "tests/e2e/runbook.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;

std::string TextOfPage(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("there is no " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The programs that the machine's user would have installed: kubectl of the test cluster, ours.
std::string Path() {
  const char* kubectl = std::getenv("HOLDFAST_KUBECTL");
  const std::string tools = kubectl == nullptr ? "" : fs::path(kubectl).parent_path().string();
  return tools + ":" + fs::absolute("build/bin").string() + ":" + std::getenv("PATH");
}

bool BeginsWithOneOf(const std::string& heading, const std::vector<std::string>& sections) {
  return std::ranges::any_of(
      sections, [&](const std::string& section) { return heading.starts_with(section); });
}

}  // namespace

std::vector<Block> ShellBlocks(const std::string& markdown) {
  std::vector<Block> blocks;
  std::istringstream lines(markdown);
  std::string heading;
  std::string fence;  // the words behind the one that is open, with a leading mark; empty: none is
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.starts_with("```")) {
      fence = fence.empty() ? line : "";
      if (fence == "```sh") blocks.push_back({heading, number + 1, ""});
    } else if (fence == "```sh") {
      blocks.back().commands += line + "\n";
    } else if (fence.empty() && line.starts_with("## ")) {
      heading = line.substr(3);
    }
  }
  return blocks;
}

Runbook::Runbook(std::string path)
    : path_(std::move(path)), blocks_(ShellBlocks(TextOfPage(path_))), run_(blocks_.size()) {
  if (blocks_.empty()) throw std::runtime_error(path_ + " has no block of commands");
}

void Runbook::Set(const std::string& name, const std::string& value) {
  environment_.emplace_back(name, value);
}

std::string Runbook::Script(const std::vector<std::string>& sections) {
  for (const std::string& section : sections)
    if (std::ranges::none_of(blocks_, [&](const Block& block) {
          return !block.heading.empty() && block.heading.starts_with(section);
        }))
      throw std::runtime_error(path_ + " has no commands in a section \"" + section + "\"");
  std::string script;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    const bool wanted =
        block.heading.empty() || sections.empty() || BeginsWithOneOf(block.heading, sections);
    if (!wanted) continue;
    run_[i] = true;
    script += ": --- " + path_ + ":" + std::to_string(block.line) + "\n" + block.commands;
  }
  return script;
}

Output Runbook::Run(const std::vector<std::string>& sections) {
  std::vector<std::string> words = {"env", "PATH=" + Path(), "RESTIC_NO_CACHE=true"};
  for (const auto& [name, value] : environment_) words.push_back(name + "=" + value);
  for (const char* word : {"bash", "-euxo", "pipefail", "-c"}) words.emplace_back(word);
  words.push_back(Script(sections));
  return RunProgram(words);
}

std::vector<std::string> Runbook::NotRun() const {
  std::vector<std::string> headings;
  for (std::size_t i = 0; i < blocks_.size(); ++i)
    if (!run_[i]) headings.push_back(blocks_[i].heading);
  return headings;
}

}  // namespace holdfast::e2e
