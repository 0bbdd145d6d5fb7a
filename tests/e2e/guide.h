// The commands of a guide, for tests that follow it as it is written.
#pragma once

#include <filesystem>
#include <string>

namespace holdfast::e2e {

// A file's text; fails the test when there is none.
std::string TextOf(const std::filesystem::path& path);
// With the folders above it.
void WriteTextFile(const std::filesystem::path& path, const std::string& content);

// All that docs/guide/<page> has to be typed from `heading` on: its blocks marked `sh`.
std::string CommandsAfter(const std::string& page, const std::string& heading);

}  // namespace holdfast::e2e
