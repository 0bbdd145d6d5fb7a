// The Kubernetes API in the verbs that controllers use. Objects are JSON here; typed structs are made
// by the caches' decoders.
//
// Errors by status: 404 NotFound, 409 AlreadyExists or Conflict (by the Status object's reason), 410
// Gone, 400/422 Invalid, 401/403 Denied, 429/5xx and no answer Unavailable, 408/504 Timeout. The
// message is the API server's own, with "VERB resource namespace/name: " in front.
//
// Threads: all methods block and may be called from many threads.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "operator/kube/object_key.h"
#include "operator/kube/transport.h"

namespace holdfast::kube {

// The field manager of every write (Server-Side Apply).
inline constexpr const char* kFieldManager = "holdfast";

struct ListOptions {
  std::string ns;              // empty lists all namespaces
  std::string label_selector;  // "holdfast.dev/policy=hourly,app"
  std::string field_selector;
  int page_size = 500;
};

struct DeleteOptions {
  std::string uid;  // precondition: only this very object; empty for none
  // "Background" also deletes what the object owns, after it; "Foreground" before it.
  std::string propagation = "Background";
};

struct LogOptions {
  std::string container;
  int tail_lines = 20;
  int limit_bytes = 16384;
};

class Api {
 public:
  // `transport` must outlive the Api.
  explicit Api(Transport& transport);

  Result<Json> Get(const Resource& resource, const ObjectKey& key, std::stop_token stop) const;

  // Visits every object, page by page (`limit` and `continue`), and returns the resourceVersion of
  // the list, to watch from. A 410 for an expired `continue` comes back as Gone: list again.
  Result<std::string> List(const Resource& resource, const ListOptions& options,
                           const std::function<Result<void>(const Json&)>& visit,
                           std::stop_token stop) const;

  // The object as stored. AlreadyExists when the name is taken.
  Result<Json> Create(const Resource& resource, const std::string& ns, const Json& object,
                      std::stop_token stop) const;

  // Server-Side Apply with force: `object` holds apiVersion, kind, metadata.name and the fields
  // that are ours, no more.
  Result<Json> Apply(const Resource& resource, const ObjectKey& key, const Json& object,
                     std::stop_token stop) const;

  // The same on the status subresource: `status` becomes exactly our part of it.
  Result<Json> ApplyStatus(const Resource& resource, const ObjectKey& key, const Json& status,
                           std::stop_token stop) const;

  // JSON merge patch (RFC 7386) of the object, or of a subresource such as "scale".
  Result<Json> MergePatch(const Resource& resource, const ObjectKey& key, const Json& patch,
                          std::stop_token stop, std::string_view subresource = "") const;

  // NotFound is an Error here too; callers that want absence ask IsAbsent.
  Result<void> Delete(const Resource& resource, const ObjectKey& key, const DeleteOptions& options,
                      std::stop_token stop) const;

  // The end of a container's log. NotFound when pod or container have not started.
  Result<std::string> PodLog(const ObjectKey& pod, const LogOptions& options,
                             std::stop_token stop) const;

  Transport& transport() const { return transport_; }

 private:
  Transport& transport_;
};

// The built-in resources that Holdfast touches.
extern const Resource kPods;
extern const Resource kPersistentVolumeClaims;
extern const Resource kPersistentVolumes;
extern const Resource kStatefulSets;
extern const Resource kJobs;
extern const Resource kEvents;
extern const Resource kLeases;

}  // namespace holdfast::kube
