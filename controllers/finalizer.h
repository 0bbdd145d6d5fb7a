// Finalizers of our own kinds.
#pragma once

#include <algorithm>
#include <stop_token>
#include <string>
#include <vector>

#include "controllers/context.h"
#include "controllers/kinds.h"
#include "controllers/write_status.h"

namespace holdfast::controllers {

inline bool HasFinalizer(const crds::ObjectMeta& metadata, const char* finalizer) {
  return std::ranges::find(metadata.finalizers, finalizer) != metadata.finalizers.end();
}

// The list is replaced as a whole, so it must not have changed since it was read: resourceVersion
// makes that a Conflict. An object that is gone is success.
template <typename Kind>
Result<void> SetFinalizer(const Context& context, const Kind& object, const char* finalizer,
                          bool wanted, std::stop_token stop) {
  std::vector<std::string> finalizers = object.metadata.finalizers;
  std::erase(finalizers, finalizer);
  if (wanted) finalizers.emplace_back(finalizer);
  const Json patch = {
      {"metadata",
       {{"resourceVersion", object.metadata.resource_version}, {"finalizers", finalizers}}}};
  const auto set = context.api.MergePatch(ResourceOf<Kind>(), KeyOf(object.metadata), patch, stop);
  NoteWrite(CacheOf<Kind>(context.caches).freshness(), KeyOf(object.metadata), set);
  if (!set && !IsAbsent(set.error())) return tl::make_unexpected(set.error());
  return {};
}

}  // namespace holdfast::controllers
