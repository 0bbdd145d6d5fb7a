// How a reconcile reads its root object, and its one write.
#pragma once

#include <optional>
#include <stop_token>
#include <utility>

#include "controllers/context.h"
#include "controllers/kinds.h"

namespace holdfast::controllers {

// Tells the cache of a write that it will see later. One that was refused changed nothing; of one
// whose answer did not come, or cannot be read, nobody knows.
inline void NoteWrite(kube::Freshness& freshness, const kube::ObjectKey& key,
                      const Result<Json>& written) {
  if (written) return freshness.Wrote(key, FindString(*written, {"metadata", "resourceVersion"}));
  const Code code = written.error().code;
  const bool refused = IsAbsent(written.error()) || code == Code::kGone ||
                       code == Code::kConflict || code == Code::kDenied;
  if (!refused) freshness.Lost(key);
}

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
  const kube::ObjectKey key = KeyOf(object.metadata);
  const auto written = context.api.ApplyStatus(ResourceOf<Kind>(), key, body.at("status"), stop);
  NoteWrite(CacheOf<Kind>(context.caches).freshness(), key, written);
  if (!written && IsAbsent(written.error())) return std::nullopt;
  if (!written) return tl::make_unexpected(written.error());
  TRY(Kind now, crds::Decode<Kind>(*written));
  return std::optional<Kind>(std::move(now));
}

// The object as the API server has it now; nullopt when it is gone.
template <typename Kind>
Result<std::optional<Kind>> ReadLive(const Context& context, const kube::ObjectKey& key,
                                     std::stop_token stop) {
  kube::Freshness& freshness = CacheOf<Kind>(context.caches).freshness();
  const auto found = context.api.Get(ResourceOf<Kind>(), key, stop);
  if (!found && IsAbsent(found.error())) {
    freshness.Read(key, "");
    return std::nullopt;
  }
  if (!found) return tl::make_unexpected(found.error());
  freshness.Read(key, FindString(*found, {"metadata", "resourceVersion"}));
  TRY(Kind object, crds::Decode<Kind>(*found));
  return std::optional<Kind>(std::move(object));
}

// The object as it is known to be after all that was written of it: the cache's when that shows our
// last write, and else the API server's, for by an older status we would decide, and announce,
// twice. Where the cache keeps only a record (trim.h), without a resourceVersion, it is read live.
template <typename Kind>
Result<std::optional<Kind>> ReadWritten(const Context& context, const kube::ObjectKey& key,
                                        std::stop_token stop) {
  const kube::Cache<Kind>& cache = CacheOf<Kind>(context.caches);
  // In this order: what is read is at least as new as what it was judged by.
  if (cache.freshness().Shows(key))
    if (const auto cached = cache.Get(key); cached && !cached->metadata.resource_version.empty())
      return std::optional<Kind>(*cached);
  return ReadLive<Kind>(context, key, std::move(stop));
}

}  // namespace holdfast::controllers
