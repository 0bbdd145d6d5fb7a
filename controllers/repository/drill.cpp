#include "controllers/repository/drill.h"

#include <algorithm>

#include "base/quantity.h"
#include "base/wording.h"
#include "controllers/kinds.h"
#include "controllers/labels.h"
#include "controllers/mover_job.h"
#include "controllers/owner.h"
#include "controllers/reasons.h"
#include "controllers/repository/upkeep.h"
#include "controllers/restore/child.h"

namespace holdfast::controllers::repository {
namespace {

using crds::RepositoryDrill;
using crds::RestorePhase;
using crds::RunState;

// Beyond the files' own size, for a file system of its own.
constexpr std::uint64_t kGiB = 1ULL << 30;

std::string Subject(const RepositoryDrill& drill) {
  return drill.claim + " of BackupPolicy " + drill.policy;
}

class Drill {
 public:
  Drill(const World& world, Plan& plan)
      : world_(world), plan_(plan), last_(plan.status.last_drill) {}

  void Decide() {
    if (last_ && last_->state == RunState::kPending) return Make();
    if (last_ && last_->state == RunState::kRunning) return Follow();
    if (world_.repository.spec.drill) StartWhenDue();
  }

 private:
  void Make() {
    plan_.make_drill = true;
    last_->state = RunState::kRunning;
  }

  void Follow() {
    if (!world_.drill)
      return Fail("Restore " + last_->restore + " was deleted before it had ended.");
    const crds::RestoreStatus& status = world_.drill->status;
    if (status.phase == RestorePhase::kSucceeded) {
      Succeed(status);
    } else if (status.phase == RestorePhase::kFailed) {
      const crds::Condition* ready = crds::FindCondition(status.conditions, crds::kReady);
      Fail(ready == nullptr ? "" : ready->message);
    } else {
      return;
    }
    plan_.end_drill = *world_.drill;
  }

  void Succeed(const crds::RestoreStatus& status) {
    last_->state = RunState::kSucceeded;
    last_->time = world_.now;
    last_->bytes = status.bytes;
    last_->duration = status.duration;
    if (status.start_time && status.completion_time)
      last_->duration_seconds = std::chrono::duration_cast<std::chrono::seconds>(
                                    *status.completion_time - *status.start_time)
                                    .count();
    last_->message = HumanBytes(static_cast<std::uint64_t>(status.bytes.value_or(0))) +
                     " restored and read back in " + status.duration;
    plan_.events.push_back({kube::EventType::kNormal, reason::kDrillPassed,
                            Subject(*last_) + ": " + last_->message + "."});
  }

  void Fail(const std::string& why) {
    last_->state = RunState::kFailed;
    last_->time = world_.now;
    last_->message = why;
    plan_.events.push_back({kube::EventType::kWarning, reason::kDrillFailed,
                            Subject(*last_) + " could not be restored: " + Stopped(why)});
  }

  void StartWhenDue() {
    const std::string& cron = world_.repository.spec.drill->schedule;
    const auto schedule = ScheduleOf(world_.repository, cron, kDrillVerb);
    if (!schedule) return;  // Decide says so
    const auto due = DueRun(*schedule, world_, last_ ? last_->time : std::nullopt);
    if (!due) {
      plan_.requeue = Sooner(plan_.requeue, RequeueAt(schedule->Next(world_.now)));
      return;
    }
    // What ends the wait is a change that brings us back.
    if (!crds::IsTrue(plan_.status.conditions, crds::kReady)) return;
    plan_.begin_drill = JobName(world_.repository.metadata.name, kDrillVerb + ("-" + Stamp(*due)));
  }

  const World& world_;
  Plan& plan_;
  std::optional<RepositoryDrill>& last_;
};

// A quarter more than the files, for what a file system needs for itself.
std::string RoomFor(std::uint64_t bytes) {
  return std::to_string((bytes + bytes / 4) / kGiB + 2) + "Gi";
}

Json SpecLike(const Json& claim) {
  Json spec = {{"resources",
                {{"requests", Find(claim, {"spec", "resources", "requests"})
                                  ? *Find(claim, {"spec", "resources", "requests"})
                                  : Json::object()}}}};
  for (const char* field : {"accessModes", "storageClassName", "volumeMode"})
    if (const Json* value = Find(claim, {"spec", field})) spec[field] = *value;
  // A volume that was grown has what it has now.
  if (const Json* capacity = Find(claim, {"status", "capacity", "storage"}))
    spec["resources"]["requests"]["storage"] = *capacity;
  return spec;
}

}  // namespace

void DecideDrill(const World& world, Plan& plan) { Drill(world, plan).Decide(); }

std::optional<Sample> NextSample(std::vector<Sample> samples,
                                 const std::optional<RepositoryDrill>& last,
                                 std::uint64_t max_size) {
  std::erase_if(samples, [&](const Sample& sample) { return sample.bytes > max_size; });
  if (samples.empty()) return std::nullopt;
  std::ranges::sort(samples);
  if (last)
    for (const Sample& sample : samples)
      if (std::tie(sample.policy, sample.claim) > std::tie(last->policy, last->claim))
        return sample;
  return samples.front();
}

crds::Restore DrillRestore(const crds::BackupRepository& repository, const RepositoryDrill& drill,
                           const Settings& settings) {
  const crds::ObjectMeta& owner = repository.metadata;
  crds::RestoreSpec spec;
  spec.source.repository = owner.name;
  spec.source.host = settings.cluster_name;
  spec.source.path = "/" + owner.namespace_ + "/" + drill.claim;
  spec.target.claims.emplace_back().to = drill.restore;
  spec.deadline = repository.spec.drill ? repository.spec.drill->deadline : "6h";
  spec.mover = repository.spec.mover;
  crds::Restore child =
      restore::ChildRestore(ReferenceTo(repository), drill.restore, kDrillVerb, std::move(spec));
  child.metadata.labels[kRepositoryLabel] = LabelValue(owner.name);
  return child;
}

Json ScratchClaim(const crds::BackupRepository& repository, const RepositoryDrill& drill,
                  const std::string& restore_uid, const Json& claim, std::uint64_t bytes) {
  Json spec = claim.is_null() ? Json{{"accessModes", {"ReadWriteOnce"}},
                                     {"resources", {{"requests", {{"storage", RoomFor(bytes)}}}}}}
                              : SpecLike(claim);
  const kube::ObjectReference owner = {
      ResourceOf<crds::Restore>(), {repository.metadata.namespace_, drill.restore}, restore_uid};
  const auto& wish = repository.spec.drill;
  if (wish && !wish->storage_class.empty()) spec["storageClassName"] = wish->storage_class;
  return {{"apiVersion", "v1"},
          {"kind", "PersistentVolumeClaim"},
          {"metadata",
           {{"name", drill.restore},
            {"namespace", repository.metadata.namespace_},
            {"labels", {{kManagedBy, kManagedByHoldfast}, {kVerbLabel, kDrillVerb}}},
            {"ownerReferences", OwnerReferences(owner, OwnerDeletion::kDoesNotWait)}}},
          {"spec", std::move(spec)}};
}

}  // namespace holdfast::controllers::repository
