// The one write of a reconcile.
#pragma once

#include <optional>
#include <stop_token>
#include <utility>

#include "controllers/context.h"
#include "controllers/kinds.h"

namespace holdfast::controllers {

// Makes `status` the object's, unless it is already: a status that says nothing new is not written,
// so that resourceVersion stands still while nothing happens. Returns the object as it was written;
// nullopt when nothing was, also because the object went meanwhile.
template <typename Kind, typename Status>
Result<std::optional<Kind>> WriteStatus(const Context& context, const Kind& object,
                                        const Status& status, std::stop_token stop) {
  if (object.status == status) return std::nullopt;
  Kind changed = object;
  changed.status = status;
  const Json body = crds::EncodeStatus(changed);
  const auto written =
      context.api.ApplyStatus(ResourceOf<Kind>(), KeyOf(object.metadata), body.at("status"), stop);
  if (!written && IsAbsent(written.error())) return std::nullopt;
  if (!written) return tl::make_unexpected(written.error());
  TRY(Kind now, crds::Decode<Kind>(*written));
  return std::optional<Kind>(std::move(now));
}

// The object as the API server has it now; nullopt when it is gone. Root objects are read live: a
// cache that does not show our last status yet would make us decide, and announce, twice.
template <typename Kind>
Result<std::optional<Kind>> ReadLive(const Context& context, const kube::ObjectKey& key,
                                     std::stop_token stop) {
  const auto found = context.api.Get(ResourceOf<Kind>(), key, stop);
  if (!found && IsAbsent(found.error())) return std::nullopt;
  if (!found) return tl::make_unexpected(found.error());
  TRY(Kind object, crds::Decode<Kind>(*found));
  return std::optional<Kind>(std::move(object));
}

}  // namespace holdfast::controllers
