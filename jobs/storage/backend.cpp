#include "jobs/storage/backend.h"

#include <algorithm>

namespace holdfast::storage {

Result<void> Backend::LoadInto(const Handle& handle, std::uint64_t offset,
                               std::span<std::uint8_t> into, std::stop_token stop) {
  // No bytes are not asked for: to Load that would mean all of them.
  if (into.empty()) return {};
  TRY(const Bytes data, Load(handle, offset, into.size(), std::move(stop)));
  std::ranges::copy(data, into.begin());
  return {};
}

}  // namespace holdfast::storage
