#include "controllers/labels.h"

#include "base/hash.h"

namespace holdfast::controllers {

constexpr std::size_t kMaxValue = 63;
constexpr std::size_t kHashDigits = 10;

std::string LabelValue(std::string_view name) {
  if (name.size() <= kMaxValue) return std::string(name);
  return std::string(name.substr(0, kMaxValue - kHashDigits - 1)) + "-" +
         ShortHash(name, kHashDigits);
}

}  // namespace holdfast::controllers
