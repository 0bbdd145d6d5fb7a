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
// More messages than these of one reason on one object within kSameFor become one event.
constexpr int kMostAlike = 10;
constexpr std::string_view kCombined = "(combined from similar events) ";
// The API server refuses longer ones (events.k8s.io/v1: note 1024, reportingInstance 128).
constexpr std::size_t kMostMessage = 1024;
constexpr std::size_t kMostInstance = 128;

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

Json ToJson(const Occurrence& event, const ObjectKey& key, const EventSource& source) {
  const auto& [resource, object, uid] = event.object;
  Json regarding = {{"apiVersion", resource.ApiVersion()},
                    {"kind", resource.kind},
                    {"name", object.name},
                    {"uid", uid}};
  if (!object.ns.empty()) regarding["namespace"] = object.ns;
  return {{"apiVersion", kEvents.ApiVersion()},
          {"kind", kEvents.kind},
          {"metadata", {{"name", key.name}, {"namespace", key.ns}}},
          {"eventTime", FormatTimeMicros(event.first)},
          {"regarding", std::move(regarding)},
          {"type", event.type == EventType::kNormal ? "Normal" : "Warning"},
          {"action", "Reconcile"},
          {"reason", event.reason},
          {"note", event.message},
          {"reportingController", source.controller},
          {"reportingInstance", Cut(source.instance, kMostInstance)}};
}

Json SeriesOf(const Occurrence& event) {
  return {{"series", {{"count", event.count}, {"lastObservedTime", FormatTimeMicros(event.last)}}}};
}

class Recorder final : public EventRecorder {
 public:
  Recorder(const Api& api, const Clock& clock, EventSource source)
      : api_(api),
        clock_(clock),
        source_(std::move(source)),
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
    auto known = written_.find(SamenessOf(event));
    if (known == written_.end() && CountAlike(event) >= kMostAlike) {
      // What is the same about them all; the event's note is that of the first.
      Occurrence combined = event;
      combined.message = kCombined;
      known = written_.find(SamenessOf(combined));
      if (known == written_.end()) return WriteNew(event, std::string(kCombined), stop);
    }
    if (known == written_.end()) return WriteNew(event, event.message, stop);
    Occurrence& first = known->second;
    first.count += event.count;
    first.last = event.last;
    const Result<Json> patched = api_.MergePatch(kEvents, KeyFor(first), SeriesOf(first), stop);
    if (patched) return {};
    if (!IsAbsent(patched.error())) return tl::unexpected(patched.error());
    written_.erase(known);  // the server's own time to live has removed it
    return WriteNew(event, event.message, stop);
  }

  // `known_as` is what later ones are compared with: the message, or what stands for many.
  Result<void> WriteNew(Occurrence event, const std::string& known_as, std::stop_token stop) {
    if (known_as != event.message) event.message = Cut(known_as + event.message, kMostMessage);
    const ObjectKey key = KeyFor(event);
    TRY_VOID(api_.Create(kEvents, key.ns, ToJson(event, key, source_), stop));
    if (event.count > 1) TRY_VOID(api_.MergePatch(kEvents, key, SeriesOf(event), stop));
    if (written_.size() == kMostRemembered) written_.clear();
    Sameness sameness = SamenessOf(event);
    std::get<3>(sameness) = known_as;
    written_.emplace(std::move(sameness), std::move(event));
    return {};
  }

  // Other messages of the same reason on the same object.
  int CountAlike(const Occurrence& event) const {
    const auto& [uid, key, reason, message] = SamenessOf(event);
    int count = 0;
    for (auto it = written_.lower_bound({uid, key, reason, ""}); it != written_.end(); ++it) {
      if (std::get<0>(it->first) != uid || std::get<1>(it->first) != key ||
          std::get<2>(it->first) != reason)
        break;
      ++count;
    }
    return count;
  }

  void ForgetOld(TimePoint now) {
    std::erase_if(written_,
                  [now](const auto& entry) { return now - entry.second.first > kSameFor; });
  }

  const Api& api_;
  const Clock& clock_;
  const EventSource source_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Occurrence> queue_;

  std::map<Sameness, Occurrence> written_;  // the writer's own
  std::jthread writer_;                     // last: it uses all of the above
};

}  // namespace

std::unique_ptr<EventRecorder> MakeEventRecorder(const Api& api, const Clock& clock,
                                                 EventSource source) {
  return std::make_unique<Recorder>(api, clock, std::move(source));
}

}  // namespace holdfast::kube
