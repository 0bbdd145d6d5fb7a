#include "controllers/mover_run.h"

#include <algorithm>
#include <utility>

#include "controllers/reasons.h"

namespace holdfast::controllers {
namespace {

Result<std::vector<PodView>> LivePods(const Context& context, const JobView& job,
                                      std::stop_token stop) {
  kube::ListOptions options;
  options.ns = job.key.ns;
  options.label_selector = "batch.kubernetes.io/controller-uid=" + job.uid;
  TRY(auto pods, ListAll<PodView>(context.api, kube::kPods, options, DecodePod, std::move(stop)));
  std::erase_if(pods, [&](const PodView& pod) { return pod.owner.uid != job.uid; });
  return pods;
}

bool MayBeBehind(const JobView& job, const std::vector<PodView>& pods, const MoverState& state) {
  if (!job.Finished() || state.result) return false;
  return job.complete ||
         std::ranges::none_of(pods, [](const PodView& pod) { return pod.Finished(); });
}

// A Job's pod is there within a second or two, unless something forbids it.
constexpr std::chrono::seconds kPodlessFor{10};

bool LacksPod(const JobView& job, const std::vector<PodView>& pods, TimePoint now) {
  return !job.Finished() && !job.suspended && job.active == 0 && pods.empty() &&
         now >= job.created + kPodlessFor;
}

struct PodRefusal {
  std::string time;  // RFC 3339
  std::string note;
};

Result<PodRefusal> DecodeRefusal(const Json& event) {
  PodRefusal refusal{FindString(event, {"metadata", "creationTimestamp"}),
                     FindString(event, {"note"})};
  for (const auto& last : {FindString(event, {"deprecatedLastTimestamp"}),
                           FindString(event, {"series", "lastObservedTime"})})
    refusal.time = std::max(refusal.time, last);
  return refusal;
}

// The Job controller says it in an event alone. Empty when it has said nothing (yet).
std::string WhyNoPod(const Context& context, const JobView& job, std::stop_token stop) {
  kube::ListOptions options;
  options.ns = job.key.ns;
  options.field_selector = "regarding.uid=" + job.uid + ",reason=FailedCreate";
  const auto events =
      ListAll<PodRefusal>(context.api, kube::kEvents, options, DecodeRefusal, std::move(stop));
  if (!events || events->empty()) return "";
  return std::ranges::max_element(*events, {}, &PodRefusal::time)->note;
}

}  // namespace

std::vector<kube::Cache<JobView>::Entry> JobsOf(const Caches& caches,
                                                const crds::ObjectMeta& owner) {
  std::vector<kube::Cache<JobView>::Entry> jobs;
  for (auto& [key, job] :
       caches.jobs.Find(index::kOwner, index::OwnedBy(owner.namespace_, owner.uid)))
    jobs.push_back(std::move(job));
  return jobs;
}

std::vector<PodView> PodsOf(const Caches& caches, const JobView& job) {
  std::vector<PodView> pods;
  for (const auto& [key, pod] :
       caches.pods.Find(index::kOwner, index::OwnedBy(job.key.ns, job.uid)))
    pods.push_back(*pod);
  return pods;
}

MoverState StateOrWhyNone(const Context& context, const JobView& job,
                          const std::vector<PodView>& pods, std::stop_token stop) {
  MoverState state = StateOfMover(job, pods);
  if (!LacksPod(job, pods, context.clock.Now())) return state;
  const std::string why = WhyNoPod(context, job, std::move(stop));
  if (why.empty()) return state;
  state.reason = reason::kPodRefused;
  state.message = "Job " + job.key.name + " cannot make its pod: " + why;
  return state;
}

MoverState LookAtMover(const Context& context, const JobView& job, std::stop_token stop) {
  const std::vector<PodView> cached = PodsOf(context.caches, job);
  MoverState state = StateOrWhyNone(context, job, cached, stop);
  if (!MayBeBehind(job, cached, state)) return state;
  const auto live = LivePods(context, job, std::move(stop));
  return live ? StateOfMover(job, *live) : MoverState{};
}

}  // namespace holdfast::controllers
