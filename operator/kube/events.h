// Kubernetes Events (events.k8s.io/v1, with series): the short story of an object that `kubectl
// describe` shows.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "operator/kube/api.h"

namespace holdfast::kube {

struct ObjectReference {
  Resource resource;
  ObjectKey key;
  std::string uid;
};

enum class EventType { kNormal, kWarning };

class EventRecorder {
 public:
  virtual ~EventRecorder() = default;
  // Never blocks and never fails: events are best effort, and a full queue drops the oldest. The
  // same (object, reason, message) again within ten minutes makes a series of the first one, and so
  // does an eleventh message of one (object, reason): many alike are one event.
  virtual void Record(const ObjectReference& object, EventType type, const std::string& reason,
                      const std::string& message) = 0;
};

// Who reports: "holdfast", and which of its processes.
struct EventSource {
  std::string controller;
  std::string instance;
};

// Writes through `api` on a thread of its own until destroyed.
std::unique_ptr<EventRecorder> MakeEventRecorder(const Api& api, const Clock& clock,
                                                 EventSource source);

}  // namespace holdfast::kube
