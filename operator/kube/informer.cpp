#include "operator/kube/informer.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include <spdlog/fmt/fmt.h>

#include "base/log.h"
#include "operator/kube/request.h"
#include "operator/kube/wait.h"
#include "operator/kube/watch.h"

namespace holdfast::kube {
namespace {

using std::chrono::steady_clock;

// As client-go. Objects are decoded as they stream in, so no page is ever whole in memory.
constexpr int kPageSize = 500;
// As client-go: between five and ten minutes, so that not all watches end at once.
constexpr std::chrono::seconds kWatchLifetime{450};
// The same problem is said again only after so long.
constexpr std::chrono::seconds kRepeatProblem{60};

std::chrono::seconds Lifetime() {
  return std::chrono::duration_cast<std::chrono::seconds>(Jittered(kWatchLifetime, 0.33));
}

std::string FullName(const Resource& resource) {
  return resource.group.empty() ? resource.plural : resource.plural + "." + resource.group;
}

using Ticks = std::atomic<steady_clock::rep>;

steady_clock::rep Now() { return steady_clock::now().time_since_epoch().count(); }

std::chrono::seconds Since(const Ticks& ticks) {
  return std::chrono::duration_cast<std::chrono::seconds>(
      steady_clock::duration(Now() - ticks.load()));
}

}  // namespace

struct InformerBase::State {
  struct Listener {
    Concerned concerned;
    Notify notify;
  };

  State(const Api& the_api, InformerOptions the_options)
      : api(the_api), options(std::move(the_options)) {}

  ListOptions Selection() const { return {options.ns, options.label_selector, "", kPageSize, ""}; }
  void Heard() {
    last_heard = Now();
    Alive();
  }
  void Alive() { last_alive = Now(); }
  std::string Sentence(const Error& error) const;
  void Report(const Error& error);
  void Recovered();

  const Api& api;
  const InformerOptions options;
  std::vector<Listener> listeners;
  Notify on_gone;
  WatchMachine machine;
  std::atomic<bool> synced{false};
  Ticks last_heard{Now()};
  Ticks last_alive{Now()};
  std::atomic<std::uint64_t> undecodable{0};
  std::atomic<std::uint64_t> begun{0};

  mutable std::mutex mutex;
  std::string problem;  // guarded by mutex
  steady_clock::time_point reported{};
};

std::string InformerBase::State::Sentence(const Error& error) const {
  if (error.code != Code::kNotFound) return error.message;
  return fmt::format(
      "the API server does not serve {} {}: install its CustomResourceDefinition (the Helm chart "
      "does, or kubectl apply --server-side -f crds/)",
      FullName(options.resource), options.resource.version);
}

void InformerBase::State::Report(const Error& error) {
  const auto now = steady_clock::now();
  std::string sentence = Sentence(error);
  {
    const std::lock_guard lock(mutex);
    if (sentence == problem && now - reported < kRepeatProblem) return;
    problem = sentence;
    reported = now;
  }
  // History that the server forgot is ordinary; the fresh list follows.
  const auto level = error.code == Code::kGone ? spdlog::level::info : spdlog::level::warn;
  Log(level, "informer", sentence, {{"resource", FullName(options.resource)}});
}

void InformerBase::State::Recovered() {
  const std::lock_guard lock(mutex);
  problem.clear();
}

InformerBase::InformerBase(const Api& api, InformerOptions options)
    : state_(std::make_unique<State>(api, std::move(options))) {}

InformerBase::~InformerBase() = default;

void InformerBase::AddListener(Concerned concerned, Notify notify) {
  state_->listeners.push_back({std::move(concerned), std::move(notify)});
}

void InformerBase::OnGone(Notify notify) { state_->on_gone = std::move(notify); }

bool InformerBase::Synced() const { return state_->synced; }

std::uint64_t InformerBase::Begun() const { return state_->begun; }

std::chrono::seconds InformerBase::Silence() const { return Since(state_->last_heard); }

std::chrono::seconds InformerBase::Idle() const { return Since(state_->last_alive); }

std::string InformerBase::Problem() const {
  const std::lock_guard lock(state_->mutex);
  return state_->problem;
}

std::uint64_t InformerBase::Undecodable() const { return state_->undecodable; }

const Resource& InformerBase::resource() const { return state_->options.resource; }

const std::string& InformerBase::ns() const { return state_->options.ns; }

void InformerBase::Change(const ObjectKey& key, const std::function<void()>& change,
                          const std::string& version) {
  std::vector<std::set<ObjectKey>> concerned;
  const auto ask = [&](std::size_t i) {
    for (ObjectKey& other : state_->listeners[i].concerned(key))
      concerned[i].insert(std::move(other));
  };
  concerned.resize(state_->listeners.size());
  for (std::size_t i = 0; i < concerned.size(); ++i) ask(i);
  change();
  // Before anybody is told: who comes to look is to believe what it sees.
  if (!version.empty()) freshness().Reached(ns(), version);
  for (std::size_t i = 0; i < concerned.size(); ++i) {
    ask(i);
    for (const ObjectKey& other : concerned[i]) state_->listeners[i].notify(other);
  }
}

void InformerBase::Keep(const Json& object, const std::string& version) {
  const ObjectKey key = KeyOf(object);
  const auto& chooses = state_->options.chooses;
  if (chooses && !chooses(object)) {
    Change(
        key, [&] { Drop(key); }, version);
    return;
  }
  const Result<std::function<void()>> store = Decode(key, object);
  if (store) return Change(key, *store, version);
  ++state_->undecodable;
  freshness().Lost(key);
  Log(spdlog::level::err, "informer",
      "an object cannot be read; what was known of it before, if anything, still counts",
      {{"resource", FullName(resource())},
       {"object", ToString(key)},
       {"error", store.error().message}});
}

void InformerBase::Lose(const ObjectKey& key, const std::string& version) {
  Change(
      key, [&] { Drop(key); }, version);
  if (state_->on_gone) state_->on_gone(key);
}

Result<void> InformerBase::List(std::stop_token stop) {
  State& state = *state_;
  state.machine.StartList(Keys());
  const auto visit = [&](const Json& object) -> Result<void> {
    state.Heard();
    state.machine.Seen(KeyOf(object));
    Keep(object, "");
    return {};
  };
  TRY(std::string version, state.api.List(state.options.resource, state.Selection(), visit, stop));
  state.Heard();
  for (const ObjectKey& key : state.machine.Listed(std::move(version))) Lose(key, "");
  // Who looked at one of these while the list streamed in was told to wait for it to come.
  for (const ObjectKey& key : freshness().Completed(ns(), state.machine.resource_version()))
    Change(
        key, [] {}, "");
  state.synced = true;
  state.Recovered();
  return {};
}

Result<void> InformerBase::Watch(std::stop_token stop) {
  State& state = *state_;
  const auto on_line = [&](std::string_view line) -> Result<void> {
    state.Heard();
    TRY(const WatchEvent event, state.machine.Line(line));
    state.Recovered();
    const std::string& version = state.machine.resource_version();
    if (event.type == WatchEvent::Type::kStore) Keep(event.object, version);
    if (event.type == WatchEvent::Type::kDrop) Lose(event.key, version);
    freshness().Reached(ns(), version);  // also when it is all that came
    return {};
  };
  TRY_VOID(state.api.Watch(state.options.resource, state.Selection(),
                           state.machine.resource_version(), Lifetime(), on_line, stop));
  state.machine.Ended();
  return {};
}

void InformerBase::Run(std::stop_token stop) {
  State& state = *state_;
  while (WaitFor(state.machine.Pause(), stop)) {
    state.Alive();
    const bool watching = state.machine.state() == WatchState::kWatching;
    ++state.begun;
    const Result<void> done = watching ? Watch(stop) : List(stop);
    if (done || stop.stop_requested()) continue;
    if (!watching && done.error().code == Code::kNotFound) state.synced = false;
    state.machine.Failed(done.error());
    state.Report(done.error());
  }
}

}  // namespace holdfast::kube
