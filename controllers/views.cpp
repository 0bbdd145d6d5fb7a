#include "controllers/views.h"

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

OwnerView Owner(const Json& object) {
  const Json* references = Find(object, {"metadata", "ownerReferences"});
  if (references == nullptr || !references->is_array()) return {};
  for (const Json& reference : *references)
    if (reference.value("controller", false))
      return {FindString(reference, {"kind"}), FindString(reference, {"name"}),
              FindString(reference, {"uid"})};
  return {};
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

void DecodeTermination(const Json& terminated, PodView& view) {
  view.exit_code = Count(terminated, {"exitCode"});
  view.terminated_reason = FindString(terminated, {"reason"});
  view.termination_message = FindString(terminated, {"message"});
}

void DecodeFirstContainer(const Json& object, PodView& view) {
  const Json& statuses = Array(object, {"status", "containerStatuses"});
  if (statuses.empty()) return;
  const Json& status = statuses.front();
  view.running = Find(status, {"state", "running"}) != nullptr;
  view.waiting_reason = FindString(status, {"state", "waiting", "reason"});
  view.waiting_message = FindString(status, {"state", "waiting", "message"});
  if (const Json* now = Find(status, {"state", "terminated"}))
    DecodeTermination(*now, view);
  else if (const Json* before = Find(status, {"lastState", "terminated"}))
    DecodeTermination(*before, view);
}

}  // namespace

Result<JobView> DecodeJob(const Json& object) {
  JobView view;
  TRY_VOID(DecodeMeta(object, view));
  view.owner = Owner(object);
  view.created = Created(object);
  view.active = Count(object, {"status", "active"});
  view.failed = Count(object, {"status", "failed"});
  view.expires = Find(object, {"spec", "ttlSecondsAfterFinished"}) != nullptr;
  DecodeJobConditions(object, view);
  return view;
}

Result<PodView> DecodePod(const Json& object) {
  PodView view;
  TRY_VOID(DecodeMeta(object, view));
  view.owner = Owner(object);
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
  DecodeFirstContainer(object, view);
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
