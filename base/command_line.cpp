#include "base/command_line.h"

#include <algorithm>

namespace holdfast {

Result<void> CheckOptionValues(const std::vector<std::string>& words) {
  const auto end = std::ranges::find(words, "--");
  const auto empty = std::find_if(words.begin(), end, [](const std::string& word) {
    return word.starts_with("--") && word.find('=') == word.size() - 1;
  });
  if (empty == end) return {};
  const std::string option = empty->substr(0, empty->size() - 1);
  return Fail(Code::kInvalid, *empty + " has no value; write " + *empty + "VALUE, or " + option +
                                  " \"\" for an empty one");
}

}  // namespace holdfast
