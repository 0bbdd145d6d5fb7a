#include "controllers/labels.h"

#include <algorithm>

#include "base/hash.h"

namespace holdfast::controllers {

constexpr std::size_t kMaxValue = 63;
constexpr std::size_t kHashDigits = 10;

std::string LabelValue(std::string_view name) {
  std::string value(name);
  if (name.size() > kMaxValue)
    value = value.substr(0, kMaxValue - kHashDigits - 1) + "-" + ShortHash(name, kHashDigits);
  std::ranges::replace(value, '/', '_');
  return value;
}

}  // namespace holdfast::controllers
