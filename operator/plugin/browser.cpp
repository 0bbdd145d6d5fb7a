#include "operator/plugin/browser.h"

#include <algorithm>
#include <utility>

#include "controllers/mover_job.h"
#include "jobs/protocol/exit_code.h"

namespace holdfast::plugin {
namespace {

// A command that starts now is to be over before the pod is.
constexpr std::chrono::seconds kLeastTimeLeft{60};
constexpr std::chrono::minutes kDefaultPeriod{10};
constexpr std::chrono::hours kLongestCommand{24};
constexpr std::size_t kMostOutput = 64UL * 1024 * 1024;
constexpr std::size_t kMostWords = 4096;  // of an error

Code CodeOf(protocol::ExitCode exit) {
  using protocol::ExitCode;
  switch (exit) {
    case ExitCode::kNothingFound:
    case ExitCode::kNoRepository:
    case ExitCode::kNoBucket:
      return Code::kNotFound;
    case ExitCode::kUsage:
      return Code::kInvalid;
    case ExitCode::kWrongPassword:
    case ExitCode::kDenied:
      return Code::kDenied;
    case ExitCode::kCorrupt:
    case ExitCode::kVerifyFailed:
      return Code::kCorrupt;
    case ExitCode::kUnreachable:
    case ExitCode::kLocked:
      return Code::kUnavailable;
    case ExitCode::kNotSupported:
      return Code::kNotSupported;
    default:
      return Code::kInternal;
  }
}

// The last of what the mover said, without its name in front.
std::string LastWords(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  const std::string name = "holdfast-mover: ";
  for (std::size_t at = 0; (at = text.find(name, at)) != text.npos;)
    if (at == 0 || text[at - 1] == '\n')
      text.erase(at, name.size());
    else
      ++at;
  return text;
}

std::string WhyNot(const crds::Restore& restore) {
  const crds::Condition* ready = crds::FindCondition(restore.status.conditions, crds::kReady);
  return ready == nullptr
             ? "the operator has not seen it yet; is it running? kubectl get pods -A -l "
               "app.kubernetes.io/name=holdfast"
             : ready->message;
}

}  // namespace

Json BrowseRestore(const Browser::Wish& wish) {
  return {{"apiVersion", std::string(crds::kApiVersion)},
          {"kind", "Restore"},
          {"metadata",
           {{"generateName", "browse-"},
            {"labels", {{"app.kubernetes.io/created-by", "kubectl-holdfast"}}}}},
          {"spec",
           {{"source", {{"repository", wish.repository}}},
            {"target", {{"browse", {{"period", wish.period}}}}}}}};
}

const crds::Restore* RunningBrowse(const std::vector<crds::Restore>& restores,
                                   const std::string& repository, TimePoint now) {
  const auto fits = [&](const crds::Restore& restore) {
    const auto& browse = restore.spec.target.browse;
    if (!browse || restore.metadata.deletion_timestamp || restore.status.pod.empty() ||
        restore.status.repository != repository ||
        restore.status.phase != crds::RestorePhase::kBrowsing)
      return false;
    const auto end = restore.status.start_time.value_or(TimePoint{}) +
                     ParseDuration(browse->period).value_or(kDefaultPeriod);
    return end >= now + kLeastTimeLeft;
  };
  const auto found = std::ranges::find_if(restores, fits);
  return found == restores.end() ? nullptr : &*found;
}

Result<std::optional<Browser>> Browser::Running(const Session& session,
                                                const std::string& repository) {
  Session here = session;
  here.all_namespaces = false;
  TRY(const auto restores, ListObjects<crds::Restore>(here));
  const crds::Restore* found = RunningBrowse(restores, repository, session.clock.Now());
  if (found == nullptr) return std::nullopt;
  return Browser(session, found->metadata.name, found->status.pod, false);
}

Result<Browser> Browser::Open(const Session& session, const Wish& wish) {
  TRY(auto running, Running(session, wish.repository));
  if (running) return *std::move(running);
  const kube::Resource& resource = controllers::ResourceOf<crds::Restore>();
  TRY(const Json made, CreateObject(session, resource, BrowseRestore(wish)));
  const std::string name = FindString(made, {"metadata", "name"});
  // From here on it is removed whatever happens.
  Browser browser(session, name, "", !wish.keep);
  const auto look = [&](const Json& object) -> Result<bool> {
    TRY(const auto restore, crds::Decode<crds::Restore>(object));
    session.screen.Live(
        {"Starting a pod that reads BackupRepository " + wish.repository + ": " + WhyNot(restore)});
    if (restore.status.phase == crds::RestorePhase::kFailed ||
        restore.status.phase == crds::RestorePhase::kSucceeded ||
        crds::IsTrue(restore.status.conditions, crds::kStalled))
      return Fail(Code::kUnavailable, "the repository cannot be read: " + WhyNot(restore));
    browser.pod_ = restore.status.pod;
    return restore.status.phase == crds::RestorePhase::kBrowsing && !browser.pod_.empty();
  };
  const auto awaited = AwaitObject(session, resource, name, look);
  session.screen.ClearLive();
  if (!awaited) {
    browser.remove_ = true;
    return tl::make_unexpected(awaited.error());
  }
  if (wish.keep)
    session.screen.Note("Restore " + name + " keeps the pod for " + wish.period +
                        ", and what you do next is quicker. To end it: kubectl -n " + session.ns +
                        " delete rst " + name);
  return browser;
}

Browser::Browser(Browser&& other) noexcept
    : session_(other.session_),
      restore_(std::move(other.restore_)),
      pod_(std::move(other.pod_)),
      remove_(std::exchange(other.remove_, false)) {}

// After a stop too: with a token of its own.
Browser::~Browser() {
  if (!remove_) return;
  const auto removed = session_->api.Delete(controllers::ResourceOf<crds::Restore>(),
                                            {session_->ns, restore_}, {}, std::stop_token());
  if (!removed && !IsAbsent(removed.error()))
    session_->screen.Note("Restore " + restore_ +
                          " could not be removed, and ends by itself: " + removed.error().message);
}

Result<void> Browser::Run(std::vector<std::string> words, const kube::ExecSink& sink) const {
  kube::ExecRequest request;
  request.pod = {session_->ns, pod_};
  request.container = controllers::kMoverContainer;
  request.command = std::move(words);
  request.command.insert(request.command.begin(), "holdfast-mover");
  request.timeout = kLongestCommand;
  std::string said;
  const auto keep = [&](std::string_view bytes) -> Result<void> {
    said += bytes;
    if (said.size() > kMostWords) said.erase(0, said.size() - kMostWords);
    return {};
  };
  const auto exit = session_->executor.Run(request, sink, keep, session_->stop);
  if (!exit) return tl::make_unexpected(Advise(exit.error()));
  if (*exit == 0) return {};
  return Fail(
      CodeOf(protocol::ExitCodeFromNumber(*exit)),
      said.empty() ? "the mover ended with exit code " + std::to_string(*exit) : LastWords(said));
}

Result<std::string> Browser::Output(std::vector<std::string> words) const {
  std::string output;
  const auto keep = [&](std::string_view bytes) -> Result<void> {
    if (output.size() + bytes.size() > kMostOutput)
      return Fail(Code::kInvalid, "the answer is longer than 64 MiB; ask for less");
    output += bytes;
    return {};
  };
  TRY_VOID(Run(std::move(words), keep));
  return output;
}

}  // namespace holdfast::plugin
