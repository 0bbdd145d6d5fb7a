// The Kubernetes API in the verbs that controllers use. Objects are JSON here; typed structs are
// made by the caches' decoders.
//
// Errors by status: 404 NotFound, 409 AlreadyExists or Conflict (by the Status object's reason),
// 410 Gone, 400/422 Invalid, 401/403 Denied, 429/5xx and no answer Unavailable, 408/504 Timeout.
// A namespace that is being deleted answers Gone to whatever is new in it, not Denied.
// The message is the API server's own, with "VERB resource namespace/name: " in front.
//
// A 429 or 503 with Retry-After is obeyed: the call waits as long as the server asks, within its
// own timeout, and tries again a few times before it returns Unavailable.
//
// Threads: all methods block and may be called from many threads.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "operator/kube/object_key.h"
#include "operator/kube/request.h"
#include "operator/kube/transport.h"

namespace holdfast::kube {

class Api {
 public:
  // `transport` must outlive the Api.
  explicit Api(Transport& transport);

  Result<Json> Get(const Resource& resource, const ObjectKey& key, std::stop_token stop) const;

  // The version of an API group that the server would have clients use: "v1". NotFound for a group
  // that it does not serve.
  Result<std::string> PreferredVersion(std::string_view group, std::stop_token stop) const;

  // Visits every object as it streams in, page by page (`limit` and `continue`), and returns the
  // resourceVersion of the list, to watch from. Objects come without metadata.managedFields. A 410
  // for an expired `continue` comes back as Gone: list again.
  Result<std::string> List(const Resource& resource, const ListOptions& options,
                           const std::function<Result<void>(const Json&)>& visit,
                           std::stop_token stop) const;

  // Watches from `resource_version` until the server ends the watch, which it does after
  // `lifetime`. `on_line` gets each event as a line of JSON (watch.h reads it); its Error comes
  // back as it is. Gone when the server no longer has that version; Timeout after a silence that
  // bookmarks rule out.
  Result<void> Watch(const Resource& resource, const ListOptions& options,
                     std::string_view resource_version, std::chrono::seconds lifetime,
                     const std::function<Result<void>(std::string_view)>& on_line,
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

// The resources of others that Holdfast touches. Those of snapshot.storage.k8s.io need not be
// served.
extern const Resource kPods;
extern const Resource kPersistentVolumeClaims;
extern const Resource kPersistentVolumes;
extern const Resource kServices;
extern const Resource kServiceAccounts;
extern const Resource kStatefulSets;
extern const Resource kJobs;
extern const Resource kEvents;
extern const Resource kLeases;
extern const Resource kVolumeAttachments;
extern const Resource kHorizontalPodAutoscalers;
extern const Resource kStorageClasses;
extern const Resource kCsiDrivers;
extern const Resource kVolumeSnapshots;
extern const Resource kVolumeSnapshotClasses;

// In the version that PreferredVersion names: the group was beta for long, and each cluster serves
// others.
inline constexpr std::string_view kGroupSnapshotsGroup = "groupsnapshot.storage.k8s.io";
Resource VolumeGroupSnapshots(const std::string& version);
Resource VolumeGroupSnapshotClasses(const std::string& version);

}  // namespace holdfast::kube
