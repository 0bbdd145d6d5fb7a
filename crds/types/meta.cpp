#include "crds/types/meta.h"

#include <algorithm>

namespace holdfast::crds {

const std::string& FindOrEmpty(const StringMap& map, std::string_view key) {
  static const std::string kEmpty;
  const auto found = map.find(key);
  return found == map.end() ? kEmpty : found->second;
}

const OwnerReference* ControllerOf(const ObjectMeta& metadata) {
  const auto found = std::ranges::find_if(metadata.owner_references, &OwnerReference::controller);
  return found == metadata.owner_references.end() ? nullptr : &*found;
}

}  // namespace holdfast::crds
