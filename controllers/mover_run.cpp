#include "controllers/mover_run.h"

#include <algorithm>
#include <utility>

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

}  // namespace

std::vector<PodView> PodsOf(const Caches& caches, const JobView& job) {
  std::vector<PodView> pods;
  for (const auto& [key, pod] :
       caches.pods.Find(index::kOwner, index::OwnedBy(job.key.ns, job.uid)))
    pods.push_back(*pod);
  return pods;
}

MoverState LookAtMover(const Context& context, const JobView& job, std::stop_token stop) {
  const std::vector<PodView> cached = PodsOf(context.caches, job);
  MoverState state = StateOfMover(job, cached);
  if (!MayBeBehind(job, cached, state)) return state;
  const auto live = LivePods(context, job, std::move(stop));
  return live ? StateOfMover(job, *live) : MoverState{};
}

}  // namespace holdfast::controllers
