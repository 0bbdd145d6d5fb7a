#include "operator/kube/events.h"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <tuple>
#include <utility>

#include "base/hash.h"
#include "base/log.h"

namespace holdfast::kube {
namespace {

constexpr std::size_t kMostQueued = 256;
// Written events remembered for counting: enough for every object of a busy ten minutes.
constexpr std::size_t kMostRemembered = 1024;
constexpr std::chrono::minutes kSameFor{10};
// The API server refuses longer ones (core/v1 Event: reason 128, message 1024).
constexpr std::size_t kMostMessage = 1024;

struct Occurrence {
  ObjectReference object;
  EventType type = EventType::kNormal;
  std::string reason;
  std::string message;
  TimePoint first{};
  TimePoint last{};
  int count = 1;
};

using Sameness = std::tuple<std::string, ObjectKey, std::string, std::string>;

Sameness SamenessOf(const Occurrence& event) {
  return {event.object.uid, event.object.key, event.reason, event.message};
}

// Not in the middle of a UTF-8 character.
std::string Cut(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  text.resize(most);
  return text;
}

// The name must be new for each story and the same for its repetitions; object names may have 253
// bytes, and so may an event's.
std::string EventName(const Occurrence& event) {
  const auto& object = event.object;
  const std::string hash = ShortHash(object.resource.kind + object.uid + event.reason +
                                         event.message + FormatTimeNanos(event.first),
                                     16);
  std::string prefix = object.key.name.substr(0, 230);
  while (!prefix.empty() && (prefix.back() == '.' || prefix.back() == '-')) prefix.pop_back();
  return prefix + "." + hash;
}

// Events of cluster-scoped objects live in "default", as kubectl expects.
ObjectKey KeyFor(const Occurrence& event) {
  const std::string& ns = event.object.key.ns;
  return {ns.empty() ? "default" : ns, EventName(event)};
}

Json ToJson(const Occurrence& event, const ObjectKey& key, const std::string& component) {
  const auto& [resource, object, uid] = event.object;
  Json involved = {{"apiVersion", resource.ApiVersion()},
                   {"kind", resource.kind},
                   {"name", object.name},
                   {"uid", uid}};
  if (!object.ns.empty()) involved["namespace"] = object.ns;
  return {{"apiVersion", "v1"},
          {"kind", "Event"},
          {"metadata", {{"name", key.name}, {"namespace", key.ns}}},
          {"involvedObject", std::move(involved)},
          {"type", event.type == EventType::kNormal ? "Normal" : "Warning"},
          {"reason", event.reason},
          {"message", event.message},
          {"count", event.count},
          {"firstTimestamp", FormatTime(event.first)},
          {"lastTimestamp", FormatTime(event.last)},
          {"source", {{"component", component}}},
          {"reportingComponent", component},
          {"reportingInstance", component}};
}

class Recorder final : public EventRecorder {
 public:
  Recorder(const Api& api, const Clock& clock, std::string component)
      : api_(api),
        clock_(clock),
        component_(std::move(component)),
        writer_([this](std::stop_token stop) { Run(stop); }) {}

  void Record(const ObjectReference& object, EventType type, const std::string& reason,
              const std::string& message) override {
    const TimePoint now = clock_.Now();
    Occurrence event{object, type, reason, Cut(message, kMostMessage), now, now};
    const std::lock_guard lock(mutex_);
    if (CountQueued(event)) return;
    if (queue_.size() == kMostQueued) queue_.pop_front();
    queue_.push_back(std::move(event));
    changed_.notify_one();
  }

 private:
  // Whether the same event is still waiting to be written; then it counts there.
  bool CountQueued(const Occurrence& event) {
    for (Occurrence& queued : queue_) {
      if (SamenessOf(queued) != SamenessOf(event)) continue;
      ++queued.count;
      queued.last = event.last;
      return true;
    }
    return false;
  }

  void Run(std::stop_token stop) {
    for (;;) {
      Occurrence event;
      {
        std::unique_lock lock(mutex_);
        if (!changed_.wait(lock, stop, [this] { return !queue_.empty(); })) return;
        event = std::move(queue_.front());
        queue_.pop_front();
      }
      const Result<void> written = Write(event, stop);
      if (!written && !stop.stop_requested())
        Log(spdlog::level::debug, "events", "an event was lost",
            {{"reason", event.reason}, {"error", written.error().message}});
    }
  }

  Result<void> Write(const Occurrence& event, std::stop_token stop) {
    ForgetOld(event.last);
    const auto known = written_.find(SamenessOf(event));
    if (known == written_.end()) return WriteNew(event, stop);
    Occurrence& first = known->second;
    first.count += event.count;
    first.last = event.last;
    const Json patch = {{"count", first.count}, {"lastTimestamp", FormatTime(first.last)}};
    const Result<Json> patched = api_.MergePatch(kEvents, KeyFor(first), patch, stop);
    if (patched) return {};
    if (!IsAbsent(patched.error())) return tl::unexpected(patched.error());
    written_.erase(known);  // the server's own time to live has removed it
    return WriteNew(event, stop);
  }

  Result<void> WriteNew(const Occurrence& event, std::stop_token stop) {
    const ObjectKey key = KeyFor(event);
    TRY_VOID(api_.Create(kEvents, key.ns, ToJson(event, key, component_), stop));
    if (written_.size() == kMostRemembered) written_.clear();
    written_.emplace(SamenessOf(event), event);
    return {};
  }

  void ForgetOld(TimePoint now) {
    std::erase_if(written_,
                  [now](const auto& entry) { return now - entry.second.first > kSameFor; });
  }

  const Api& api_;
  const Clock& clock_;
  const std::string component_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Occurrence> queue_;

  std::map<Sameness, Occurrence> written_;  // the writer's own
  std::jthread writer_;                     // last: it uses all of the above
};

}  // namespace

std::unique_ptr<EventRecorder> MakeEventRecorder(const Api& api, const Clock& clock,
                                                 std::string component) {
  return std::make_unique<Recorder>(api, clock, std::move(component));
}

}  // namespace holdfast::kube
