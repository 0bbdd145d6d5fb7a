#include "controllers/hooks/runner.h"

#include <algorithm>

#include <spdlog/fmt/fmt.h>

#include "base/json.h"
#include "controllers/hooks/tail.h"

namespace holdfast::controllers::hooks {
namespace {

constexpr const char* kDefaultContainer = "kubectl.kubernetes.io/default-container";

std::string ContainerIdOf(const Json& pod, const std::string& name) {
  const Json* statuses = Find(pod, {"status", "containerStatuses"});
  if (statuses == nullptr || !statuses->is_array()) return "";
  for (const Json& status : *statuses)
    if (FindString(status, {"name"}) == name && Find(status, {"state", "running"}) != nullptr)
      return FindString(status, {"containerID"});
  return "";
}

}  // namespace

Result<std::pair<std::string, std::string>> FindContainer(const Json& pod,
                                                          const std::string& name) {
  const std::string annotated = FindString(pod, {"metadata", "annotations", kDefaultContainer});
  const std::string& wanted = name.empty() ? annotated : name;
  const Json* containers = Find(pod, {"spec", "containers"});
  std::string names;
  if (containers != nullptr && containers->is_array())
    for (const Json& container : *containers) {
      const std::string found = FindString(container, {"name"});
      if (wanted.empty() || found == wanted) return std::pair(found, ContainerIdOf(pod, found));
      names += (names.empty() ? "" : ", ") + found;
    }
  return Fail(Code::kInvalid, fmt::format("pod {} has no container \"{}\"; it has: {}",
                                          FindString(pod, {"metadata", "name"}), wanted, names));
}

Runner::Runner(const kube::Api& api, kube::Executor& executor, const Clock& clock)
    : api_(api), executor_(executor), clock_(clock) {}

Runner::~Runner() { Stop(); }

void Runner::Stop() {
  std::vector<std::jthread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (Lane* lane : {&freeze_, &thaw_}) {
      for (std::jthread& thread : lane->threads) threads.push_back(std::move(thread));
      lane->threads.clear();
      lane->waiting.clear();
    }
  }
  for (std::jthread& thread : threads) thread.request_stop();
}

void Runner::OnEnded(std::function<void(const Owner&)> listener) {
  on_ended_ = std::move(listener);
}

void Runner::Start(Task task) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return;
  News& news = news_[task.owner.uid];
  if (!news.running.insert(task.run).second) return;
  Lane& lane = task.thaws ? thaw_ : freeze_;
  lane.waiting.push_back(std::move(task));
  if (lane.idle < lane.waiting.size() && lane.threads.size() < kThreads)
    lane.threads.emplace_back([this, &lane](const std::stop_token& stop) { Work(lane, stop); });
  work_.notify_all();
}

News Runner::Look(const std::string& owner_uid) const {
  const std::lock_guard lock(mutex_);
  const auto found = news_.find(owner_uid);
  return found == news_.end() ? News{} : found->second;
}

void Runner::Forget(const std::string& owner_uid, const std::vector<Outcome>& stored) {
  const std::lock_guard lock(mutex_);
  const auto found = news_.find(owner_uid);
  if (found == news_.end()) return;
  std::erase_if(found->second.ended, [&](const Outcome& outcome) {
    return std::ranges::any_of(stored, [&](const Outcome& other) {
      return other.run == outcome.run && other.time == outcome.time;
    });
  });
  if (found->second.ended.empty() && found->second.running.empty()) news_.erase(found);
}

void Runner::Work(Lane& lane, const std::stop_token& stop) {
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      ++lane.idle;
      const bool found = work_.wait(lock, stop, [&lane] { return !lane.waiting.empty(); });
      --lane.idle;
      if (!found || stop.stop_requested()) return;
      task = std::move(lane.waiting.front());
      lane.waiting.pop_front();
    }
    Outcome outcome = Run(task, stop);
    // How it ended stays unknown; whoever leads next deals with that.
    if (stop.stop_requested()) return;
    {
      const std::lock_guard lock(mutex_);
      News& news = news_[task.owner.uid];
      news.running.erase(task.run);
      news.ended.push_back(std::move(outcome));
    }
    if (on_ended_) on_ended_(task.owner);
  }
}

Outcome Runner::Run(const Task& task, const std::stop_token& stop) {
  Outcome outcome;
  outcome.run = task.run;
  Tail out(task.tail_limit);
  Tail err(task.tail_limit);
  const auto into = [](Tail& tail) {
    return [&tail](std::string_view bytes) -> Result<void> {
      tail.Add(bytes);
      return {};
    };
  };
  const auto run = [&]() -> Result<int> {
    TRY(const Json pod, api_.Get(kube::kPods, task.pod, stop));
    TRY(std::tie(outcome.container, outcome.container_id), FindContainer(pod, task.container));
    return executor_.Run({task.pod, outcome.container, task.command, task.timeout}, into(out),
                         into(err), stop);
  };
  outcome.exit_code = run();
  outcome.stdout_tail = out.Take();
  outcome.stderr_tail = err.Take();
  outcome.time = clock_.Now();
  return outcome;
}

}  // namespace holdfast::controllers::hooks
