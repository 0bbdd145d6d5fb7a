#include "controllers/views.h"

#include <span>

#include "controllers/mover_job.h"
#include "controllers/workload.h"

namespace holdfast::controllers {
namespace {

std::map<std::string, std::string> Labels(const Json& object) {
  std::map<std::string, std::string> labels;
  if (const Json* found = Find(object, {"metadata", "labels"}); found && found->is_object())
    for (const auto& [name, value] : found->items())
      if (value.is_string()) labels[name] = value.get<std::string>();
  return labels;
}

int Count(const Json& object, std::initializer_list<std::string_view> path, int missing = 0) {
  return static_cast<int>(FindInt(object, path).value_or(missing));
}

// The array at `path`, or an empty one.
const Json& Array(const Json& object, std::initializer_list<std::string_view> path) {
  static const Json kEmpty = Json::array();
  const Json* found = Find(object, path);
  return found != nullptr && found->is_array() ? *found : kEmpty;
}

// The fields that every view starts with. Invalid without a name: no API server sends that.
template <typename View>
Result<void> DecodeMeta(const Json& object, View& view) {
  view.key = {FindString(object, {"metadata", "namespace"}),
              FindString(object, {"metadata", "name"})};
  if (view.key.name.empty()) return Fail(Code::kInvalid, "an object without metadata.name");
  view.uid = FindString(object, {"metadata", "uid"});
  view.labels = Labels(object);
  view.deleting = Find(object, {"metadata", "deletionTimestamp"}) != nullptr;
  return {};
}

TimePoint Created(const Json& object) {
  return ParseTime(FindString(object, {"metadata", "creationTimestamp"})).value_or(TimePoint{});
}

void DecodeJobConditions(const Json& object, JobView& view) {
  for (const Json& condition : Array(object, {"status", "conditions"})) {
    if (FindString(condition, {"status"}) != "True") continue;
    const std::string type = FindString(condition, {"type"});
    if (type != "Complete" && type != "Failed") continue;
    (type == "Complete" ? view.complete : view.broken) = true;
    view.reason = FindString(condition, {"reason"});
    view.message = FindString(condition, {"message"});
  }
}

void DecodeTermination(const Json& terminated, ContainerView& view) {
  view.exit_code = Count(terminated, {"exitCode"});
  view.terminated_reason = FindString(terminated, {"reason"});
  view.termination_message = FindString(terminated, {"message"});
}

ContainerView DecodeContainer(const Json& status) {
  ContainerView view;
  view.running = Find(status, {"state", "running"}) != nullptr;
  view.waiting_reason = FindString(status, {"state", "waiting", "reason"});
  view.waiting_message = FindString(status, {"state", "waiting", "message"});
  if (const Json* now = Find(status, {"state", "terminated"}))
    DecodeTermination(*now, view);
  else if (const Json* before = Find(status, {"lastState", "terminated"}))
    DecodeTermination(*before, view);
  return view;
}

// The kubelet sorts them by name.
void DecodeContainers(const Json& object, PodView& view) {
  const Json& statuses = Array(object, {"status", "containerStatuses"});
  const Json* own = statuses.empty() ? nullptr : &statuses.front();
  for (const Json& status : statuses) {
    const std::string name = FindString(status, {"name"});
    if (name == kMoverContainer) own = &status;
    if (name == kDumpContainer) view.dump = DecodeContainer(status);
  }
  if (own != nullptr) static_cast<ContainerView&>(view) = DecodeContainer(*own);
  for (const Json& status : Array(object, {"status", "initContainerStatuses"})) {
    const ContainerView init = DecodeContainer(status);
    if (init.waiting_reason.empty() || init.waiting_reason == "PodInitializing") continue;
    view.waiting_reason = init.waiting_reason;
    view.waiting_message = init.waiting_message;
  }
}

// The current name of the annotation, and the one before Kubernetes 1.23.
constexpr const char* kProvisionerAnnotations[] = {"volume.kubernetes.io/storage-provisioner",
                                                   "volume.beta.kubernetes.io/storage-provisioner"};

std::string AnyOf(const Json& object, std::initializer_list<std::string_view> path,
                  std::span<const char* const> keys) {
  const Json* found = Find(object, path);
  for (const char* key : keys)
    if (std::string value = found == nullptr ? "" : FindString(*found, {key}); !value.empty())
      return value;
  return {};
}

bool IsForManyNodes(const Json& claim) {
  for (const Json& mode : Array(claim, {"spec", "accessModes"}))
    if (mode == "ReadWriteMany" || mode == "ReadOnlyMany") return true;
  return false;
}

}  // namespace

OwnerView DecodeOwner(const Json& object) {
  const Json* references = Find(object, {"metadata", "ownerReferences"});
  if (references == nullptr || !references->is_array()) return {};
  for (const Json& reference : *references)
    if (reference.value("controller", false))
      return {FindString(reference, {"kind"}), FindString(reference, {"name"}),
              FindString(reference, {"uid"})};
  return {};
}

Result<std::string> DecodeName(const Json& object) {
  return FindString(object, {"metadata", "name"});
}

Result<ClaimView> DecodeClaim(const Json& object) {
  ClaimView view;
  TRY_VOID(DecodeMeta(object, view));
  view.owner = DecodeOwner(object);
  view.created = Created(object);
  view.storage_class = FindString(object, {"spec", "storageClassName"});
  view.provisioner = AnyOf(object, {"metadata", "annotations"}, kProvisionerAnnotations);
  view.capacity = FindString(object, {"status", "capacity", "storage"});
  if (view.capacity.empty())
    view.capacity = FindString(object, {"spec", "resources", "requests", "storage"});
  view.block = FindString(object, {"spec", "volumeMode"}) == "Block";
  view.many_nodes = IsForManyNodes(object);
  for (const Json& mode : Array(object, {"spec", "accessModes"}))
    if (mode == "ReadWriteOncePod") view.one_pod = true;
  view.bound = FindString(object, {"status", "phase"}) == "Bound";
  return view;
}

Result<VolumeSnapshotView> DecodeVolumeSnapshot(const Json& object) {
  VolumeSnapshotView view;
  TRY_VOID(DecodeMeta(object, view));
  view.owner = DecodeOwner(object);
  view.created = Created(object);
  if (const auto cut = ParseTime(FindString(object, {"status", "creationTime"}))) view.cut = *cut;
  const Json* ready = Find(object, {"status", "readyToUse"});
  view.ready = ready != nullptr && *ready == true;
  view.restore_size = FindString(object, {"status", "restoreSize"});
  view.error = FindString(object, {"status", "error", "message"});
  return view;
}

Result<VolumeSnapshotClassView> DecodeVolumeSnapshotClass(const Json& object) {
  constexpr const char* kDefault[] = {"snapshot.storage.kubernetes.io/is-default-class",
                                      "groupsnapshot.storage.kubernetes.io/is-default-class"};
  VolumeSnapshotClassView view;
  view.name = FindString(object, {"metadata", "name"});
  view.driver = FindString(object, {"driver"});
  view.is_default = AnyOf(object, {"metadata", "annotations"}, kDefault) == "true";
  view.retains = FindString(object, {"deletionPolicy"}) == "Retain";
  return view;
}

Result<StorageClassView> DecodeStorageClass(const Json& object) {
  StorageClassView view;
  view.name = FindString(object, {"metadata", "name"});
  view.provisioner = FindString(object, {"provisioner"});
  view.retains = FindString(object, {"reclaimPolicy"}) == "Retain";
  return view;
}

Result<JobView> DecodeJob(const Json& object) {
  JobView view;
  TRY_VOID(DecodeMeta(object, view));
  view.owner = DecodeOwner(object);
  view.created = Created(object);
  const Json* suspended = Find(object, {"spec", "suspend"});
  if (const auto time = ParseTime(FindString(object, {"status", "completionTime"})))
    view.completed = *time;
  view.suspended = suspended != nullptr && *suspended == true;
  view.active = Count(object, {"status", "active"});
  view.failed = Count(object, {"status", "failed"});
  view.expires = Find(object, {"spec", "ttlSecondsAfterFinished"}) != nullptr;
  DecodeJobConditions(object, view);
  return view;
}

Result<PodView> DecodePod(const Json& object) {
  PodView view;
  TRY_VOID(DecodeMeta(object, view));
  view.owner = DecodeOwner(object);
  view.created = Created(object);
  view.phase = FindString(object, {"status", "phase"});
  view.node = FindString(object, {"spec", "nodeName"});
  for (const Json& volume : Array(object, {"spec", "volumes"}))
    if (auto claim = FindString(volume, {"persistentVolumeClaim", "claimName"}); !claim.empty())
      view.claims.push_back(std::move(claim));
  for (const Json& condition : Array(object, {"status", "conditions"}))
    if (FindString(condition, {"type"}) == "PodScheduled" &&
        FindString(condition, {"status"}) == "False")
      view.unscheduled_message = FindString(condition, {"message"});
  DecodeContainers(object, view);
  return view;
}

Result<StatefulSetView> DecodeStatefulSet(const Json& object) {
  StatefulSetView view;
  TRY_VOID(DecodeMeta(object, view));
  view.generation = FindInt(object, {"metadata", "generation"}).value_or(0);
  view.observed_generation = FindInt(object, {"status", "observedGeneration"}).value_or(0);
  view.replicas = Count(object, {"spec", "replicas"}, 1);
  view.current_replicas = Count(object, {"status", "replicas"});
  view.ready_replicas = Count(object, {"status", "readyReplicas"});
  view.first_ordinal = Count(object, {"spec", "ordinals", "start"});
  for (const Json& claim : Array(object, {"spec", "volumeClaimTemplates"}))
    view.claim_templates.push_back(FindString(claim, {"metadata", "name"}));
  if (const Json* pod = Find(object, {"spec", "template", "spec"}))
    for (const std::string& name : view.claim_templates)
      if (auto security = SecurityOf(*pod, name); security != crds::MoverSecurityContext{})
        view.security[name] = std::move(security);
  return view;
}

}  // namespace holdfast::controllers
