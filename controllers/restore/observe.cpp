#include "controllers/restore/observe.h"

#include <algorithm>

#include "controllers/labels.h"
#include "controllers/mover_job.h"
#include "controllers/mover_run.h"
#include "controllers/repository/import.h"
#include "controllers/restore/browse.h"
#include "controllers/restore/decide.h"
#include "controllers/restore/follow_observe.h"
#include "controllers/restore/progress.h"
#include "controllers/restore/prospect.h"
#include "controllers/restore/rivals.h"
#include "controllers/restore/steps.h"
#include "controllers/write_status.h"

namespace holdfast::controllers::restore {
namespace {

// Absence as a value.
Result<std::optional<Json>> GetIfAny(const kube::Api& api, const kube::Resource& resource,
                                     const kube::ObjectKey& key, std::stop_token stop) {
  auto got = api.Get(resource, key, stop);
  if (got) return std::move(*got);
  if (IsAbsent(got.error())) return std::nullopt;
  return tl::make_unexpected(std::move(got).error());
}

// A VolumeAttachment.
struct AttachmentView {
  std::string volume;  // the PersistentVolume
  std::string node;
  bool attached = false;
};

Result<AttachmentView> DecodeAttachment(const Json& object) {
  const Json* attached = Find(object, {"status", "attached"});
  return AttachmentView{FindString(object, {"spec", "source", "persistentVolumeName"}),
                        FindString(object, {"spec", "nodeName"}),
                        attached != nullptr && *attached == true};
}

class Observer {
 public:
  Observer(const Context& context, ProgressBook& book, std::stop_token stop)
      : context_(context), caches_(context.caches), book_(book), stop_(std::move(stop)) {
    world_.now = std::chrono::floor<std::chrono::seconds>(context.clock.Now());
  }

  // One that is over needs nothing but its Jobs.
  Result<std::optional<World>> Past(const crds::Restore& restore) {
    world_.restore = restore;
    for (const auto& job : JobsOf(caches_, restore.metadata)) {
      Mover mover;
      mover.job = *job;
      world_.movers.emplace(job->key.name, std::move(mover));
    }
    TRY_VOID(LookAtClaimsOfFailed());
    return std::move(world_);
  }

  Result<std::optional<World>> Present(const kube::ObjectKey& key) {
    TRY(auto restore, ReadLive<crds::Restore>(context_, key, stop_));
    if (!restore) return std::nullopt;
    world_.restore = std::move(*restore);
    if (world_.restore.spec.target.populator) return std::move(world_);  // does nothing itself
    LookAtSource();
    SeeRivals(caches_, world_);
    world_.hook_news = context_.hooks.Look(world_.restore.metadata.uid);
    TRY_VOID(SeeSet(context_, world_, stop_));
    TRY_VOID(LookAtAutoscalers());
    TRY_VOID(LookAtMovers());
    TRY_VOID(LookAtClaims());
    return std::move(world_);
  }

 private:
  const std::string& Namespace() const { return world_.restore.metadata.namespace_; }
  const crds::RestoreStatus& Status() const { return world_.restore.status; }

  void LookAtSource() {
    if (!Status().repository.empty())
      if (const auto found = caches_.repositories.Get({Namespace(), Status().repository}))
        world_.repository = *found;
    if (!Status().estimate) world_.prospect = LookAhead(caches_, world_.restore);
    if (Status().volumes.empty()) SeeSource(caches_, world_);
  }

  bool HasStep(const char* name) const {
    return std::ranges::any_of(Status().steps,
                               [&](const crds::RestoreStep& step) { return step.name == name; });
  }
  // Somebody scaled it up, or its pods have not gone yet, while it is to stay at 0.
  bool IsUpTooEarly() const {
    return world_.set && Status().original_replicas && !HasStep(kScaleUpStep) &&
           (world_.set->replicas > 0 || world_.set->current_replicas > 0);
  }

  // What makes it too big a list for each look is asked only when it matters: before the scaling
  // down, and when somebody has scaled it up.
  Result<void> LookAtAutoscalers() {
    const bool before = world_.set && !Status().volumes.empty() && !Status().original_replicas;
    if (!before && !(IsUpTooEarly() && world_.set->replicas > 0)) return {};
    auto listed = ListAll<Autoscaler>(context_.api, kube::kHorizontalPodAutoscalers,
                                      {.ns = Namespace(),
                                       .label_selector = "",
                                       .field_selector = "",
                                       .page_size = 500,
                                       .not_older_than = ""},
                                      DecodeAutoscaler, stop_);
    // Not to be told their names costs a sentence, no more.
    if (!listed) return {};
    std::erase_if(*listed, [&](const Autoscaler& autoscaler) {
      return autoscaler.target_kind != kube::kStatefulSets.kind ||
             autoscaler.target_name != world_.set->key.name;
    });
    world_.autoscalers = *std::move(listed);
    return {};
  }

  Result<void> LookAtMovers() {
    const std::string ours =
        std::string(kRestoreLabel) + "=" + LabelValue(world_.restore.metadata.name);
    TRY(const auto jobs, ListAll<JobView>(context_.api, kube::kJobs,
                                          {.ns = Namespace(),
                                           .label_selector = ours,
                                           .field_selector = "",
                                           .page_size = 500,
                                           .not_older_than = ""},
                                          DecodeJob, stop_));
    for (const crds::VolumeRestore& volume : Status().volumes)
      for (const JobView& job : jobs)
        if (job.owner.uid == world_.restore.metadata.uid &&
            job.key.name == MoverName(world_.restore, volume.claim))
          world_.movers[volume.claim].job = job;
    if (world_.restore.spec.target.browse)
      for (const JobView& job : jobs)
        if (job.owner.uid == world_.restore.metadata.uid) world_.movers[kBrowser].job = job;
    TRY(auto pods, ListAll<PodView>(context_.api, kube::kPods,
                                    {.ns = Namespace(),
                                     .label_selector = SomeWait() || IsUpTooEarly() ? "" : ours,
                                     .field_selector = "",
                                     .page_size = 500,
                                     .not_older_than = ""},
                                    DecodePod, stop_));
    for (auto& [claim, mover] : world_.movers) Follow(mover, pods);
    world_.pods = std::move(pods);
    return {};
  }

  // Moves the mover's pods out of `pods`.
  void Follow(Mover& mover, std::vector<PodView>& pods) {
    const auto others = std::partition(pods.begin(), pods.end(), [&](const PodView& pod) {
      return pod.owner.uid != mover.job.uid;
    });
    const std::vector<PodView> own(others, pods.end());
    pods.erase(others, pods.end());
    mover.state = StateOrWhyNone(context_, mover.job, own, stop_);
    if (mover.state.phase != MoverPhase::kRunning) return book_.Forget(mover.job.uid);
    mover.progress = book_.Read(context_, mover.job, mover.state.pod, stop_);
  }

  bool Waits(const crds::VolumeRestore& volume) const {
    return !Ended(volume) && !world_.movers.contains(volume.claim);
  }
  bool SomeWait() const {
    return std::any_of(Status().volumes.begin(), Status().volumes.end(),
                       [&](const auto& volume) { return Waits(volume); });
  }

  Result<void> LookAtClaims() {
    for (const crds::VolumeRestore& volume : Status().volumes)
      if (Waits(volume)) TRY_VOID(LookAtClaim(volume.claim));
    return LookAtAttachments();
  }

  // Of movers that failed and whose Jobs are still there.
  Result<void> LookAtClaimsOfFailed() {
    for (const crds::VolumeRestore& volume : Status().volumes) {
      const auto mover = world_.movers.find(volume.job);
      if (mover != world_.movers.end() && mover->second.job.broken && !mover->second.job.deleting)
        TRY_VOID(LookAtClaim(volume.claim));
    }
    return {};
  }

  Result<void> LookAtClaim(const std::string& name) {
    TRY(const auto claim,
        GetIfAny(context_.api, kube::kPersistentVolumeClaims, {Namespace(), name}, stop_));
    ClaimState& state = world_.claims[name];
    if (!claim) return {};
    TRY(const ClaimView view, DecodeClaim(*claim));
    state = {.exists = true,
             .deleting = view.deleting,
             .block = view.block,
             .many_nodes = view.many_nodes,
             .volume = FindString(*claim, {"spec", "volumeName"})};
    return {};
  }

  // Which nodes have the volumes. Only between the scaling down and the first mover; not by
  // status.replicas, which lags behind pods that have gone.
  Result<void> LookAtAttachments() {
    if (!world_.set || !Status().original_replicas || world_.set->replicas > 0 || !SomeWait())
      return {};
    const auto listed = ListAll<AttachmentView>(context_.api, kube::kVolumeAttachments,
                                                {.ns = "",
                                                 .label_selector = "",
                                                 .field_selector = "",
                                                 .page_size = 500,
                                                 .not_older_than = ""},
                                                DecodeAttachment, stop_);
    // Without the right to ask (namespaced installations), Kubernetes alone waits for it.
    if (!listed && listed.error().code == Code::kDenied) return {};
    if (!listed) return tl::make_unexpected(listed.error());
    for (auto& [name, claim] : world_.claims)
      for (const AttachmentView& attachment : *listed)
        if (attachment.attached && attachment.volume == claim.volume)
          claim.attached_to = attachment.node;
    return {};
  }

  const Context& context_;
  const Caches& caches_;
  ProgressBook& book_;
  std::stop_token stop_;
  World world_;
};

}  // namespace

void SeeSource(const Caches& caches, World& world) {
  const std::string& ns = world.restore.metadata.namespace_;
  const crds::RestoreSource& source = world.restore.spec.source;
  if (!source.backup.empty())
    if (const auto found = caches.backups.Get({ns, source.backup})) world.backup = *found;
  if (source.policy.empty()) return;
  const kube::ObjectKey policy = {ns, source.policy};
  if (const auto found = caches.policies.Get(policy)) world.policy = *found;
  for (const auto& [key, backup] : caches.backups.Find(index::kPolicy, kube::ToString(policy)))
    world.backups.push_back(*backup);
  const std::string promotions = repository::Promotions(caches, ns);
  caches.repositories.ForEach([&](const kube::ObjectKey& key, const auto& found) {
    if (key.ns == ns && !repository::IsImported(*found, promotions)) world.importing = key.name;
  });
}

void SeeRivals(const Caches& caches, World& world) {
  const crds::ObjectMeta& meta = world.restore.metadata;
  std::vector<crds::Restore> others;
  caches.restores.ForEach([&](const kube::ObjectKey& key, const auto& other) {
    if (key.ns == meta.namespace_ && key.name != meta.name) others.push_back(*other);
  });
  world.earlier = EarlierRestore(world.restore, others);
  world.left_behind = SizeLeftBehind(world.restore, others);
}

Result<void> SeeSet(const Context& context, World& world, std::stop_token stop) {
  if (!InPlace(world.restore)) return {};
  const kube::ObjectKey key = {world.restore.metadata.namespace_,
                               world.restore.spec.target.stateful_set};
  TRY(auto object, GetIfAny(context.api, kube::kStatefulSets, key, stop));
  if (!object) return {};
  TRY(world.set, DecodeStatefulSet(*object));
  world.set_object = std::move(*object);
  return {};
}

Result<std::optional<World>> Observe(const Context& context, ProgressBook& book,
                                     const kube::ObjectKey& key, std::stop_token stop) {
  const auto cached = context.caches.restores.Get(key);
  if (cached == nullptr) return std::nullopt;
  if (cached->spec.mode == crds::RestoreMode::kFollow) return ObserveFollower(context, key, stop);
  Observer observer(context, book, std::move(stop));
  const bool past = IsOver(*cached) && cached->metadata.finalizers.empty();
  if (past) return observer.Past(*cached);
  return observer.Present(key);
}

}  // namespace holdfast::controllers::restore
