#include "controllers/repository/holders.h"

#include "controllers/labels.h"
#include "jobs/protocol/result.h"

namespace holdfast::controllers::repository {

std::string HolderOf(const std::string& cluster, const kube::ObjectKey& pod) {
  return cluster + "/" + pod.ns + "/" + pod.name;
}

std::optional<kube::ObjectKey> PodOfHolder(std::string_view holder, std::string_view cluster) {
  if (!holder.starts_with(cluster) || holder.substr(cluster.size(), 1) != "/") return std::nullopt;
  holder.remove_prefix(cluster.size() + 1);
  const std::size_t slash = holder.find('/');
  if (slash == holder.npos || slash == 0 || slash + 1 == holder.size()) return std::nullopt;
  const std::string_view pod = holder.substr(slash + 1);
  if (pod.find('/') != pod.npos) return std::nullopt;
  return kube::ObjectKey{std::string(holder.substr(0, slash)), std::string(pod)};
}

bool LeftWithoutWord(const PodView& pod) {
  if (!pod.Finished()) return false;
  const auto verb = pod.labels.find(kVerbLabel);
  const bool others = verb != pod.labels.end() && verb->second == kBrowseVerb;
  return others || !protocol::Decode(pod.termination_message);
}

std::vector<kube::ObjectKey> MoverWatch::Update(const kube::ObjectKey& repository,
                                                const std::vector<PodView>& pods) {
  const std::lock_guard lock(mutex_);
  Movers& movers = movers_[repository];
  std::set<kube::ObjectKey> working;
  std::set<kube::ObjectKey> handled;
  for (const PodView& pod : pods) {
    movers.working.erase(pod.key);
    if (movers.handled.contains(pod.key)) handled.insert(pod.key);
    if (pod.running)
      working.insert(pod.key);
    else if (LeftWithoutWord(pod) && !movers.handled.contains(pod.key))
      movers.lost.insert(pod.key);
  }
  // What is left of `working` was at work when last seen and has no pod any more.
  movers.lost.merge(movers.working);
  movers.working = std::move(working);
  movers.handled = std::move(handled);
  return {movers.lost.begin(), movers.lost.end()};
}

void MoverWatch::Handled(const kube::ObjectKey& repository) {
  const std::lock_guard lock(mutex_);
  Movers& movers = movers_[repository];
  movers.handled.merge(movers.lost);
  movers.lost.clear();
}

void MoverWatch::Forget(const kube::ObjectKey& repository) {
  const std::lock_guard lock(mutex_);
  movers_.erase(repository);
}

}  // namespace holdfast::controllers::repository
