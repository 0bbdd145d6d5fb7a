#include "tests/e2e/guide.h"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

namespace holdfast::e2e {

std::string TextOf(const std::filesystem::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteTextFile(const std::filesystem::path& path, const std::string& content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << content;
}

std::string CommandsAfter(const std::string& page, const std::string& heading) {
  const std::string text = TextOf("docs/guide/" + page);
  std::string commands;
  const std::string fence = "```sh\n";
  for (std::size_t at = text.find(heading); (at = text.find(fence, at)) != text.npos;) {
    at += fence.size();
    const std::size_t end = text.find("```", at);
    commands += text.substr(at, end - at);
    at = end + 3;
  }
  return commands;
}

}  // namespace holdfast::e2e
