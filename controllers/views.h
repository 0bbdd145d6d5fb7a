// What controllers keep of Kubernetes' own objects: only the fields they decide by.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "crds/types/parts.h"
#include "operator/kube/api.h"
#include "operator/kube/object_key.h"

namespace holdfast::controllers {

struct OwnerView {
  std::string kind;
  std::string name;
  std::string uid;
};

struct JobView {
  kube::ObjectKey key;
  std::string uid;
  std::map<std::string, std::string> labels;
  OwnerView owner;  // the controlling one; empty for none
  TimePoint created{};
  std::optional<TimePoint> completed;  // when it was seen to be complete, in whole seconds
  bool deleting = false;
  bool suspended = false;
  int active = 0;
  int failed = 0;         // pods that failed so far
  bool complete = false;  // condition Complete
  bool broken = false;    // condition Failed: no more pods will be made
  std::string
      reason;  // of that condition: BackoffLimitExceeded, DeadlineExceeded, PodFailurePolicy
  std::string message;
  bool expires = false;  // ttlSecondsAfterFinished is set: its outcome has been recorded

  bool Finished() const { return complete || broken; }
};

struct ContainerView {
  bool running = false;
  std::string waiting_reason;  // ImagePullBackOff, CreateContainerConfigError, ...
  std::string waiting_message;
  std::optional<int> exit_code;   // of its last termination
  std::string terminated_reason;  // OOMKilled, Error, Completed
  std::string termination_message;
};

// A mover's pod, or one that mounts a claim of interest. Its own container is the mover's, or the
// first; while an init container is held up, what holds that up is said of it.
struct PodView : ContainerView {
  kube::ObjectKey key;
  std::string uid;
  std::map<std::string, std::string> labels;
  OwnerView owner;
  TimePoint created{};
  bool deleting = false;
  std::string phase;                  // Pending, Running, Succeeded, Failed, Unknown
  std::string node;                   // empty while unscheduled
  std::vector<std::string> claims;    // names of the claims it mounts
  std::string unscheduled_message;    // the scheduler's words while PodScheduled is False
  std::optional<ContainerView> dump;  // the dump's container beside a mover's

  // Whether it may still use its volumes.
  bool Finished() const { return phase == "Succeeded" || phase == "Failed"; }
};

struct StatefulSetView {
  kube::ObjectKey key;
  std::string uid;
  std::map<std::string, std::string> labels;
  std::int64_t generation = 0;
  std::int64_t observed_generation = 0;
  bool deleting = false;
  int replicas = 1;          // wanted
  int current_replicas = 0;  // pods that exist (status.replicas)
  int ready_replicas = 0;
  int first_ordinal = 0;
  std::vector<std::string> claim_templates;  // names, in order
  // As whom its pods use the volume of a claim template (SecurityOf), where the pods' template says
  // anything of it.
  std::map<std::string, crds::MoverSecurityContext> security;
};

// Those that a policy protects (target.h), by name; none is null.
using StatefulSets = std::vector<const StatefulSetView*>;

// A PersistentVolumeClaim.
struct ClaimView {
  kube::ObjectKey key;
  std::string uid;
  std::map<std::string, std::string> labels;
  OwnerView owner;
  TimePoint created{};
  bool deleting = false;
  std::string storage_class;
  std::string provisioner;  // as the volume controller noted it; empty for volumes made by hand
  std::string capacity;     // of the volume; what was asked for while there is none
  bool block = false;       // volumeMode Block
  bool many_nodes = false;  // ReadWriteMany or ReadOnlyMany
  bool one_pod = false;     // ReadWriteOncePod
  bool bound = false;
};

// Or a VolumeGroupSnapshot: it has these fields but for restore_size.
struct VolumeSnapshotView {
  kube::ObjectKey key;
  std::string uid;
  std::map<std::string, std::string> labels;
  OwnerView owner;
  TimePoint created{};
  bool deleting = false;
  std::optional<TimePoint> cut;  // by the storage: what is written later is not in it
  bool ready = false;            // claims can be made from it
  std::string restore_size;      // of such a claim, at least; empty while it is not known
  std::string error;             // of the last attempt
};

// Or a VolumeGroupSnapshotClass: it has the same fields.
struct VolumeSnapshotClassView {
  std::string name;
  std::string driver;
  bool is_default = false;
  bool retains = false;  // deletionPolicy Retain
};

struct StorageClassView {
  std::string name;
  std::string provisioner;
  bool retains = false;  // reclaimPolicy Retain
};

// The controlling owner; empty for none.
OwnerView DecodeOwner(const Json& object);
// Its name alone.
Result<std::string> DecodeName(const Json& object);
Result<ClaimView> DecodeClaim(const Json& object);
Result<VolumeSnapshotView> DecodeVolumeSnapshot(const Json& object);
Result<VolumeSnapshotClassView> DecodeVolumeSnapshotClass(const Json& object);
Result<StorageClassView> DecodeStorageClass(const Json& object);
Result<JobView> DecodeJob(const Json& object);
Result<PodView> DecodePod(const Json& object);
Result<StatefulSetView> DecodeStatefulSet(const Json& object);

// All that the API server has now, decoded.
template <typename View>
Result<std::vector<View>> ListAll(const kube::Api& api, const kube::Resource& resource,
                                  const kube::ListOptions& options,
                                  Result<View> (*decode)(const Json&), std::stop_token stop) {
  std::vector<View> views;
  const auto keep = [&](const Json& object) -> Result<void> {
    TRY(View view, decode(object));
    views.push_back(std::move(view));
    return {};
  };
  TRY_VOID(api.List(resource, options, keep, stop));
  return views;
}

}  // namespace holdfast::controllers
