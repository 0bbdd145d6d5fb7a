#include "tests/integration/faults/played_kubelet.h"

#include "base/clock.h"
#include "base/hash.h"
#include "controllers/labels.h"
#include "jobs/protocol/result.h"
#include "operator/kube/wait.h"

namespace holdfast::faults {
namespace {

constexpr const char* kVerbPath = controllers::kVerbLabel;

std::string VerbOf(const Json& pod) { return FindString(pod, {"metadata", "labels", kVerbPath}); }

std::string JobOf(const Json& pod, const char* field) {
  const Json* owners = Find(pod, {"metadata", "ownerReferences"});
  if (owners == nullptr || owners->empty()) return "";
  return FindString(owners->front(), {field});
}

// 64 hex digits that depend on the name only.
std::string IdFor(const std::string& name) {
  std::string id;
  for (const char* part : {"1", "2", "3", "4", "5", "6", "7", "8"}) id += ShortHash(name + part, 8);
  return id;
}

protocol::MoverResult ResultOf(const std::string& verb, const std::string& job) {
  protocol::MoverResult result;
  result.verb = verb;
  result.files = 3;
  result.bytes = 3000;
  if (verb == "backup") result.snapshot = IdFor(job);
  if (verb == "probe") {
    result.verb = "init";
    result.repository_id = IdFor("repository");
  }
  return result;
}

Json EndedWell(const std::string& verb, const std::string& job, const std::string& now) {
  const Json terminated = {{"exitCode", 0},
                           {"reason", "Completed"},
                           {"startedAt", now},
                           {"finishedAt", now},
                           {"message", protocol::Encode(ResultOf(verb, job))}};
  return {{"phase", "Succeeded"},
          {"containerStatuses",
           {{{"name", "mover"},
             {"image", "none"},
             {"imageID", ""},
             {"ready", false},
             {"restartCount", 0},
             {"state", {{"terminated", terminated}}}}}}};
}

Json MadeReady(const std::string& now) {
  return {{"phase", "Running"},
          {"conditions", {{{"type", "Ready"}, {"status", "True"}, {"lastTransitionTime", now}}}}};
}

}  // namespace

PlayedKubelet::PlayedKubelet(const kube::Api& api, const std::string& ns)
    : api_(api),
      pods_(api, {kube::kPods, ns, ""}, [](const Json& pod) -> Result<Json> { return pod; }) {
  watch_ = std::jthread([this](std::stop_token stop) { pods_.Run(stop); });
  play_ = std::jthread([this](std::stop_token stop) { Play(stop); });
}

PlayedKubelet::~PlayedKubelet() = default;

void PlayedKubelet::Hold(bool held) {
  const std::lock_guard lock(mutex_);
  held_ = held;
}

std::map<std::string, std::set<std::string>> PlayedKubelet::jobs() const {
  const std::lock_guard lock(mutex_);
  return jobs_;
}

// Level-based, so that an outage of the API server loses nothing.
void PlayedKubelet::Play(std::stop_token stop) {
  while (kube::WaitFor(std::chrono::milliseconds(20), stop)) {
    std::vector<std::pair<kube::ObjectKey, std::shared_ptr<const Json>>> pending;
    pods_.cache().ForEach([&](const kube::ObjectKey& key, const auto& pod) {
      const bool is_new = FindString(*pod, {"status", "phase"}) == "Pending";
      if (is_new && Find(*pod, {"metadata", "deletionTimestamp"}) == nullptr)
        pending.emplace_back(key, pod);
    });
    for (const auto& [key, pod] : pending) PlayOne(key, *pod, stop);
  }
}

void PlayedKubelet::PlayOne(const kube::ObjectKey& key, const Json& pod, std::stop_token stop) {
  const std::string verb = VerbOf(pod);
  const std::string now = FormatTime(SystemClock().Now());
  {
    const std::lock_guard lock(mutex_);
    if (held_) return;
    if (!verb.empty()) jobs_[key.ns + "/" + JobOf(pod, "name")].insert(JobOf(pod, "uid"));
  }
  const Json status = verb.empty() ? MadeReady(now) : EndedWell(verb, JobOf(pod, "name"), now);
  // What fails is tried again at the next look.
  (void)api_.MergePatch(kube::kPods, key, {{"status", status}}, stop, "status");
}

}  // namespace holdfast::faults
