#include "jobs/storage/text_file.h"

#include <cerrno>
#include <fstream>
#include <system_error>

namespace holdfast::storage {

Result<std::string> ReadTextFile(const std::string& path) {
  constexpr std::size_t kLongest = std::size_t{1} << 20;
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return Fail(Code::kInvalid,
                "cannot read " + path + ": " + std::generic_category().message(errno));
  std::string text(kLongest + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return Fail(Code::kInvalid, "cannot read " + path);
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kLongest)
    return Fail(Code::kInvalid, path + " is too long for a file with a key");
  return text;
}

}  // namespace holdfast::storage
