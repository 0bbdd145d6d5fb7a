// Plays the kubelet for a control plane without nodes, in one namespace: pods of movers end at once
// with the result that a mover of their verb has, all other pods become ready.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "operator/kube/informer.h"

namespace holdfast::faults {

class PlayedKubelet {
 public:
  // `api` must outlive it. An empty `ns` plays for all namespaces.
  PlayedKubelet(const kube::Api& api, const std::string& ns);
  ~PlayedKubelet();

  // Pods stay pending while held.
  void Hold(bool held);
  // uids of the Jobs that made a mover's pod, by "namespace/name" of the Job.
  std::map<std::string, std::set<std::string>> jobs() const;

 private:
  void Play(std::stop_token stop);
  void PlayOne(const kube::ObjectKey& key, const Json& pod, std::stop_token stop);

  const kube::Api& api_;
  kube::Informer<Json> pods_;
  mutable std::mutex mutex_;
  std::map<std::string, std::set<std::string>> jobs_;  // guarded by mutex_, as the next
  bool held_ = false;
  std::jthread watch_;
  std::jthread play_;
};

}  // namespace holdfast::faults
