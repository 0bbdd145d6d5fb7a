// A page of docs/ whose blocks of commands (```sh) are run as they stand, as somebody would who
// copies them into a shell. What its first block sets by default (NAME=${NAME:-...}) a test sets
// otherwise by the environment, and nothing else.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/e2e/kubectl.h"

namespace holdfast::e2e {

struct Block {
  std::string heading;  // of the section it is in; empty above the first
  int line = 0;         // of its first command, in the file
  std::string commands;
};

// The ```sh blocks of a Markdown text, in order. Blocks of other languages are none.
std::vector<Block> ShellBlocks(const std::string& markdown);

class Runbook {
 public:
  // `path` from the root of the sources. Throws std::runtime_error when there is no such file, or
  // no block in it.
  explicit Runbook(std::string path);

  void Set(const std::string& name, const std::string& value);

  // The blocks above the first heading, and those of each section whose heading begins with one of
  // `sections` (of all when there is none), in the file's order, in one bash that ends at the first
  // command that fails. Throws when a section has no block.
  Output Run(const std::vector<std::string>& sections = {});

  // Headings of the sections whose blocks no Run() had: what no test has tried.
  std::vector<std::string> NotRun() const;

 private:
  std::string Script(const std::vector<std::string>& sections);

  const std::string path_;
  std::vector<Block> blocks_;
  std::vector<bool> run_;  // by block
  std::vector<std::pair<std::string, std::string>> environment_;
};

}  // namespace holdfast::e2e
