// Runs hooks in pods, off the workers: a hook may take minutes. Nothing here is kept over the
// process's end; what was started stands in the status of the Backup or Restore (runs.h).
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "controllers/hooks/runs.h"
#include "operator/kube/api.h"
#include "operator/kube/exec.h"

namespace holdfast::controllers::hooks {

// Whose hooks they are.
struct Owner {
  std::string controller;  // that is to look at it once a task has ended: "backup", "restore"
  kube::ObjectKey key;
  std::string uid;
};

struct Task {
  Owner owner;
  std::size_t run = 0;
  kube::ObjectKey pod;
  std::string container;  // empty: the pod's default container
  std::vector<std::string> command;
  std::chrono::milliseconds timeout{};
  std::size_t tail_limit = 0;  // bytes kept of each stream
  bool thaws = false;          // a post hook
};

// A bounded number of threads, made when they are needed. Post hooks have their own, so that what
// is frozen never waits for a pre hook that is slow.
//
// Threads: safe from many threads.
class Runner {
 public:
  static constexpr std::size_t kThreads = 8;  // of each kind

  // All must outlive it.
  Runner(const kube::Api& api, kube::Executor& executor, const Clock& clock);
  ~Runner();  // Stop
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // Breaks off what runs, and waits for its threads. Nothing is started any more.
  void Stop();

  // Called whenever a task of an owner has ended, on a thread of the Runner. Set before the first
  // Start.
  void OnEnded(std::function<void(const Owner&)> listener);

  // A run that is known already is not started twice.
  void Start(Task task);
  News Look(const std::string& owner_uid) const;
  // Lets go of outcomes that have been stored.
  void Forget(const std::string& owner_uid, const std::vector<Outcome>& stored);

 private:
  struct Lane {
    std::deque<Task> waiting;
    std::size_t idle = 0;
    std::vector<std::jthread> threads;
  };

  void Work(Lane& lane, const std::stop_token& stop);
  Outcome Run(const Task& task, const std::stop_token& stop);

  const kube::Api& api_;
  kube::Executor& executor_;
  const Clock& clock_;
  std::function<void(const Owner&)> on_ended_;
  mutable std::mutex mutex_;
  std::condition_variable_any work_;
  std::map<std::string, News> news_;  // by the owner's uid; guarded by mutex_, as the lanes
  bool stopped_ = false;
  Lane freeze_;
  Lane thaw_;
};

// Where a hook runs: the container it names, else the pod's
// kubectl.kubernetes.io/default-container, else its first; and that container's id, empty while it
// does not run. Invalid when the pod has no such container.
Result<std::pair<std::string, std::string>> FindContainer(const Json& pod, const std::string& name);

}  // namespace holdfast::controllers::hooks
